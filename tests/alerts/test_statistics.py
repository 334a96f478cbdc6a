import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass_alerts.statistics import UNKNOWN, normal, wilson


def test_wilson_gives_published_values() -> None:
    # Newcombe (1998), table I: 81/263, 15/148, 0/20, 1/29, by the score method without continuity correction.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_in_range(case: tuple[int, int]) -> None:
    successes, trials = case
    low, high = wilson(successes, trials)
    assert low is not None
    assert high is not None
    assert 0 <= low <= successes / trials <= high <= 1


def test_normal() -> None:
    assert normal(10.0, 4.0, 100) == pytest.approx((9.608, 10.392), abs=1e-3)


def test_too_little_gives_no_interval() -> None:
    assert wilson(0, 0) == UNKNOWN
    assert normal(1.0, 0.0, 1) == UNKNOWN
