"""`watchglass verify` and `watchglass quarantine`: nothing acknowledged is lost, and how to see it."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table
from watchglass_collector import quarantine as store_room
from watchglass_collector import verify as books


@click.command()
@common
def verify(context: Context) -> None:
    r"""Compare what was received with what is stored, pending, quarantined and rejected; exits 1 on a gap.

    \b
    watchglass verify
    watchglass verify --json
    """
    with contextlib.closing(context.store()) as store:
        report = books.verify(store, context.data_dir / "spool")
    rows = [asdict(line) for line in report.hours]
    verdict = "\n".join(report.gaps) if report.gaps else "everything that was received is accounted for"
    context.emit({"hours": rows, "gaps": report.gaps}, f"{table(rows)}\n\n{verdict}")
    if report.gaps:
        sys.exit(1)


@click.group()
def quarantine() -> None:
    """What could not be stored."""


@quarantine.command(name="list")
@common
def list_files(context: Context) -> None:
    r"""Every file in quarantine, with its reason.

    \b
    watchglass quarantine list
    """
    rows = [asdict(item) for item in store_room.quarantined(context.data_dir)]
    context.emit(rows, table(rows) if rows else "quarantine is empty")


@quarantine.command()
@click.argument("names", nargs=-1)
@common
def replay(context: Context, names: Sequence[str]) -> None:
    r"""Have refused requests stored again, all or some; at once where the collector runs, else at its next start.

    \b
    watchglass quarantine replay
    """
    try:
        handed = store_room.replay(context.data_dir, list(names) or None)
    except ValueError as error:
        fail(str(error), EXIT_USAGE)
    context.emit({"replayed": handed}, f"handed over {len(handed)} files")
