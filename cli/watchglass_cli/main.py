"""Entry point of `watchglass`."""

import importlib
import logging

import click

COMMANDS = {
    "up": "watchglass_cli.commands.up:up",
    "demo": "watchglass_cli.commands.demo:demo",
    "collect": "watchglass_cli.commands.parts:collect",
    "evaluate": "watchglass_cli.commands.evaluate:evaluate",
    "alert": "watchglass_cli.commands.parts:alert",
    "dashboard": "watchglass_cli.commands.parts:dashboard",
    "doctor": "watchglass_cli.commands.doctor:doctor",
    "verify": "watchglass_cli.commands.verify:verify",
    "quarantine": "watchglass_cli.commands.verify:quarantine",
    "delete": "watchglass_cli.commands.delete:delete",
    "query": "watchglass_cli.commands.data:query",
    "migrate": "watchglass_cli.commands.data:migrate",
    "references": "watchglass_cli.commands.data:references",
    "evaluators": "watchglass_cli.commands.evaluators:evaluators",
    "score": "watchglass_cli.commands.score:score",
    "bias": "watchglass_cli.commands.bias:bias",
    "rules": "watchglass_cli.commands.rules:rules",
    "alerts": "watchglass_cli.commands.alerts:alerts",
    "users": "watchglass_cli.commands.users:users",
    "prices": "watchglass_cli.commands.prices:prices",
    "keys": "watchglass_cli.commands.keys:keys",
    "bench": "watchglass_cli.commands.bench:bench",
}
"""Command -> "module:object". Loaded when it is used, so that `--help` is quick."""


def keep_examples(command: click.Command) -> None:
    r"""Let click leave the lines after a \b in help texts alone, also where it is written as in this text."""
    if command.help:
        command.help = command.help.replace("\\b\n", "\b\n")
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        keep_examples(inner)


class Commands(click.Group):
    """The table above as a click group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the table's order: the first thing to try comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        keep_examples(command)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="watchglass-server", prog_name="watchglass")
def cli() -> None:
    r"""Evaluate and monitor deployed LLM applications.

    \b
    watchglass demo                  the whole product with real traffic, in a temporary directory
    watchglass up                    run it for your applications: OTLP on 4317 and 4318, dashboard on 8501
    watchglass query 'SELECT …'      look at the data
    """


keep_examples(cli)


def main() -> None:
    """Run the command line."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"
    )
    for noisy in ("httpx", "urllib3", "uvicorn", "clickhouse_connect", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    cli()
