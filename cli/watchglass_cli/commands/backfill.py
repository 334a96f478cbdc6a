"""`watchglass evaluate --backfill`: the past, with a progress bar."""

import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from watchglass_alerts.durations import parse_duration
from watchglass_cli.context import EXIT_FAILED, EXIT_USAGE, Context, fail
from watchglass_cli.table import table
from watchglass_evaluators import BackfillReport, EvaluatorsConfig
from watchglass_store import Store

if TYPE_CHECKING:
    from watchglass_evaluators.ray_engine import RayEngine


def run_backfill(
    context: Context,
    store: Store,
    config: EvaluatorsConfig,
    stop: threading.Event,
    since: str | None,
    until: str | None,
    evaluators: str | None,
    ray: "RayEngine | None",
) -> Callable[[], None]:
    """Score a range of the past, with a progress bar.

    Returns:
        What prints the result; it exits 1 when it is not done, with the command to go on.
    """
    from watchglass_evaluators import Backfill, registry

    now = datetime.now(UTC)
    if since is None:
        fail("--backfill needs --since, for example --since 7d", EXIT_USAGE)
    names = [name.strip() for name in evaluators.split(",")] if evaluators else []
    first, last = moment("--since", since, now), moment("--until", until, now) if until else now
    try:
        if ray is None:
            run = Backfill(store, config, since=first, until=last, names=names, stop=stop).run
        else:
            run = partial(ray.backfill, since=first, until=last, names=names, stop=stop)
        with click.progressbar(length=1, label="calls", file=sys.stderr, show_pos=True) as bar:

            def told(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            report = run(told)
    except (ValueError, registry.UnknownEvaluator) as error:
        fail(str(error), EXIT_USAGE)
    return partial(_tell, context, report, first, last)


def _tell(context: Context, report: BackfillReport, first: datetime, last: datetime) -> None:
    keys = ("name", "eligible", "scored", "unscored", "errors", "quarantined", "skipped", "waiting")
    rows = [{key: value for key, value in asdict(one).items() if key in keys} for one in report.evaluators]
    context.emit(asdict(report), table(rows))
    if not report.is_done:
        again = f"--backfill --since {first.isoformat()} --until {last.isoformat()}"
        fail(f"not done; `watchglass evaluate {again}` goes on from here", EXIT_FAILED)


def moment(option: str, text: str, now: datetime) -> datetime:
    """Read a time: ISO 8601, in UTC unless it says otherwise, or how long ago (7d)."""
    try:
        return now - timedelta(seconds=parse_duration(text))
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text}: a time such as 2026-11-01T12:00Z, or how long ago, such as 7d", EXIT_USAGE)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
