"""`watchglass rules`: check, test and try alert rules before they wake anybody."""

import contextlib
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from watchglass_alerts import RuleError, backtest, load_rules, plot, test_rules
from watchglass_alerts.durations import parse_duration
from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def rules() -> None:
    """Check, test and backtest alert rules."""


@rules.command()
@FILE
@common
def check(context: Context, file: Path) -> None:
    r"""Validate a rules file; every error names the file, the line, the field and what is allowed.

    \b
    watchglass rules check rules.yaml
    """
    try:
        loaded = load_rules(file)
    except RuleError as error:
        fail(str(error))
    rows = [{"name": rule.name, "metric": rule.metric, "severity": rule.severity} for rule in loaded]
    context.emit(rows, table(rows))


@rules.command()
@FILE
@common
def test(context: Context, file: Path) -> None:
    r"""Run a file of unit tests: traffic by the minute, and which alerts are expected when.

    \b
    watchglass rules test rules_test.yaml
    """
    try:
        checks = test_rules(file)
    except RuleError as error:
        fail(str(error))
    failed = [item for item in checks if not item.passed]
    lines = [f"FAILED {item.where} {item.test}: {item.rule} at {item.at}: {item.problem}" for item in failed]
    context.emit([asdict(item) for item in checks], "\n".join([*lines, f"{len(checks)} checks, {len(failed)} failed"]))
    if failed:
        sys.exit(1)


@rules.command(name="backtest")
@FILE
@click.option("--rule", "name", help="Which rule of the file; left out: the only one.")
@click.option("--since", "length", default="24h", show_default=True, help="How far back: 6h, 7d.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Write the value and the firings as SVG.")
@common
def backtest_command(context: Context, file: Path, name: str | None, length: str, picture: Path | None) -> None:
    r"""Replay a rule over stored history: when it would have fired, and when resolved. Changes nothing.

    \b
    watchglass rules backtest rules.yaml --rule 'slow answers' --since 7d --plot slow.svg
    """
    try:
        found = {rule.name: rule for rule in load_rules(file)}
        chosen = name or (next(iter(found)) if len(found) == 1 else "")
        if chosen not in found:
            fail(f"--rule {name or ''}: choose from {', '.join(found)}", EXIT_USAGE)
        until = datetime.now(UTC)
        since = until - timedelta(seconds=parse_duration(length))
        with contextlib.closing(context.store()) as store:
            report = backtest(store, found[chosen], since, until)
    except (RuleError, ValueError) as error:
        fail(str(error), EXIT_USAGE)
    if picture:
        picture.write_text(plot(report), encoding="utf-8")
    rows = report.rows()
    context.emit(rows, f"{chosen}: {len(rows)} changes in {report.slots:,} slots\n\n{table(rows)}")
