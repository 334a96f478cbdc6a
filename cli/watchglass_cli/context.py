"""What every command shares: where the data is, the settings, JSON or text output, and how errors end a process."""

import functools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from watchglass_cli.settings import ConfigError, Settings, load
from watchglass_store import Store, StoreError, connect

EXIT_FAILED = 1
EXIT_USAGE = 2


@dataclass(frozen=True, slots=True)
class Context:
    """The common options of one invocation."""

    data_dir: Path
    """Directory of the embedded store, the spool and the run files."""
    config_file: Path | None
    """The file given with --config, if any: children are started with the same one."""
    settings: Settings
    as_json: bool
    """Print one JSON value on standard output instead of text."""

    def store(self, *, readonly: bool = False) -> Store:
        """A client of the store, embedded or server."""
        return connect(self.settings.store, self.data_dir, readonly=readonly)

    def arguments(self) -> list[str]:
        """The options that give a child process the same context."""
        config = ["--config", str(self.config_file)] if self.config_file else []
        return ["--data", str(self.data_dir), *config]

    def emit(self, value: Any, text: str) -> None:
        """Print `value` as JSON with --json, else `text`."""
        click.echo(json.dumps(value, default=str) if self.as_json else text)


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data, --config and --json, and turn expected errors into one line and an exit code."""

    @click.option(
        "--data",
        "data_dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("watchglass-data"),
        envvar="WATCHGLASS_DATA",
        show_default=True,
        help="Directory of the embedded store and the spool.",
    )
    @click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML file with settings.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
    @functools.wraps(command)
    def wrapped(data_dir: Path, config_file: Path | None, as_json: bool, **options: Any) -> Any:
        try:
            context = Context(data_dir.absolute(), config_file, load(config_file), as_json)
            return command(context, **options)
        except ConfigError as error:
            fail(str(error), EXIT_USAGE)
        except StoreError as error:
            fail(str(error))
        except BrokenPipeError:
            # The reader of our output went away (`| head`): nothing to say, nobody to say it to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return wrapped


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """Say what is wrong on standard error and end the process."""
    click.echo(f"watchglass: {message}", err=True)
    sys.exit(code)


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set, so that a part can finish what it holds."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
