"""From rows to observations: one query for each rule, shared by rules that ask the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from watchglass_alerts.events import Labels, identity
from watchglass_alerts.metrics import QUANTILES, Kind
from watchglass_alerts.rules import Rule
from watchglass_alerts.state import Observation
from watchglass_alerts.statistics import UNKNOWN, Interval, normal, wilson
from watchglass_store import Store
from watchglass_store.queries import alerting_measures

MAX_GROUPS = 1000
"""Alerts of one rule."""


class Measured(NamedTuple):
    """What a rule's query said in one slot."""

    observations: dict[Labels, Observation]
    """By group; the one key of a rule without groups is ()."""
    groups: int
    """How many groups there were; more than `observations` where the rule's limit cut them."""


class SlotMeasures:
    """The queries of one slot, each asked once."""

    def __init__(self, store: Store, slot: datetime) -> None:
        self._store = store
        self._slot = slot
        self._answers: dict[tuple[Any, ...], list[dict[str, Any]]] = {}

    def measure(self, rule: Rule) -> Measured:
        """Ask for a rule's numbers.

        Raises:
            StoreUnavailable: try the slot again later.
            StoreRejected: the query was refused and will be again.
        """
        rows = self._rows(rule)
        observe = _of_scores if rule.is_on_scores else _of_calls
        found = {identity({field: row[field] for field in rule.group_by}): observe(rule, row) for row in rows}
        return Measured(found, int(rows[0]["groups"]) if rows else 0)

    def _rows(self, rule: Rule) -> list[dict[str, Any]]:
        share = rule.share_of
        lines = (share.above, share.below, share.label or "") if share else (None, None, "")
        key = (rule.score_name, rule.window_s, rule.group_by, tuple(sorted(rule.filters.items())), lines)
        if key not in self._answers:
            window: dict[str, Any] = {
                "start": self._slot - timedelta(seconds=rule.window_s),
                "end": self._slot,
                "filters": rule.filters,
                "group_by": rule.group_by,
                "limit": MAX_GROUPS,
            }
            if rule.is_on_scores:
                above, below, label = lines
                self._answers[key] = alerting_measures.score_measures(
                    self._store, name=rule.score_name, above=above, below=below, label=label, **window
                )
            else:
                self._answers[key] = alerting_measures.call_measures(self._store, **window)
        return self._answers[key]


def absent(rule: Rule) -> Observation:
    """What it means that a known group has no rows: nothing was called, so counts are 0 and the rest is unknown."""
    return Observation(0.0) if rule.measure.kind is Kind.COUNT else Observation(None)


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
    return _quantile(row[f"{rule.metric}_quantiles"], QUANTILES, rule.statistic, size)


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
    return _quantile(row["value_quantiles"], ("p50", "p95"), rule.statistic, scores)


def _quantile(values: Sequence[float], names: Sequence[str], name: str, size: int) -> Observation:
    return Observation(_finite(values[names.index(name)]) if size else None, sample_size=size)


def _observation(value: float | None, interval: Interval, size: int) -> Observation:
    return Observation(value, interval.low, interval.high, size)


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
