"""Which evaluations are due.

Slots are fixed times, multiples of the interval since 1970, so that what a rule decides depends on the data of a slot
and not on when some process was awake.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

REPLAY = timedelta(hours=24)
"""How far back missed slots are made up for."""


class Slot(NamedTuple):
    """One scheduled evaluation."""

    time: datetime
    is_late: bool
    """Whether a later slot of the same rule was already due."""


def due_slots(cursor: datetime, interval_s: int, settle_s: float, now: datetime) -> list[Slot]:
    """The slots after `cursor` that are due, oldest first.

    Args:
        cursor: the last slot that was evaluated, or the time the rule was made.
        interval_s: between slots.
        settle_s: a slot is due this long after its time, when late spans have arrived.
        now: the clock. When it goes back, nothing is due until it has caught up.
    """
    newest = _floor(now - timedelta(seconds=settle_s), interval_s)
    oldest = max(_floor(cursor, interval_s), _floor(now - REPLAY, interval_s))
    return [Slot(time, time != newest) for time in slots_between(oldest, newest, interval_s)]


def slots_between(since: datetime, until: datetime, interval_s: int) -> list[datetime]:
    """The slots after one time, up to and with another."""
    oldest, newest = _floor(since, interval_s), _floor(until, interval_s)
    count = int((newest - oldest).total_seconds()) // interval_s
    return [oldest + timedelta(seconds=interval_s * step) for step in range(1, count + 1)]


def next_due(cursor: datetime, interval_s: int, settle_s: float) -> datetime:
    """When the slot after `cursor` becomes due."""
    return _floor(cursor, interval_s) + timedelta(seconds=interval_s + settle_s)


def _floor(time: datetime, interval_s: int) -> datetime:
    seconds = int(time.timestamp()) // interval_s * interval_s
    return datetime.fromtimestamp(seconds, UTC)
