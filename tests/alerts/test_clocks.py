"""Slots are fixed in UTC: neither a jump of the clock nor daylight saving time misses or repeats one."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass_alerts.slots import due_slots, slots_between

START = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
MOVES = st.lists(st.sampled_from([1, 20, 61, 400, 3600, -3600, 20_000, -86_400, 0]), min_size=1, max_size=40)


@given(MOVES, st.sampled_from([5, 60, 300, 3600]), st.sampled_from([0.0, 60.0]))
def test_a_clock_that_jumps_misses_and_repeats_nothing(moves: list[int], interval_s: int, settle_s: float) -> None:
    now = cursor = START
    done: list[datetime] = []
    for move in moves:
        now += timedelta(seconds=move)
        for slot in due_slots(cursor, interval_s, settle_s, now):
            done.append(slot.time)
            cursor = slot.time
    step = timedelta(seconds=interval_s)
    assert {later - earlier for earlier, later in pairwise(done)} <= {step}


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_daylight_saving_time_is_no_concern(day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        morning = (midnight.astimezone(UTC) + timedelta(hours=6)).astimezone(ZoneInfo("Europe/Berlin"))
        slots = slots_between(midnight, morning, 300)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert len(slots) == 72
    assert {later - earlier for earlier, later in pairwise(slots)} == {timedelta(minutes=5)}
