"""A rule replayed over what is stored, with the engine's own code: when it would have fired, and when resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchglass_alerts import evaluation
from watchglass_alerts.errors import RuleError
from watchglass_alerts.events import Labels, identity
from watchglass_alerts.measurement import Measured
from watchglass_alerts.message import Change
from watchglass_alerts.ranges import measure_slots
from watchglass_alerts.rules import Rule
from watchglass_alerts.slots import Slot, slots_between
from watchglass_alerts.state import AlertState, Observation
from watchglass_store import Store

MAX_SLOTS = 20_000


@dataclass(frozen=True, slots=True)
class Point:
    """One alert in one slot."""

    slot: datetime
    observation: Observation
    state: str
    is_open: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """An alert that would have fired or resolved."""

    slot: datetime
    labels: Mapping[str, str]
    kind: str
    """'fired' or 'resolved'."""
    value: float | None
    value_low: float | None
    value_high: float | None
    sample_size: int
    reason: str


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What a rule would have done."""

    rule: Rule
    since: datetime
    until: datetime
    slots: int
    """Evaluated."""
    turns: tuple[Turn, ...]
    """In order of time."""
    points: Mapping[Labels, Sequence[Point]]
    """By alert, in order of time."""

    def rows(self) -> list[dict[str, Any]]:
        """The turns as plain data: slot, labels, kind, value, value_low, value_high, sample_size, reason."""
        return [
            {name: getattr(turn, name) for name in Turn.__slots__} | {"labels": dict(turn.labels)}
            for turn in self.turns
        ]


def replay(
    rule: Rule, slots: Iterable[tuple[datetime, Measured | str]]
) -> tuple[list[Turn], dict[Labels, list[Point]]]:
    """Put a rule through slots, as the engine does.

    Args:
        rule: as it would have stood.
        slots: time and what was measured, or why nothing could be, in order.
    """
    states: dict[Labels, AlertState] = {}
    turns: list[Turn] = []
    points: dict[Labels, list[Point]] = {}
    for time, measured in slots:
        for change in evaluation.evaluate(rule, Slot(time, False), states, measured):
            labels, after = identity(change.labels), change.step.state
            states[labels] = after
            point = Point(time, change.observation, after.status.value, after.is_open, change.step.reason)
            points.setdefault(labels, []).append(point)
            if after.is_open != change.before.is_open:
                turns.append(_turn(change))
    return turns, points


def backtest(store: Store, rule: Rule, since: datetime, until: datetime) -> BacktestReport:
    """Replay a rule over stored history. Nothing is written.

    Args:
        store: where to read.
        rule: in the table or not.
        since: the first slot is the first after this; aware.
        until: the last slot is at or before this; aware.

    Raises:
        RuleError: the time holds no slot, or more than 20,000.
        StoreUnavailable: the store does not answer.
    """
    times = slots_between(since, until, rule.interval_s)
    if not 0 < len(times) <= MAX_SLOTS:
        raise RuleError([f"{len(times):,} slots between {since:%F %T} and {until:%F %T}; from 1 to {MAX_SLOTS:,} work"])
    turns, points = replay(rule, measure_slots(store, rule, times))
    return BacktestReport(rule, since.astimezone(UTC), until.astimezone(UTC), len(times), tuple(turns), points)


def _turn(change: Change) -> Turn:
    seen = change.observation
    kind = "fired" if change.step.state.is_open else "resolved"
    numbers = seen.value, seen.low, seen.high, seen.sample_size
    return Turn(change.slot, dict(change.labels), kind, *numbers, change.step.reason)
