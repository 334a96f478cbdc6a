"""How sure a number is."""

import math

_Z95 = 1.959963984540054


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson's score interval, Wilson 1927); (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share, spread = successes / trials, _Z95**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def mean_interval(mean: float, deviation: float, n: int) -> tuple[float, float] | None:
    """95 % interval of a mean (normal approximation); None below two values, where nothing can be said.

    Args:
        mean: Sample mean.
        deviation: Sample standard deviation (n - 1).
        n: Number of values.
    """
    if n < 2 or not math.isfinite(deviation):
        return None
    half = _Z95 * deviation / math.sqrt(n)
    return mean - half, mean + half
