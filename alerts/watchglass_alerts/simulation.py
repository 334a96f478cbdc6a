"""Made-up traffic, minute by minute, and what rules would measure in it. Pure; for the unit tests of rules."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from watchglass_alerts.measurement import MAX_GROUPS, Measured, measured
from watchglass_alerts.metrics import Source
from watchglass_alerts.rules import Rule
from watchglass_alerts.scans import Answer
from watchglass_store.queries.quantiles import LEVELS

START = datetime(2026, 1, 1, tzinfo=UTC)
"""Minute 0: a multiple of every interval."""
DURATIONS = ("duration_s", "time_to_first_token_s")
TOTALS = ("calls", "errors", "input_tokens", "output_tokens", "cost_usd")

Weighted = Sequence[tuple[float, float]]
"""(value, how many)."""


@dataclass(frozen=True, slots=True)
class Series:
    """Calls or scores of one kind. Everything of a minute happens at its start."""

    labels: Mapping[str, str]
    columns: Mapping[str, Sequence[float | None]]
    """Name to a value for each minute from 0; None and what is missing at the end: nothing."""
    score: str = ""
    """The score's name; '' for calls."""
    label: str = ""
    """The scores' label."""

    def at(self, column: str, minute: int) -> float | None:
        """A minute's value."""
        values = self.columns.get(column, ())
        return values[minute] if 0 <= minute < len(values) else None


@dataclass(frozen=True, slots=True)
class Traffic:
    """All series of a test."""

    series: Sequence[Series] = field(default_factory=tuple)

    def measure(self, rule: Rule, slot: datetime) -> Measured:
        """What the engine would measure: the same code, from rows that are summed here and not in the store."""
        return measured(rule, [self._answer(rule, slot, offset, length) for offset, length in rule.windows])

    def _answer(self, rule: Rule, slot: datetime, offset_s: int, length_s: int) -> Answer:
        end = slot - START - timedelta(seconds=offset_s)
        first = math.ceil((end - timedelta(seconds=length_s)) / timedelta(minutes=1))
        minutes = range(max(first, 0), math.ceil(end / timedelta(minutes=1)))
        groups: dict[tuple[str, ...], list[Series]] = {}
        for series in self.series:
            if series.score == rule.score_name and _passes(rule, series.labels):
                groups.setdefault(tuple(series.labels.get(name, "") for name in rule.group_by), []).append(series)
        rows: list[Mapping[str, Any]] = []
        for key, members in groups.items():
            row = _scores(rule, members, minutes) if rule.is_on_scores else _calls(members, minutes)
            if row is not None:
                rows.append({**row, **dict(zip(rule.group_by, key, strict=True))})
        return Answer(rows[:MAX_GROUPS], len(rows))


def is_covered(rule: Rule) -> bool:
    """Whether series can say what the rule measures."""
    return rule.measure.source in (Source.CALLS, Source.SCORES)


def _passes(rule: Rule, labels: Mapping[str, str]) -> bool:
    return all(labels.get(name, "") in values for name, values in rule.filters.items())


def _calls(members: Sequence[Series], minutes: range) -> Mapping[str, Any] | None:
    row: dict[str, Any] = {
        name: sum(each.at(name, minute) or 0 for each in members for minute in minutes) for name in TOTALS
    }
    if not row["calls"]:
        return None
    row["errors"] = min(row["errors"], row["calls"])
    for name in DURATIONS:
        weighted = _weighted(members, name, "calls", minutes)
        row |= {f"{name}_quantiles": _quantiles(weighted)}
        row |= {f"{name}_calls": sum(weight for _, weight in weighted)}
        row |= {f"{name}_sum": sum(value * weight for value, weight in weighted)}
        row |= {f"{name}_sum_squares": sum(value * value * weight for value, weight in weighted)}
    return row


def _scores(rule: Rule, members: Sequence[Series], minutes: range) -> Mapping[str, Any] | None:
    weighted = _weighted(members, "value", "scores", minutes)
    number = sum(weight for _, weight in weighted)
    if not number:
        return None
    mean = sum(value * weight for value, weight in weighted) / number
    squares = sum((value - mean) ** 2 * weight for value, weight in weighted)
    share = rule.share_of
    if share is None:
        matching = 0.0
    elif share.label is not None:
        of_label = [each for each in members if each.label == share.label]
        matching = sum(weight for _, weight in _weighted(of_label, "value", "scores", minutes))
    else:
        above, below = share.above, share.below
        matching = sum(
            weight
            for value, weight in weighted
            if (above is not None and value > above) or (below is not None and value < below)
        )
    return {
        "scores": number,
        "mean": mean,
        "variance": squares / (number - 1) if number > 1 else math.nan,
        "value_quantiles": _quantiles(weighted),
        "matching": matching,
    }


def _weighted(members: Sequence[Series], values: str, weights: str, minutes: range) -> Weighted:
    pairs = ((each.at(values, minute), each.at(weights, minute)) for each in members for minute in minutes)
    return sorted((value, weight) for value, weight in pairs if value is not None and weight)


def _quantiles(weighted: Weighted) -> list[float]:
    """At each of `LEVELS` the smallest value that at least this part of the weights does not exceed."""
    reached = list(accumulate(weight for _, weight in weighted))
    if not reached:
        return [math.nan] * len(LEVELS)
    return [weighted[min(bisect_left(reached, level * reached[-1]), len(reached) - 1)][0] for level in LEVELS]
