"""`watchglass alerts`: what on-call people do from a terminal."""

import contextlib
import getpass
from collections.abc import Sequence
from datetime import timedelta

import click

from watchglass_alerts import RuleError, listing, save_silence
from watchglass_alerts.durations import parse_duration
from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table


@click.group()
def alerts() -> None:
    """List, silence and look back."""


@alerts.command(name="list")
@common
def list_alerts(context: Context) -> None:
    r"""What fires, is about to, or lacks data; the gravest first.

    \b
    watchglass alerts list --json
    """
    with contextlib.closing(context.store()) as store:
        rows = listing.list_alerts(store)
    shown = ("rule", "labels", "severity", "state", "since", "value", "sample_size", "silenced_until")
    context.emit(rows, table([{name: row[name] for name in shown} for row in rows]) if rows else "nothing is firing")


@alerts.command()
@click.option("--rule", default="", help="Of one rule.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="The most rows.")
@common
def history(context: Context, rule: str, limit: int) -> None:
    r"""What fired and resolved in the past week, newest first, and whether each channel got it.

    \b
    watchglass alerts history --rule 'slow answers'
    """
    with contextlib.closing(context.store()) as store:
        rows = listing.list_history(store, rule=rule, limit=limit)
    shown = ("slot", "rule", "labels", "change", "value", "sample_size", "reason", "deliveries")
    context.emit(rows, table([{name: row[name] for name in shown} for row in rows]))


@alerts.command()
@click.argument("matchers", nargs=-1, required=True, metavar="LABEL=VALUE…")
@click.option("--for", "length", default="2h", show_default=True, help="How long: 30m, 2h, 1d.")
@click.option("--comment", default="", help="Why; kept with the silence.")
@common
def silence(context: Context, matchers: Sequence[str], length: str, comment: str) -> None:
    r"""Stop notifications of the alerts whose labels all match; the alerts themselves go on.

    \b
    watchglass alerts silence 'rule=slow answers' --for 2h --comment 'known, fix is out'
    watchglass alerts silence service_name=checkout --for 30m
    """
    pairs = [matcher.partition("=") for matcher in matchers]
    wrong = [name for name, equals, _ in pairs if not equals or not name]
    if wrong:
        fail(f"{wrong[0]}: write LABEL=VALUE, for example 'rule=slow answers'", EXIT_USAGE)
    try:
        duration = timedelta(seconds=parse_duration(length))
    except ValueError as error:
        fail(f"--for {length}: {error}", EXIT_USAGE)
    try:
        with contextlib.closing(context.store()) as store:
            labels = {name: value for name, _, value in pairs}
            silence_id = save_silence(store, labels, duration=duration, author=getpass.getuser(), comment=comment)
    except RuleError as error:
        fail(str(error), EXIT_USAGE)
    context.emit({"id": silence_id, "matchers": labels}, f"silenced for {length} (silence {silence_id})")
