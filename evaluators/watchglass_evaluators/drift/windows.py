"""Judges finished windows: each once, oldest first."""

import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from watchglass_evaluators.drift.judge import judge, unscored
from watchglass_evaluators.drift.monitors import Monitor, window_ends
from watchglass_evaluators.drift.results import result_row
from watchglass_evaluators.drift.samples import Item, Samples, hours_of_week
from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_store import Store
from watchglass_store.queries import drift
from watchglass_store.queries.drift import Group

logger = logging.getLogger("watchglass.drift")

CATCH_UP = 24
"""So many windows that were missed while nothing ran are made up for."""
_WEEK = timedelta(days=7)


class WindowWatch:
    """One monitor with the window engine."""

    def __init__(
        self, store: Store, samples: Samples, monitor: Monitor, *, settle_s: float, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._samples = samples
        self._monitor = monitor
        self._settle_s = settle_s
        self._clock = clock
        self._last: datetime | None = None
        self._is_resumed = False

    def run_once(self) -> int:
        """Judge the windows that are due; returns how many results were written."""
        if not self._is_resumed:
            rows = drift.last_windows(self._store, self._monitor.name, self._monitor.version)
            self._last = rows[0]["window_end"] if rows else None
            self._is_resumed = True
        written = 0
        monitor = self._monitor
        due = window_ends(self._clock(), monitor.window_s, self._settle_s, self._last, at_most=CATCH_UP)
        for end in due:
            written += self._judge(end.astimezone(UTC))
            self._last = end
        return written

    def _judge(self, end: datetime) -> int:
        monitor = self._monitor
        start = end - timedelta(seconds=monitor.window_s)
        current = by_group(monitor, self._samples.between(monitor, start, end))
        reference, span = self._reference(start, end)
        rows = []
        for group, items in current.items():
            began = time.monotonic()
            known = reference.get(group, [])[: monitor.sample]
            items = items[: monitor.sample]
            try:
                judgement = judge(monitor, known, items, generator(monitor, group, end))
            except EvaluatorUnavailable as error:
                logger.warning("drift monitor %s: %s", monitor.name, error)
                judgement = unscored(str(error))
            rows.append(
                result_row(
                    monitor,
                    group,
                    judgement,
                    kind="window",
                    window=(start, end),
                    reference=span,
                    reference_calls=len(known),
                    current_calls=len(items),
                    now=self._clock(),
                    duration_s=time.monotonic() - began,
                )
            )
        token = f"drift/{monitor.name}/{monitor.version}/{end.isoformat()}"
        drift.append(self._store, rows, deduplication_token=token)
        return len(rows)

    def _reference(self, start: datetime, end: datetime) -> tuple[dict[Group, list[Item]], tuple[datetime, datetime]]:
        monitor = self._monitor
        if monitor.reference:
            span = (monitor.reference.start, monitor.reference.end)
        else:
            span = (start - timedelta(seconds=monitor.reference_s), start)
        hours = hours_of_week(start, end) if monitor.seasonal and span[1] - span[0] >= _WEEK else []
        if hours:
            items = self._samples.between(monitor, *span, hours)
            groups = by_group(monitor, items)
            oldest = min((item.received_at for item in items), default=span[1])
            # Without a whole week of data the same hours of the week are those of a few days only.
            has_enough = all(len(group) >= monitor.minimum for group in groups.values())
            if has_enough and span[1] - oldest >= _WEEK - timedelta(days=1):
                return groups, span
        return by_group(monitor, self._samples.between(monitor, *span)), span


def by_group(monitor: Monitor, items: Sequence[Item]) -> dict[Group, list[Item]]:
    """Split calls, keeping the largest groups; without `group_by` there is always exactly one."""
    groups: dict[Group, list[Item]] = defaultdict(list)
    if not monitor.group_by:
        groups["", "", ""] = []
    for item in items:
        groups[monitor.group(item.service_name, item.model, item.prompt_version)].append(item)
    largest = sorted(groups, key=lambda group: (-len(groups[group]), group))[: monitor.groups]
    return {group: groups[group] for group in largest}


def generator(monitor: Monitor, group: Group, end: datetime) -> np.random.Generator:
    """Randomness that a repetition of the same test repeats."""
    seed = hashlib.sha256(repr((monitor.name, monitor.version, group, end.timestamp())).encode()).digest()
    return np.random.default_rng(int.from_bytes(seed[:8], "big"))
