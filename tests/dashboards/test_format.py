"""Numbers as text."""

from datetime import UTC, datetime

import pytest

from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.stats import mean_interval, wilson


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (format.count, 0, "0"),
        (format.count, 9999, "9,999"),
        (format.count, 12_345, "12.3 k"),
        (format.count, 999_999, "1 M"),
        (format.count, 1_234_567, "1.23 M"),
        (format.count, None, "—"),
        (format.seconds, 0.0042, "4.2 ms"),
        (format.seconds, 0.828, "828 ms"),
        (format.seconds, 3.38, "3.38 s"),
        (format.seconds, 200, "3 min 20 s"),
        (format.seconds, None, "—"),
        (format.whole, 15, "15 s"),
        (format.whole, 60, "1 min"),
        (format.whole, 14_400, "4 h"),
        (format.whole, 86_400, "1 d"),
        (format.usd, 28.774, "\\$28.77"),
        (format.usd, 0.0012, "\\$0.0012"),
        (format.usd, None, "—"),
        (format.score, 0.6249, "0.625"),
        (format.score, 1234.5, "1,234"),
        (format.percent, 0.0123, "1.23%"),
    ],
)
def test_a_number_is_read_with_its_unit(function, value, text):
    assert function(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.31, 4.2, "310 ms–4.20 s"),
        (0.31, None, "from 310 ms up"),
        (None, 0.31, "up to 310 ms"),
        (None, None, "unknown: too few"),
    ],
)
def test_an_interval_may_be_open(low, high, text):
    assert format.seconds_range(low, high) == text


@pytest.mark.parametrize(
    ("new", "old", "text"), [(12, 10, "+20.0%"), (5, 10, "-50.0%"), (500, 1, "×500"), (1, 0, None), (None, 1, None)]
)
def test_a_change_needs_something_to_compare_with(new, old, text):
    assert format.change(new, old) == text


def test_times_are_the_viewers():
    noon = datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC)
    assert format.clock(noon, format.zone("Asia/Tokyo")) == "01 Jul 21:00:05"
    assert format.zone_name(format.zone("Asia/Tokyo"), noon) == "Asia\\/Tokyo"
    assert format.zone_name(format.zone("no/such zone"), noon) == "UTC"


def test_wilson_against_published_values():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_single_value_has_no_interval():
    assert mean_interval(0.5, float("nan"), 1) is None
    assert mean_interval(10.0, 2.0, 100) == pytest.approx((9.608, 10.392), abs=1e-3)
