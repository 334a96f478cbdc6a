"""What people would have said of all the calls that a judge scored, from the few that they labelled. Pure.

A judge's mean is biased by its errors, however many calls it sees. Prediction-powered inference takes the judge's
scores of all calls and corrects them by how far they are off where people looked too: the interval is right whatever
the judge is like, and narrower than that of the labels alone where the judge is good. It holds when the labelled calls
are a random sample of those that were judged.

Source: A. Angelopoulos, J. Duchi, T. Zrnic, "PPI++: Efficient Prediction-Powered Inference", arXiv:2311.01453, 2023;
A. Angelopoulos et al., "Prediction-powered inference", Science 382, 2023.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_LABELS = 20
"""With fewer the interval promises more than it keeps."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A judge beside people. `reason` says why there are no estimates."""

    n_judged: int
    """Calls that the judge scored and nobody labelled."""
    n_labelled: int
    """Calls that have both."""
    judge_mean: float | None
    """Of all that it scored, uncorrected."""
    people: Estimate | None
    """From the labels alone."""
    corrected: Estimate | None
    """From labels and judge: what people would say of all these calls, on the people's scale."""
    correlation: float | None
    """Of judge and people where there are both; None where one of them never varies."""
    trust: float | None
    """How much weight the judge got (PPI++'s lambda): 0 = its scores tell nothing about people's."""
    reason: str = ""


def calibrate(
    people: Sequence[float], judge: Sequence[float], *, n: int, mean: float, variance: float, confidence: float = 0.95
) -> Calibration:
    """Estimate the mean of people's scores over all calls that a judge scored.

    Args:
        people: their scores of the labelled calls.
        judge: its scores of the same calls, in the same order.
        n: how many calls it scored beside these.
        mean: of its scores of them.
        variance: of its scores of them (with n - 1 below the line).
        confidence: share of such intervals that hold the truth, above 0 and below 1.
    """
    labels, scores = np.asarray(people, float), np.asarray(judge, float)
    k = len(labels)
    total = (n * mean + scores.sum()) / (n + k) if n + k else None
    if k < LEAST_LABELS:
        reason = f"{k} calls have both a score of the judge and a label of people; it takes {LEAST_LABELS}"
        return Calibration(n, k, total, None, None, None, None, reason)
    alone = _interval(labels.mean(), labels.var(ddof=1) / k, k, confidence)
    covariance = float(np.cov(labels, scores)[0, 1])
    spread = float(scores.std() * labels.std())
    correlation = float(np.corrcoef(labels, scores)[0, 1]) if spread > 0 else None
    if n < 2:
        return Calibration(n, k, total, alone, alone, correlation, 0.0)
    # Eq. 6 of PPI++ (for means): what is least wide; on whatever scale the judge scores.
    everything = ((n - 1) * variance + (k - 1) * float(scores.var(ddof=1))) / (n + k - 2)
    trust = covariance / ((1 + k / n) * everything) if everything > 0 else 0.0
    value = trust * mean + float((labels - trust * scores).mean())
    squared_error = trust**2 * variance / n + float((labels - trust * scores).var(ddof=1)) / k
    corrected = _interval(value, squared_error, k, confidence)
    return Calibration(n, k, total, alone, corrected, correlation, trust)


def _interval(value: float, squared_error: float, labels: int, confidence: float) -> Estimate:
    """Student's, not the normal one: it is the few labels that the error is known from."""
    from scipy.stats import t  # type: ignore[import-untyped, unused-ignore]

    half = float(t.ppf(0.5 + confidence / 2, labels - 1)) * math.sqrt(squared_error)
    return Estimate(float(value), float(value) - half, float(value) + half)
