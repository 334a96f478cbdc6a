"""Quantiles with their intervals: the grid, its one-sided ends, and how often an interval covers the truth."""

import math

import numpy as np
import pytest

from watchglass_store import Store
from watchglass_store.queries import quantiles
from watchglass_store.queries.quantiles import LEVELS, NOTHING, read


def test_the_grid_ascends_and_has_the_named_levels() -> None:
    assert list(LEVELS) == sorted(set(LEVELS))
    assert (LEVELS[0], LEVELS[-1]) == (0.0, 1.0)
    assert set(quantiles.NAMED) <= set(LEVELS)
    assert [float(text) for text in quantiles.LEVELS_SQL.split(", ")] == list(LEVELS)


def test_nothing_measured_is_nothing() -> None:
    assert read([], 0.5, 0) == NOTHING
    assert read([math.nan] * len(LEVELS), 0.5, 0) == NOTHING
    assert read([math.nan] * len(LEVELS), 0.95, 3) == NOTHING


def test_a_small_sample_bounds_a_high_quantile_on_one_side_only() -> None:
    values = [100 * level for level in LEVELS]
    assert read(values, 0.95, 71).high is None
    assert read(values, 0.95, 73).high == 100
    assert read(values, 0.05, 71).low is None
    assert read(values, 0.5, 3) == (50, None, None)


@pytest.mark.parametrize("level", quantiles.NAMED)
@pytest.mark.parametrize("size", [80, 1000, 20_000])
def test_the_interval_covers_the_truth_at_least_as_often_as_it_says(level: float, size: int) -> None:
    random, truth = np.random.default_rng(7), -math.log(1 - level)
    covered = 0
    for _ in range(300):
        found = read(np.quantile(random.exponential(size=size), LEVELS).tolist(), level, size)
        covered += (found.low is None or found.low <= truth) and (found.high is None or found.high >= truth)
    assert covered / 300 > 0.92  # 95 %, less 2.4 standard errors of 300 tries


def test_a_large_sample_has_a_narrow_interval() -> None:
    values = np.quantile(np.random.default_rng(3).exponential(size=100_000), LEVELS).tolist()
    found = read(values, 0.95, 100_000)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.1


def test_a_digest_of_other_levels_answers_for_the_grid(store: Store) -> None:
    rows = store.query(
        f"""
        SELECT quantilesTDigestMerge({quantiles.LEVELS_SQL})(state) AS found
        FROM (SELECT quantilesTDigestState(0.5, 0.95, 0.99)(toFloat64(number)) AS state FROM numbers(10000))
        """
    )
    found = read(rows[0]["found"], 0.95, 10_000)
    assert found.value == pytest.approx(9500, abs=5)
    assert (found.low, found.high) == (pytest.approx(9457, abs=20), pytest.approx(9543, abs=20))
