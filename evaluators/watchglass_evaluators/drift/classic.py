"""The usual drift measures, by name: PSI, Kolmogorov and Smirnov's test, Wasserstein's distance.

They look at one number at a time and know nothing of what texts say. The thresholds of PSI and Wasserstein's distance
mean something else at each sample size: expect false alarms from small windows. `combined` is better at all of it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Numbers = NDArray[np.float64]
ClassicMethod = Literal["psi", "ks", "wasserstein"]

THRESHOLDS = {"psi": 0.2, "wasserstein": 0.1}
_BINS = 10
_EMPTY_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class ClassicResult:
    """The worst column decides."""

    value: float
    """The largest distance; for ks, the smallest p-value times the number of columns (Bonferroni), at most 1."""
    by_column: Numbers
    """Distance or p-value of each column."""


def classic_test(method: ClassicMethod, reference: Matrix, current: Matrix) -> ClassicResult:
    """Compare two tables column by column."""
    measure = {"psi": psi, "ks": ks_p_value, "wasserstein": wasserstein}[method]
    pairs = zip(reference.T.astype(np.float64), current.T.astype(np.float64), strict=True)
    values = np.array([measure(a, b) for a, b in pairs])
    if method == "ks":
        return ClassicResult(min(1.0, float(values.min()) * len(values)), values)
    return ClassicResult(float(values.max()), values)


def psi(reference: Numbers, current: Numbers) -> float:
    """Population stability index over the reference's deciles: 0 = same shares, above 0.2 is called a shift."""
    bounds = np.unique(np.quantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = []
    for values in (reference, current):
        counts = np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)
        shares.append(np.maximum(counts / len(values), _EMPTY_SHARE))
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def ks_p_value(reference: Numbers, current: Numbers) -> float:
    """Kolmogorov and Smirnov's two-sample test, asymptotic p-value; conservative where values repeat."""
    merged = np.sort(np.concatenate([reference, current]))
    a = np.searchsorted(np.sort(reference), merged, "right") / len(reference)
    b = np.searchsorted(np.sort(current), merged, "right") / len(current)
    size = math.sqrt(len(reference) * len(current) / (len(reference) + len(current)))
    distance = float(np.abs(a - b).max()) * size
    if distance < 0.2:  # the series converges slowly there, and the answer is 1 to nine digits
        return 1.0
    series = math.fsum((-1) ** (k - 1) * math.exp(-2 * (k * distance) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * series))


def wasserstein(reference: Numbers, current: Numbers) -> float:
    """Earth mover's distance in units of the reference's standard deviation, as Evidently norms it."""
    merged = np.sort(np.concatenate([reference, current]))
    a = np.searchsorted(np.sort(reference), merged[:-1], "right") / len(reference)
    b = np.searchsorted(np.sort(current), merged[:-1], "right") / len(current)
    return float((np.abs(a - b) * np.diff(merged)).sum() / max(float(reference.std()), 1e-3))
