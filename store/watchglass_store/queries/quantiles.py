"""Quantiles that come with an interval, read from one grid of levels.

ClickHouse wants the levels of a quantile before it has counted the values, but the interval's levels depend on the
count. So a query asks its digest for a whole grid (one pass over the digest), and the ends are picked afterwards.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from math import ceil, exp, isfinite, lgamma, log, sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
NAMED = (0.05, 0.5, 0.95, 0.99)
"""The levels that people ask for."""
_STEPS = tuple(0.0002 * 1.5**k for k in range(18))


def _grid() -> tuple[float, ...]:
    near = {round(level + side * step, 5) for level in NAMED for step in _STEPS for side in (-1, 1)}
    return tuple(sorted({0.0, 1.0, *NAMED, *(level for level in near if 0 < level < 1)}))


LEVELS = _grid()
"""Every level of the grid, ascending from 0 (the least value) to 1: close together near the named ones."""
LEVELS_SQL = ", ".join(f"{level:g}" for level in LEVELS)
"""The grid as a ClickHouse function's parameters."""
RESERVOIR = 8192
"""How many values `quantilesState` keeps, whatever it has seen: no more can be made of them."""


EXACT = 1000
"""Largest sample whose ranks are counted exactly."""


class Quantile(NamedTuple):
    """A quantile with the ends of its 95 % interval; an end is None where the sample does not bound it."""

    value: float | None
    low: float | None
    high: float | None


NOTHING = Quantile(None, None, None)


@lru_cache(maxsize=10_000)
def _ranks(level: float, size: int) -> tuple[int, int]:
    """The ranks, from 1, whose values end the interval: 0 and `size` + 1 where the sample does not bound that side.

    How many values lie under the quantile is binomial; large samples take its normal approximation.
    """
    if size > EXACT:
        margin = Z * sqrt(level * (1 - level) * size)
        return ceil(level * size - margin), ceil(level * size + margin)
    first, reached = 0, 0.0
    for under in range(size + 1):
        ways = lgamma(size + 1) - lgamma(under + 1) - lgamma(size - under + 1)
        reached += exp(ways + under * log(level) + (size - under) * log(1 - level))
        if reached <= 0.025:
            first = under + 1
        if reached >= 0.975:
            return first, under + 1
    return first, size + 1


def read(values: Sequence[float], level: float, size: int) -> Quantile:
    """One quantile and its 95 % interval, whatever the distribution.

    The ends are order statistics (W. J. Conover, Practical Nonparametric Statistics, 3rd ed., 3.2), rounded outwards to
    the grid. A sample with too few values beyond the quantile bounds it on
    one side only.

    Args:
        values: of a sample at each of `LEVELS`; empty or NaN where nothing was measured.
        level: one of `NAMED`.
        size: how many values the sample has.
    """
    value = values[LEVELS.index(level)] if values and size else None
    if value is None or not isfinite(value):
        return NOTHING
    first, last = _ranks(level, size)
    low = values[bisect_right(LEVELS, (first - 1) / size) - 1] if first >= 1 else None
    high = values[bisect_left(LEVELS, last / size)] if last <= size else None
    return Quantile(value, low, high)
