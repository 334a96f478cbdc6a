"""What the filters say of traces that were there, that were not, and that an earlier life saw."""

import random

import numpy as np

from watchglass_collector.assembly.earlier import COVERED_MS, HOUR_MS, Earlier

NOW = 500_000 * HOUR_MS + 1_800_000


def nothing(since_ms: int, until_ms: int) -> "np.typing.NDArray[np.int64]":
    raise AssertionError("no hour of an earlier life is in question")


def keys(seed: int, count: int) -> list[int]:
    numbers = random.Random(seed)
    return [numbers.randrange(-(2**63), 2**63) for _ in range(count)]


def test_a_trace_that_was_looked_at_is_never_taken_for_a_new_one_and_few_new_ones_for_old() -> None:
    earlier, old, new = Earlier(0, nothing), keys(1, 100_000), keys(2, 20_000)
    for first in range(0, len(old), 2000):
        earlier.add(old[first : first + 2000], NOW - HOUR_MS + first)
    assert earlier.among(old, NOW - 2 * HOUR_MS, NOW) == set(old)
    assert len(earlier.among(new, NOW - 2 * HOUR_MS, NOW)) < 20
    assert earlier.among(old[:2000], NOW, NOW) == set(), "that was an hour before"
    assert earlier.among([], NOW, NOW) == set()


def test_what_is_longer_ago_than_the_filters_go_is_looked_for() -> None:
    earlier, some = Earlier(0, nothing), keys(3, 10)
    assert earlier.among(some, NOW - COVERED_MS - 1, NOW) == set(some)
    assert earlier.among(some, NOW - COVERED_MS, NOW) == set()


def test_a_look_stays_for_a_day_and_not_for_ever() -> None:
    earlier, some = Earlier(0, nothing), keys(4, 10)
    earlier.add(some, NOW)
    for hours in range(1, 40):
        earlier.add(keys(5, 1), NOW + hours * HOUR_MS)
        now = NOW + hours * HOUR_MS
        assert (earlier.among(some, now - COVERED_MS, now) == set(some)) == (hours <= COVERED_MS // HOUR_MS)
    assert len(earlier._hours) <= COVERED_MS // HOUR_MS + 1


def test_hours_of_an_earlier_life_are_read_once_and_only_up_to_its_end() -> None:
    asked: list[tuple[int, int]] = []
    some, born = keys(6, 3), NOW - HOUR_MS

    def load(since_ms: int, until_ms: int) -> "np.typing.NDArray[np.int64]":
        asked.append((since_ms, until_ms))
        return np.array(some if since_ms < NOW - 2 * HOUR_MS <= until_ms else [], dtype=np.int64)

    earlier = Earlier(born, load)
    for _ in range(2):
        assert earlier.among([*some, 7], NOW - 3 * HOUR_MS, NOW) == set(some)
    begin = (NOW - 3 * HOUR_MS) // HOUR_MS * HOUR_MS - 1
    assert asked == [
        (begin, begin + HOUR_MS),
        (begin + HOUR_MS, begin + 2 * HOUR_MS),
        (begin + 2 * HOUR_MS, born),
    ]
