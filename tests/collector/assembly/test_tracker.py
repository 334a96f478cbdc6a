"""When traces are looked at, by a clock that the test moves."""

from watchglass_collector.assembly.lease import role
from watchglass_collector.assembly.tracker import LATE_MS, OVERLAP_MS, WIDE_EVERY_MS, Arrival, Tracker

SETTLE = 10_000


def tracker() -> Tracker:
    return Tracker(SETTLE, 0)


def look(one: Tracker, now: int, *arrivals: tuple[int, int, int], sizes: dict[int, int] | None = None) -> set[int]:
    """Arrivals are (key, when, pieces): what a read at `now` sees. Returns which traces are looked at."""
    moments: dict[int, int] = {}
    for _, at, pieces in arrivals:
        moments[at] = moments.get(at, 0) + pieces
    changed = one.changed(moments)
    one.add([Arrival(key, at, at) for key, at, _ in arrivals if at in changed], changed, one.from_ms(now), now, now)
    due = one.due(now, 100)
    one.looked_at(due, sizes or {}, now)
    one.move_on()
    return set(due)


def test_a_trace_is_looked_at_once_it_is_quiet() -> None:
    one = tracker()
    assert look(one, 5_000, (1, 5_000, 2)) == set()
    assert look(one, 12_000, (1, 5_000, 2), (1, 11_000, 1), (2, 1_000, 1)) == {2}
    assert look(one, 20_999, (1, 5_000, 2), (1, 11_000, 1)) == set()
    assert look(one, 21_000, (1, 5_000, 2), (1, 11_000, 1)) == {1}
    assert look(one, 40_000, (1, 5_000, 2), (1, 11_000, 1)) == set()
    assert one.waiting == 0


def test_a_late_piece_and_one_that_shows_late_have_the_trace_looked_at_again() -> None:
    one = tracker()
    assert look(one, 20_000, (1, 1_000, 1)) == {1}
    assert look(one, 30_000, (1, 1_000, 2)) == {1}, "its insert ended late"
    assert look(one, 50_000, (1, 1_000, 2), (1, 35_000, 1)) == {1}


def test_a_trace_that_never_falls_quiet_is_looked_at_all_the_same_and_a_large_one_seldom() -> None:
    for size, least in ((10, 10), (60_000, 5)):
        one, arrivals, looks = tracker(), [], 0
        for second in range(0, 600, 5):
            arrivals.append((1, second * 1000, 1))
            looks += look(one, second * 1000, *arrivals[-25:], sizes={1: size}) == {1}
        assert least <= looks <= 2 * least, (size, looks)


def test_the_watermark_stays_behind_what_waits_and_what_may_still_show() -> None:
    one = tracker()
    look(one, 1_000_000, (1, 999_000, 1))
    assert one.watermark_ms == 1_000_000 - LATE_MS
    late = 1_300_000
    assert one.from_ms(late) == 1_000_000 - LATE_MS
    assert one.changed({999_000: 1, 1_150_000: 1}) == {1_150_000: 1}, "a moment that is as it was is not read again"
    moments = {999_000: 2, 1_150_000: 1}
    assert one.changed(moments) == moments
    pieces = [Arrival(1, 999_000, 999_000), Arrival(2, 1_150_000, 1_150_000)]
    one.add(pieces, moments, one.from_ms(late), late, late)
    one.move_on()
    assert one.watermark_ms == 998_999
    assert one.from_ms(late + WIDE_EVERY_MS) == late - LATE_MS
    again = Tracker(SETTLE, one.watermark_ms)
    assert look(again, 1_400_000, (1, 999_000, 1), (2, 1_150_000, 1)) == {1, 2}, "an earlier life did not finish"


def test_a_backlog_is_read_in_steps() -> None:
    one = tracker()
    one.add([Arrival(1, 1_000, 1_000)], {1_000: 1}, 0, 2_000, 10**9)
    assert one.from_ms(10**9 + 1) == 2_000, "nothing so old can still show"


def test_the_last_seconds_are_read_again_each_time_and_the_last_minutes_now_and_then() -> None:
    one, now = tracker(), 1_000_000
    look(one, now)
    for later in range(1_000, WIDE_EVERY_MS, 1_000):
        assert one.from_ms(now + later) == now + later - 1_000 - OVERLAP_MS
        look(one, now + later)
    assert one.from_ms(now + WIDE_EVERY_MS) == now - LATE_MS, "a piece that showed late is found now"
    # It was there at no look before, and what was counted is not counted again.
    assert look(one, now + WIDE_EVERY_MS, (1, now - 60_000, 1)) == {1}
    assert look(one, now + 2 * WIDE_EVERY_MS, (1, now - 60_000, 1)) == set()


def test_who_was_there_first_works() -> None:
    alive = [{"worker": "b", "since": 5}, {"worker": "a", "since": 7}, {"worker": "c", "since": 5}]
    assert [role(alive, name).is_working for name in "abcd"] == [False, True, False, False]
    assert role(alive, "a").reason == "b is at work"
