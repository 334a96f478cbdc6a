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


def difference_of_means(a: tuple[float, float, int], b: tuple[float, float, int]) -> tuple[float, float, float] | None:
    """B - a with its 95 % interval (Welch 1947, normal quantile); None where either has fewer than two values.

    Args:
        a: Mean, sample variance, n.
        b: The same.
    """
    if min(a[2], b[2]) < 2:
        return None
    half = _Z95 * math.sqrt(a[1] / a[2] + b[1] / b[2])
    difference = b[0] - a[0]
    return (difference, difference - half, difference + half) if math.isfinite(half) else None


def difference_of_shares(a: tuple[int, int], b: tuple[int, int]) -> tuple[float, float, float] | None:
    """B - a with its 95 % interval (Newcombe 1998, method 10); None without trials on either side.

    Args:
        a: Successes, trials.
        b: The same.
    """
    if min(a[1], b[1]) < 1:
        return None
    (low_a, high_a), (low_b, high_b) = wilson(*a), wilson(*b)
    share_a, share_b = a[0] / a[1], b[0] / b[1]
    difference = share_b - share_a
    low = difference - math.hypot(share_b - low_b, high_a - share_a)
    high = difference + math.hypot(high_b - share_b, share_a - low_a)
    return difference, low, high
