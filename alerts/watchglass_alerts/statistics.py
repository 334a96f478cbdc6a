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


def difference(now: float, now_interval: Interval, then: float, then_interval: Interval) -> Interval:
    """The interval of `now - then`, from the intervals of two independent samples.

    For shares with Wilson intervals this is Newcombe's hybrid score interval, for means Welch's normal one. Source:
    G. Y. Zou, A. Donner (2008), https://doi.org/10.1002/sim.3095 (MOVER).
    """
    ends = _ends(now_interval, then_interval)
    if ends is None:
        return UNKNOWN
    low, high, then_low, then_high = ends
    change = now - then
    return Interval(
        change - sqrt((now - low) ** 2 + (then_high - then) ** 2),
        change + sqrt((high - now) ** 2 + (then - then_low) ** 2),
    )


def ratio(now: float, now_interval: Interval, then: float, then_interval: Interval) -> Interval:
    """The interval of `now / then`; an end is None where the samples do not bound it, as when `then` may be 0.

    Source: A. Donner, G. Y. Zou (2012), https://doi.org/10.1177/0962280210383171 (MOVER-R). For samples
    of values that are not negative.
    """
    ends = _ends(now_interval, then_interval)
    if ends is None or now < 0 or then <= 0:
        return UNKNOWN
    low, high, then_low, then_high = ends
    product = now * then
    low_end: float | None = None
    high_end: float | None = None
    if then_high * (2 * then - then_high) > 0:
        inside = product**2 - low * then_high * (2 * now - low) * (2 * then - then_high)
        low_end = max(0.0, (product - sqrt(max(inside, 0.0))) / (then_high * (2 * then - then_high)))
    else:
        low_end = max(0.0, low / then_high)
    if then_low > 0:
        inside = product**2 - high * then_low * (2 * now - high) * (2 * then - then_low)
        high_end = (product + sqrt(max(inside, 0.0))) / (then_low * (2 * then - then_low))
    return Interval(low_end, high_end)


def _ends(one: Interval, other: Interval) -> tuple[float, float, float, float] | None:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return None
    return one.low, one.high, other.low, other.high
