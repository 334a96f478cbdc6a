"""Intervals that say how sure a number is. All are 95 % and two-sided."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""


class Interval(NamedTuple):
    """The lower and the upper end; (None, None) where the data do not allow one."""

    low: float | None
    high: float | None


UNKNOWN = Interval(None, None)


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's score interval for a share, within 0 to 1 also for small samples.

    Source: E. B. Wilson (1927), https://doi.org/10.2307/2276774.
    """
    if trials <= 0:
        return UNKNOWN
    share = successes / trials
    centre = (share + Z * Z / (2 * trials)) / (1 + Z * Z / trials)
    margin = Z * sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials)) / (1 + Z * Z / trials)
    low = 0.0 if successes == 0 else max(0.0, centre - margin)
    high = 1.0 if successes == trials else min(1.0, centre + margin)
    return Interval(low, high)


def normal(mean: float, variance: float, trials: int) -> Interval:
    """The normal interval for a mean.

    Args:
        mean: of the sample.
        variance: of the sample, with Bessel's correction.
        trials: the sample's size; fewer than two give no interval.
    """
    if trials < 2:
        return UNKNOWN
    margin = Z * sqrt(max(variance, 0.0) / trials)
    return Interval(mean - margin, mean + margin)
