"""What a sum will be if the days to come are like those that were."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

_Z95 = 1.959963984540054
#: Whole days below which nothing is said.
FEWEST_DAYS = 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """A sum to come, with the interval that holds it 95 times out of 100 if days vary as they did."""

    low: float
    middle: float
    high: float
    days: int
    """Whole days that it rests on."""


def forecast(days: Sequence[float], remaining: float) -> Forecast | None:
    """The sum of the days that remain.

    Each is taken as another draw from the days seen, with their mean and standard deviation (normal prediction
    interval of a sum: the days' own spread and what is not known of their mean). It knows no weekday and no trend.

    Args:
        days: Values of whole days that have passed.
        remaining: How many days are to come; a part of a day counts as a part.

    Returns:
        The forecast; None with fewer than `FEWEST_DAYS` days.
    """
    if len(days) < FEWEST_DAYS or remaining < 0:
        return None
    centre, spread = mean(days), stdev(days)
    half = _Z95 * spread * math.sqrt(remaining + remaining**2 / len(days))
    middle = centre * remaining
    return Forecast(max(0.0, middle - half), middle, middle + half, len(days))
