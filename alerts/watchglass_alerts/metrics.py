"""The catalogue: what a rule can watch.

A metric of calls is a column of the traffic (`error_rate`, `duration_s`); a metric of quality is `score:NAME`. Some
need a `statistic`. Drift monitors are `drift:NAME`; how far behind Watchglass itself is are the lags. Everything a
rule may say is a row here, so the validator, the documentation and the dashboard's editor read the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

SCORE_PREFIX = "score:"
DRIFT_PREFIX = "drift:"
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
SCORE_QUANTILES = {"p05": 0.05} | QUANTILES
"""Statistic to level."""


class Source(StrEnum):
    """Where a number is read."""

    CALLS = "calls"
    SCORES = "scores"
    DRIFT = "drift"
    EVALUATION_LAG = "evaluation_lag_s"
    EVALUATOR_WAIT = "evaluator_wait_s"
    DELIVERY_LAG = "delivery_lag_s"


class Kind(StrEnum):
    """How a number was made, which decides its interval and what absence of data means."""

    COUNT = "count"
    """A sum over calls. No calls means 0. Exact, so no interval."""
    SHARE = "share"
    """A part of the whole, 0 to 1. Wilson interval."""
    MEAN = "mean"
    """An average. Normal interval."""
    QUANTILE = "quantile"
    """A percentile. Interval from the order of the values, whatever their distribution."""
    GAUGE = "gauge"
    """The state of something at the slot's time. Exact; its sample is what it is about, and may be empty."""


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
        return 0 if self.kind in (Kind.COUNT, Kind.GAUGE) else 30

    @property
    def source(self) -> Source:
        """Where it is read."""
        if self.metric.startswith(SCORE_PREFIX):
            return Source.SCORES
        if self.metric.startswith(DRIFT_PREFIX):
            return Source.DRIFT
        return Source.CALLS if self in CALLS else Source(self.metric)


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
    *(Measure("score:NAME", q, Kind.QUANTILE, "", f"A score's {int(q[1:])}th percentile") for q in SCORE_QUANTILES),
    Measure("score:NAME", "share", Kind.SHARE, "%", "Part of the scores that `share_of` describes, 0 to 1"),
)

DRIFT: tuple[Measure, ...] = (
    Measure("drift:NAME", "alarm", Kind.GAUGE, "", "1 where the monitor's last result is an alarm, otherwise 0"),
    Measure(
        "drift:NAME", "p_value", Kind.GAUGE, "", "The p-value of the monitor's last result, the smallest of its groups'"
    ),
    Measure(
        "drift:NAME",
        "distance",
        Kind.GAUGE,
        "",
        "The distance of the monitor's last result, the largest of its groups'",
    ),
)
LAGS: tuple[Measure, ...] = (
    Measure(
        "evaluation_lag_s", "", Kind.GAUGE, "s", "How long the oldest call that an evaluator has not seen has waited"
    ),
    Measure(
        "evaluator_wait_s", "", Kind.GAUGE, "s", "How long an evaluator could not run: no weights, no key, budget spent"
    ),
    Measure(
        "delivery_lag_s", "", Kind.GAUGE, "s", "How long the oldest notification that a channel is owed has waited"
    ),
)
CATALOGUE = (*CALLS, *SCORES, *DRIFT, *LAGS)


@lru_cache(maxsize=4096)
def find_measure(metric: str, statistic: str) -> Measure:
    """The catalogue's row for a metric and statistic.

    Raises:
        ValueError: there is none; the text lists what there is.
    """
    if metric.startswith(SCORE_PREFIX) and len(metric) > len(SCORE_PREFIX):
        rows = SCORES
    elif metric.startswith(DRIFT_PREFIX) and len(metric) > len(DRIFT_PREFIX):
        rows = DRIFT
    else:
        rows = tuple(row for row in (*CALLS, *LAGS) if row.metric == metric)
        if not rows:
            known = ", ".join(dict.fromkeys(row.metric for row in (*CALLS, *LAGS)))
            raise ValueError(f"metric {metric!r} is not in the catalogue; allowed: {known}, score:NAME or drift:NAME")
    for row in rows:
        if row.statistic == statistic:
            return row
    allowed = ", ".join(row.statistic for row in rows if row.statistic)
    if not allowed:
        raise ValueError(f"statistic {statistic!r}: {metric} has only one; leave the field out")
    raise ValueError(f"statistic {statistic!r} does not fit {metric}; allowed: {allowed}")
