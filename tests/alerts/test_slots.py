from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchglass_alerts.slots import REPLAY, due_slots

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
TIMES = st.integers(1_600_000_000, 2_200_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def test_a_slot_is_due_when_it_has_settled() -> None:
    before = NOON + timedelta(seconds=59)
    assert due_slots(NOON - timedelta(minutes=1), 60, 60, before) == []
    assert due_slots(NOON - timedelta(minutes=1), 60, 60, NOON + timedelta(seconds=60)) == [(NOON, False)]


def test_missed_slots_come_in_order_and_all_but_the_newest_are_late() -> None:
    found = due_slots(NOON - timedelta(minutes=3), 60, 0, NOON + timedelta(seconds=5))
    assert [(slot.time.minute, slot.is_late) for slot in found] == [(58, True), (59, True), (0, False)]


def test_at_most_a_day_is_replayed() -> None:
    found = due_slots(NOON - timedelta(days=3), 3600, 0, NOON)
    assert len(found) == 24
    assert found[0].time == NOON - REPLAY + timedelta(hours=1)


def test_a_clock_that_goes_back_repeats_nothing() -> None:
    assert due_slots(NOON, 60, 0, NOON - timedelta(hours=1)) == []


@given(
    st.lists(st.integers(-7200, 7200), min_size=1, max_size=30),
    st.sampled_from([10, 60, 300, 420, 3600]),
    st.integers(0, 600),
    TIMES,
)
def test_whenever_the_engine_wakes_each_slot_comes_once_and_in_order(
    jumps: list[int], interval_s: int, settle_s: int, now: datetime
) -> None:
    """The clock jumps forward and back; what was evaluated is a gapless run of multiples of the interval."""
    cursor = start = now
    seen = []
    for jump in jumps:
        now += timedelta(seconds=jump)
        for slot in due_slots(cursor, interval_s, settle_s, now):
            seen.append(slot.time)
            cursor = slot.time
    assert all(int(time.timestamp()) % interval_s == 0 for time in seen)
    assert all(later - earlier == timedelta(seconds=interval_s) for earlier, later in pairwise(seen))
    assert not seen or timedelta(0) <= seen[0] - start + timedelta(seconds=interval_s) <= timedelta(
        seconds=2 * interval_s
    )
