"""`watchglass doctor`: is everything up, and does every client send what it should?"""

import contextlib
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import click

from watchglass_alerts.durations import parse_duration
from watchglass_cli.commands.up import used_ports
from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.supervisor import listening
from watchglass_cli.table import table
from watchglass_store import StoreError, migrate
from watchglass_store.queries.sources import Source, sources


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    ok: bool
    detail: str
    """What is so, and when it is wrong, what to do."""


@click.command()
@click.option("--sources", "by_source", is_flag=True, help="Per client: calls, and which fields are missing how often.")
@click.option("--since", "length", default="24h", show_default=True, help="With --sources: how far back.")
@common
def doctor(context: Context, by_source: bool, length: str) -> None:
    r"""Look at the parts and at what clients send; exits 1 when something is wrong.

    \b
    watchglass doctor
    watchglass doctor --sources --since 7d
    """
    if by_source:
        try:
            since = datetime.now(UTC) - timedelta(seconds=parse_duration(length))
        except ValueError as error:
            fail(f"--since {length}: {error}", EXIT_USAGE)
        with contextlib.closing(context.store(readonly=True)) as store:
            found = sources(store, since)
        context.emit([asdict(item) for item in found], table([_row(item) for item in found]))
        return
    findings = [*_ports(context), _tables(context)]
    lines = [f"{'ok    ' if item.ok else 'WRONG '} {item.check}: {item.detail}" for item in findings]
    context.emit([asdict(item) for item in findings], "\n".join(lines))
    if not all(item.ok for item in findings):
        sys.exit(1)


def _row(source: Source) -> dict[str, object]:
    missing = [f"{field} {share:.0%}" for field, share in source.missing.items() if share]
    return {
        "service": source.service_name,
        "client": source.scope or source.sdk,
        "convention": source.convention,
        "calls": source.calls,
        "missing": ", ".join(missing) or "nothing",
    }


def _ports(context: Context) -> list[Finding]:
    findings = []
    for setting, (host, port) in used_ports(context).items():
        up = listening((host, port))
        detail = f"listening on {host}:{port}" if up else f"nothing listens on {host}:{port}; start `watchglass up`"
        findings.append(Finding(setting, up, detail))
    return findings


def _tables(context: Context) -> Finding:
    try:
        with contextlib.closing(context.store()) as store:
            pending = [item.name for item in migrate(store, dry_run=True)]
    except StoreError as error:
        return Finding("tables", False, str(error))
    if pending:
        return Finding("tables", False, f"{', '.join(pending)} not applied; run `watchglass migrate`")
    return Finding("tables", True, "at this version")
