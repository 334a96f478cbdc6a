from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from watchglass_evaluators import EvaluatorUnavailable
from watchglass_evaluators.judge.breaker import BURST, FIRST_PAUSE, LONGEST_PAUSE, Breaker
from watchglass_evaluators.judge.limits import RateLimiter, back_off_s, retry_after_s

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_minute_holds_as_many_requests_as_it_should(clock: Any) -> None:
    limiter = RateLimiter(60, 1_000_000, clock)
    waits = [limiter.take(1) for _ in range(120)]
    assert waits[:60] == [0.0] * 60
    assert waits[60:] == pytest.approx([i + 1.0 for i in range(60)]), "then one a second"
    clock.advance(60)
    assert limiter.take(1) == pytest.approx(1.0)


def test_tokens_count_and_are_corrected(clock: Any) -> None:
    limiter = RateLimiter(1_000, 6_000, clock)
    assert limiter.take(6_000) == 0
    assert limiter.take(100) == pytest.approx(1.0)
    limiter.give_back(3_100)
    assert limiter.take(1_000) == 0
    limiter.give_back(-8_000)
    assert limiter.take(100) == pytest.approx(61.0)


def test_a_request_larger_than_a_minute_is_sent_alone_and_owed(clock: Any) -> None:
    limiter = RateLimiter(1_000, 600, clock)
    assert limiter.take(1_200) == pytest.approx(60)


def test_any_minute_keeps_the_limit(clock: Any) -> None:
    limiter = RateLimiter(30, 1_000_000, clock)
    sent = []
    for _ in range(300):
        clock.advance(limiter.take(1))
        sent.append(clock.now)
    for first, last in zip(sent[30:], sent[30 + 31 :], strict=False):
        assert last - first > timedelta(seconds=60)
    assert sorted(sent) == sent


def test_the_endpoint_s_own_wish_holds_for_everybody(clock: Any) -> None:
    limiter = RateLimiter(1_000, 1_000_000, clock)
    limiter.block(20)
    limiter.block(5)
    assert limiter.take(1) == pytest.approx(20)
    clock.advance(21)
    assert (limiter.blocked_s, limiter.take(1)) == (0, 0)


def test_a_clock_that_goes_back_gives_nothing(clock: Any) -> None:
    limiter = RateLimiter(1, 1_000, clock)
    assert limiter.take(1) == 0
    clock.advance(-3_600)
    assert limiter.take(1) == pytest.approx(60)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        (format_datetime(NOW + timedelta(seconds=90)), 90.0),
        (format_datetime(NOW - timedelta(seconds=90)), 0.0),
        ("Sun, 99 Foo 2026 00:00:00 GMT", None),
        ("Sun, 01 Mar 2026 00:01:00", 60.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_back_off_grows_is_bounded_and_jittered() -> None:
    assert [back_off_s(n, lambda: 1.0) for n in (1, 2, 3, 4, 5, 6, 99)] == [1, 2, 4, 8, 16, 30, 30]
    assert [back_off_s(n, lambda: 0.0) for n in (1, 2, 6)] == [0.25, 0.5, 7.5]


def is_to_be_tested(breaker: Breaker) -> bool:
    try:
        return breaker.check()
    except EvaluatorUnavailable:
        return False


def test_a_breaker_opens_longer_each_time_and_is_tested_between(clock: Any) -> None:
    breaker = Breaker(clock)
    assert not breaker.check()
    pauses = []
    for _ in range(8):
        assert str(breaker.open("401: check the key")) == "401: check the key"
        breaker.open("503")  # another request that was under way
        opened = clock.now
        while not is_to_be_tested(breaker):
            clock.advance(1)
        pauses.append((clock.now - opened).total_seconds())
    assert pauses[0] == FIRST_PAUSE.total_seconds()
    assert pauses[1] == 2 * pauses[0]
    assert pauses[-1] == LONGEST_PAUSE.total_seconds()
    breaker.close()
    assert not breaker.check()


def test_a_burst_is_a_row_of_invalid_replies(clock: Any) -> None:
    breaker = Breaker(clock)
    for _ in range(BURST - 1):
        breaker.saw(valid=False)
    assert not breaker.has_burst
    breaker.saw(valid=True)
    for _ in range(BURST):
        breaker.saw(valid=False)
    assert breaker.has_burst
    breaker.close()
    assert not breaker.has_burst
