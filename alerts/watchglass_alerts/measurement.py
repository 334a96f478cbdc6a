"""From rows to observations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from watchglass_alerts.events import Labels, identity
from watchglass_alerts.metrics import QUANTILES, SCORE_QUANTILES, Kind, Source
from watchglass_alerts.rules import Rule
from watchglass_alerts.scans import MAX_GROUPS, Answer, Scans
from watchglass_alerts.state import Observation
from watchglass_alerts.statistics import UNKNOWN, Interval, normal, wilson
from watchglass_alerts.windows import combine
from watchglass_store import Store
from watchglass_store.queries import quantiles

__all__ = ["MAX_GROUPS", "Measured", "SlotMeasures", "absent", "measured", "observe"]


class Measured(NamedTuple):
    """What a rule's query said in one slot."""

    observations: dict[Labels, Observation]
    """By group; the one key of a rule without groups is ()."""
    groups: int
    """How many groups there were; more than `observations` where the rule's limit cut them."""


class SlotMeasures:
    """What the rules of one slot measure; see `scans` for how little is asked."""

    def __init__(self, store: Store, slot: datetime, rules: Iterable[Rule] = ()) -> None:
        self._scans = Scans(store, slot)
        self._scans.add(rules)

    def measure(self, rule: Rule) -> Measured:
        """Ask for a rule's numbers.

        Raises:
            StoreUnavailable: try the slot again later.
            StoreRejected: the query was refused and will be again.
        """
        return measured(rule, self._scans.ask(rule))


def measured(rule: Rule, answers: Sequence[Answer]) -> Measured:
    """From an answer for each of a rule's windows to its observations."""
    windows = [
        {identity({field: row[field] for field in rule.group_by}): observe(rule, row) for row in answer.rows}
        for answer in answers
    ]
    groups = max(answer.groups for answer in answers)
    known = dict.fromkeys(labels for window in windows for labels in window)
    if not rule.group_by:
        known, groups = {(): None}, 1
    nothing = _nothing(rule)
    return Measured(
        {labels: combine(rule, [window.get(labels, nothing) for window in windows]) for labels in known}, groups
    )


def absent(rule: Rule) -> Observation:
    """What it means that a known group has no rows: nothing was called, so counts are 0 and the rest is unknown."""
    return combine(rule, [_nothing(rule)] * len(rule.windows))


def observe(rule: Rule, row: Mapping[str, Any]) -> Observation:
    """What one window's row says."""
    match rule.measure.source:
        case Source.CALLS:
            return _of_calls(rule, row)
        case Source.SCORES:
            return _of_scores(rule, row)
        case Source.DRIFT:
            return Observation(_finite(row[rule.statistic]), sample_size=int(row["calls"]))
    return Observation(float(row["lag_s"]), sample_size=int(row["waiting"]))


def _nothing(rule: Rule) -> Observation:
    is_zero = rule.measure.kind is Kind.COUNT or rule.measure.source in (Source.DELIVERY_LAG, Source.EVALUATOR_WAIT)
    return Observation(0.0 if is_zero else None)


def _of_calls(rule: Rule, row: Mapping[str, Any]) -> Observation:
    calls = int(row["calls"])
    match rule.measure.kind:
        case Kind.COUNT:
            return Observation(_finite(row[rule.metric]), sample_size=calls)
        case Kind.SHARE:
            errors = int(row["errors"])
            return _observation(errors / calls if calls else None, wilson(errors, calls), calls)
        case Kind.MEAN:
            if not calls:
                return Observation(None)
            total, squares = float(row["duration_s_sum"]), float(row["duration_s_sum_squares"])
            mean = total / calls
            variance = (squares - total * mean) / (calls - 1) if calls > 1 else 0.0
            return _observation(mean, normal(mean, variance, calls), calls)
    size = calls if rule.metric == "duration_s" else int(row["time_to_first_token_calls"])
    return _quantile(row[f"{rule.metric}_quantiles"], QUANTILES[rule.statistic], size)


def _of_scores(rule: Rule, row: Mapping[str, Any]) -> Observation:
    scores = int(row["scores"])
    match rule.measure.kind:
        case Kind.SHARE:
            matching = int(row["matching"])
            return _observation(matching / scores if scores else None, wilson(matching, scores), scores)
        case Kind.MEAN:
            mean = _finite(row["mean"])
            variance = _finite(row["variance"])
            known = mean is not None and variance is not None
            return _observation(mean, normal(mean or 0.0, variance or 0.0, scores) if known else UNKNOWN, scores)
    return _quantile(
        row["value_quantiles"], SCORE_QUANTILES[rule.statistic], scores, kept=min(scores, quantiles.RESERVOIR)
    )


def _quantile(values: Sequence[float], level: float, size: int, *, kept: int | None = None) -> Observation:
    found = quantiles.read(values, level, size if kept is None else kept)
    return _observation(found.value, Interval(found.low, found.high), size)


def _observation(value: float | None, interval: Interval, size: int) -> Observation:
    return Observation(value, interval.low, interval.high, size)


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
