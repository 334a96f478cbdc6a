"""What is said about days to come, against numbers worked out by hand and by simulation."""

import random
from datetime import UTC, date, datetime

import pytest

from watchglass_dashboards.ui.forecast import forecast
from watchglass_dashboards.views.cost import by_name, month
from watchglass_dashboards.views.health import growth


def test_equal_days_go_on_as_they_were():
    found = forecast([2.0] * 7, 10)
    assert found is not None
    assert (found.low, found.middle, found.high, found.days) == (20, 20, 20, 7)


def test_too_few_days_say_nothing():
    assert forecast([1.0, 2.0], 10) is None
    assert forecast([], 10) is None
    assert forecast([1.0, 2.0, 3.0], -1) is None


def test_the_interval_holds_what_comes_about_as_often_as_it_says():
    dice, held = random.Random(5), 0
    for _ in range(600):
        days = [dice.gauss(100, 20) for _ in range(28)]
        found = forecast(days, 10)
        assert found is not None
        held += found.low <= sum(dice.gauss(100, 20) for _ in range(10)) <= found.high
    assert 0.92 <= held / 600 <= 0.98


def day(number: int, cost: float) -> dict[str, object]:
    return {"day": date(2026, 5, number), "day_cost_usd": cost}


def test_a_month_is_what_was_spent_and_what_is_to_come():
    now = datetime(2026, 5, 11, 12, tzinfo=UTC)
    found = month([day(number, 4.0) for number in range(1, 11)] + [day(11, 2.0)], now)
    assert found["spent"] == 42
    assert found["days"] == 9  # the first day of all may have begun in the middle
    assert found["middle"] == pytest.approx(42 + 20.5 * 4)
    assert found["low"] == found["high"] == found["middle"]


def test_a_month_without_prices_is_unknown_and_not_free():
    found = month([day(number, 0.0) for number in range(1, 11)], datetime(2026, 5, 11, tzinfo=UTC))
    assert (found["spent"], found["middle"]) == (None, None)


def test_a_table_that_forgets_does_not_grow_for_ever():
    assert growth([100] * 7, 700, None) == (3700, 3700, 3700)
    assert growth([100] * 7, 700, 10) == (1000, 1000, 1000)
    assert growth([100], 100, None) == (None, None, None)


def test_lines_are_dearest_first_whatever_is_shown_and_the_rest_last():
    at = datetime(2026, 5, 1, tzinfo=UTC)
    rows = [
        {"time": at, "of": name, "cost_usd": cost, "tokens": tokens}
        for name, cost, tokens in (("all others", 9.0, 90), ("free", 0.0, 50), ("a", 1.0, 20), ("b", 2.0, 10))
    ]
    time = int(at.timestamp())
    for measure, of in (("cost_usd", [2.0, 1.0, 0.0, 9.0]), ("tokens", [10, 20, 50, 90])):
        found = by_name(rows, [time, time + 60], measure)
        assert list(found.items()) == [
            (name, [value, None]) for name, value in zip(("b", "a", "free", "all others"), of, strict=True)
        ]
