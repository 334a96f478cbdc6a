"""Rules for whoever edits them outside this part: what can be watched, what is wrong, what would have happened.

The dashboard's Alerts page works with this through the protocol `rule_desk.RuleDesk` of its own, in plain data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from watchglass_alerts.backtest import BacktestReport, Point, backtest
from watchglass_alerts.metrics import CATALOGUE
from watchglass_alerts.ranges import is_asked_together
from watchglass_alerts.rulebook import add_rule, remove_rule
from watchglass_alerts.rules import FIELDS, Rule
from watchglass_alerts.rules_file import explain, parse_rule
from watchglass_alerts.slots import slots_between
from watchglass_store import Store

PREVIEW = timedelta(days=7)
MOST_SLOTS = 10_080
"""A week of minutes."""
MOST_SLOTS_ALONE = 200
"""Where each slot is a question of its own."""
MOST_POINTS = 400
"""Of one alert's course: what a chart has room for."""
MOST_ALERTS = 4


class Desk:
    """Everything that an editor of rules asks for."""

    def catalogue(self) -> list[dict[str, Any]]:
        """The catalogue's rows as plain data."""
        return [
            {
                "metric": row.metric,
                "statistic": row.statistic,
                "kind": row.kind.value,
                "unit": row.unit,
                "description": row.description,
                "fields": list(FIELDS[row.source]),
            }
            for row in CATALOGUE
        ]

    def problems(self, definition: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What is wrong: (the field's first name, or '' where it is about several; the validator's own text)."""
        try:
            Rule.model_validate(dict(definition))
        except ValidationError as error:
            return [(str(where[0]) if where else "", text) for where, text in explain(error)]
        return []

    def preview(self, store: Store, definition: Mapping[str, Any], until: datetime) -> dict[str, Any]:
        """A backtest of the last week, or of as much of it as takes seconds, thinned for a chart.

        Raises:
            RuleError: the definition is not valid.
            StoreUnavailable: the store does not answer.
        """
        rule = parse_rule(dict(definition))
        most = MOST_SLOTS if is_asked_together(rule) else MOST_SLOTS_ALONE
        slots = len(slots_between(until - PREVIEW, until, rule.interval_s))
        since = until - timedelta(seconds=min(max(slots, 1), most) * rule.interval_s)
        return _as_plain(backtest(store, rule, since, until))

    def add_version(self, store: Store, definition: Mapping[str, Any], author: str, now: datetime) -> None:
        """Write a rule as the latest version of its name, without an audit record: whoever asks writes one.

        Raises:
            RuleError: the definition is not valid.
        """
        add_rule(store, parse_rule(dict(definition)), author, now)

    def delete(self, store: Store, name: str, author: str, now: datetime) -> None:
        """Delete a rule, without an audit record; an unknown name changes nothing."""
        remove_rule(store, name, author, now)


def _as_plain(report: BacktestReport) -> dict[str, Any]:
    condition = report.rule.condition
    loudest = sorted(report.points.items(), key=lambda item: -sum(point.is_open for point in item[1]))
    return {
        "since": report.since,
        "until": report.until,
        "slots": report.slots,
        "fired": sum(turn.kind == "fired" for turn in report.turns),
        "turns": report.rows(),
        "alerts": [
            {"labels": dict(labels), "points": thinned(points, is_bad_above=condition.op[0] == ">")}
            for labels, points in loudest[:MOST_ALERTS]
        ],
        "unit": report.rule.unit,
        "threshold": condition.threshold,
        "is_bad_above": condition.op[0] == ">",
    }


def thinned(points: Sequence[Point], *, is_bad_above: bool) -> list[dict[str, Any]]:
    """At most `MOST_POINTS` of a course: of each stretch the worst value, and whether it fired anywhere in it."""
    step = -(-len(points) // MOST_POINTS) or 1
    found = []
    for start in range(0, len(points), step):
        stretch = points[start : start + step]
        known = [point for point in stretch if point.observation.value is not None]
        worst = (max if is_bad_above else min)(known, key=_value, default=stretch[0])
        seen = worst.observation
        found.append(
            {
                "time_ms": round(stretch[0].slot.timestamp() * 1000),
                "value": seen.value,
                "low": seen.low,
                "high": seen.high,
                "sample_size": seen.sample_size,
                "is_open": any(point.is_open for point in stretch),
            }
        )
    return found


def _value(point: Point) -> float:
    return point.observation.value or 0.0
