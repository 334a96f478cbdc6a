"""The catalogue: what a rule can watch.

A metric of calls is a column of the traffic (`error_rate`, `duration_s`); a metric of quality is `score:NAME`. Some
need a `statistic`. Everything a rule may say is a row here, so the validator, the documentation and the dashboard's
editor read the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCORE_PREFIX = "score:"
QUANTILES = ("p50", "p95", "p99")


class Kind(StrEnum):
    """How a number was made, which decides its interval and what absence of data means."""

    COUNT = "count"
    """A sum over calls. No calls means 0. Exact, so no interval."""
    SHARE = "share"
    """A part of the whole, 0 to 1. Wilson interval."""
    MEAN = "mean"
    """An average. Normal interval."""
    QUANTILE = "quantile"
    """A percentile. No interval is stated."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that a rule can compare with a line."""

    metric: str
    """The rule's `metric`; `score:NAME` for scores."""
    statistic: str
    """The rule's `statistic`; '' where the metric has only one."""
    kind: Kind
    unit: str
    """'%' (values are 0 to 1, shown as percent), 's', 'USD', 'tokens' or ''."""
    description: str

    @property
    def minimum_samples(self) -> int:
        """`min_sample_size` where a rule does not say: 30, or 0 for counts, which are exact at any size."""
        return 0 if self.kind is Kind.COUNT else 30


def _quantiles(metric: str, noun: str) -> list[Measure]:
    return [Measure(metric, q, Kind.QUANTILE, "s", f"{noun}, {q[1:]}th percentile") for q in QUANTILES]


CALLS: tuple[Measure, ...] = (
    Measure("calls", "", Kind.COUNT, "", "Number of operations"),
    Measure("errors", "", Kind.COUNT, "", "Number of operations that failed"),
    Measure("error_rate", "", Kind.SHARE, "%", "Failed operations as a part of all, 0 to 1"),
    Measure("input_tokens", "", Kind.COUNT, "tokens", "Tokens sent to models, nothing counted twice"),
    Measure("output_tokens", "", Kind.COUNT, "tokens", "Tokens that models produced, nothing counted twice"),
    Measure("cost_usd", "", Kind.COUNT, "USD", "Cost in US dollars, nothing counted twice"),
    Measure("duration_s", "mean", Kind.MEAN, "s", "Duration, mean"),
    *_quantiles("duration_s", "Duration"),
    *_quantiles("time_to_first_token_s", "Time to first token"),
)
SCORES: tuple[Measure, ...] = (
    Measure("score:NAME", "mean", Kind.MEAN, "", "A score's mean"),
    Measure("score:NAME", "p50", Kind.QUANTILE, "", "A score's median"),
    Measure("score:NAME", "p95", Kind.QUANTILE, "", "A score's 95th percentile"),
    Measure("score:NAME", "share", Kind.SHARE, "%", "Part of the scores that `share_of` describes, 0 to 1"),
)


def find_measure(metric: str, statistic: str) -> Measure:
    """The catalogue's row for a metric and statistic.

    Raises:
        ValueError: there is none; the text lists what there is.
    """
    if metric.startswith(SCORE_PREFIX) and len(metric) > len(SCORE_PREFIX):
        rows = SCORES
    else:
        rows = tuple(row for row in CALLS if row.metric == metric)
        if not rows:
            known = ", ".join(dict.fromkeys(row.metric for row in CALLS))
            raise ValueError(f"metric {metric!r} is not in the catalogue; allowed: {known}, or score:NAME")
    for row in rows:
        if row.statistic == statistic:
            return row
    allowed = ", ".join(row.statistic for row in rows if row.statistic)
    if not allowed:
        raise ValueError(f"statistic {statistic!r}: {metric} has only one; leave the field out")
    raise ValueError(f"statistic {statistic!r} does not fit {metric}; allowed: {allowed}")
