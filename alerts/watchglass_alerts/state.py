"""The state machine: `next_state(rule, state, observation, slot) -> (state, reason)`, a pure function.

An alert has a status and, apart from it, is *open* or not: open from the moment it fires until it resolves. Missing
data and failing queries change the status and leave an open alert open, so silence never looks like recovery.

    inactive ──condition──▶ pending ──for──▶ firing ──gone, for keep_firing_for──▶ inactive
    any ──too few samples──▶ no_data      any ──query refused──▶ error
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from watchglass_alerts.durations import format_duration
from watchglass_alerts.rules import Rule
from watchglass_alerts.values import show

FORGET_AFTER = timedelta(hours=24)
"""An open alert without data for this long is closed, and says that it did not recover."""


class Status(StrEnum):
    """What the last evaluation found."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one query said about one alert in one slot."""

    value: float | None
    """None: the window holds nothing to compute it from."""
    low: float | None = None
    """The 95 % interval's ends; None where none can be stated."""
    high: float | None = None
    sample_size: int = 0
    """Calls or scores in the window."""
    error: str = ""
    """Why nothing could be computed, as a sentence; '' when it could."""
    missing: str = ""
    """Why there is no value, where that is more than 'no data in the window'."""
    details: str = ""
    """What the value was made of, where it is made of more than one window, with both sample sizes."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """Everything that the next evaluation needs to know about the previous ones."""

    status: Status
    since: datetime
    """The slot in which `status` began."""
    open_since: datetime | None = None
    """The slot in which the alert fired; None when it is not open."""
    recovering_since: datetime | None = None
    """The first slot of a firing alert without its condition, while `keep_firing_for` runs."""

    @property
    def is_open(self) -> bool:
        """Whether people have been told of a problem and not yet of its end."""
        return self.open_since is not None


class Step(NamedTuple):
    """A state and the sentence that explains it."""

    state: AlertState
    reason: str


def first_state(slot: datetime) -> AlertState:
    """The state of an alert that nobody has seen before."""
    return AlertState(Status.INACTIVE, slot)


def next_state(rule: Rule, state: AlertState, observation: Observation, slot: datetime) -> Step:
    """What an observation makes of a state.

    Args:
        rule: as it stands in this slot.
        state: after the previous slot.
        observation: this slot's.
        slot: the scheduled time of the evaluation, later than every time in `state`.
    """
    if observation.error:
        return Step(_held(state, Status.ERROR, slot), observation.error)
    compared, missing = _compared(rule, observation)
    if compared is None:
        return _without_data(state, missing, slot)
    holds = rule.condition.holds(compared, is_open=state.is_open)
    step = _breaching(rule, state, compared, slot) if holds else _healthy(rule, state, compared, slot)
    return step._replace(reason=f"{step.reason} ({observation.details})") if observation.details else step


def close(state: AlertState, reason: str, slot: datetime) -> Step:
    """The end of an alert whose rule is gone."""
    return Step(AlertState(Status.INACTIVE, slot), reason)


def _compared(rule: Rule, observation: Observation) -> tuple[float | None, str]:
    """The number to hold against the line, or why there is none."""
    if observation.value is None:
        return None, observation.missing or "no data in the window"
    if observation.sample_size < rule.minimum_samples:
        return None, f"{observation.sample_size} samples in the window; the rule asks for {rule.minimum_samples}"
    if rule.confidence == "point":
        return observation.value, ""
    bound = observation.low if rule.condition.op[0] == ">" else observation.high
    return bound, "" if bound is not None else f"{observation.sample_size} samples are too few for an interval"


def _held(state: AlertState, status: Status, slot: datetime) -> AlertState:
    since = state.since if state.status is status else slot
    return replace(state, status=status, since=since, recovering_since=None)


def _without_data(state: AlertState, missing: str, slot: datetime) -> Step:
    held = _held(state, Status.NO_DATA, slot)
    if held.is_open and slot - held.since >= FORGET_AFTER:
        return Step(replace(held, open_since=None), "closed after 24 hours without data; it was not seen to recover")
    return Step(held, missing)


def _breaching(rule: Rule, state: AlertState, value: float, slot: datetime) -> Step:
    line = _line(rule, state)
    if state.is_open:
        since = state.since if state.status is Status.FIRING else slot
        return Step(AlertState(Status.FIRING, since, state.open_since), f"{show(rule, value)} is still {line}")
    pending_since = state.since if state.status is Status.PENDING else slot
    if slot - pending_since >= timedelta(seconds=rule.for_s):
        held = f" for {format_duration(rule.for_s)}" if rule.for_s else ""
        return Step(AlertState(Status.FIRING, slot, slot), f"{show(rule, value)} is {line}{held}")
    reason = f"{show(rule, value)} is {line}; fires if it stays so for {format_duration(rule.for_s)}"
    return Step(AlertState(Status.PENDING, pending_since), reason)


def _healthy(rule: Rule, state: AlertState, value: float, slot: datetime) -> Step:
    line = _line(rule, state)
    if state.is_open:
        recovering_since = state.recovering_since or slot
        if slot - recovering_since < timedelta(seconds=rule.keep_firing_for_s):
            since = state.since if state.status is Status.FIRING else slot
            reason = f"{show(rule, value)} is not {line}; keeps firing for {format_duration(rule.keep_firing_for_s)}"
            return Step(AlertState(Status.FIRING, since, state.open_since, recovering_since), reason)
    since = state.since if state.status is Status.INACTIVE else slot
    return Step(AlertState(Status.INACTIVE, since), f"{show(rule, value)} is not {line}")


def _line(rule: Rule, state: AlertState) -> str:
    back = rule.condition.resolve_threshold
    line = back if state.is_open and back is not None else rule.condition.threshold
    which = "" if rule.confidence == "point" else " (its confidence bound)"
    return f"{rule.condition.op} {show(rule, line)}{which}"
