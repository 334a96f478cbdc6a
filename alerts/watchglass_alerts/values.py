"""Numbers as people read them."""

from __future__ import annotations

from watchglass_alerts.durations import format_duration
from watchglass_alerts.metrics import Source
from watchglass_alerts.rules import Rule

_NOUNS = {
    Source.CALLS: "calls",
    Source.SCORES: "scores",
    Source.DRIFT: "calls",
    Source.EVALUATION_LAG: "waiting calls",
    Source.EVALUATOR_WAIT: "waiting evaluators",
    Source.DELIVERY_LAG: "waiting notifications",
}


def show(rule: Rule, value: float | None, *, digits: int = 4) -> str:
    """What the rule compares, with its unit: '31.2 %', '1.84 s', '0.412 USD', '1,204', '+3.1 points', '14.4 times'."""
    if value is None:
        return "nothing"
    unit = rule.unit
    sign = "+" if rule.condition.type == "change" and value > 0 else ""
    scaled = value * 100 if unit in ("%", "points") else value
    return f"{sign}{_digits(scaled, digits)} {unit}".rstrip()


def show_with_interval(rule: Rule, value: float | None, low: float | None, high: float | None, sample_size: int) -> str:
    """The value, its 95 % interval where one is known, and the sample size."""
    noun = _NOUNS[rule.measure.source]
    if value is None:
        return f"no value ({sample_size:,} {noun})"
    parts = []
    if low is not None or high is not None:
        start = "unbounded" if low is None else show(rule, low, digits=3)
        end = "unbounded" if high is None else show(rule, high, digits=3)
        parts.append(f"95 % interval {start} to {end}")
    if rule.metric != "calls" and rule.condition.type != "no_data":
        parts.append(f"{sample_size:,} {noun}")
    return show(rule, value) + (f" ({', '.join(parts)})" if parts else "")


def show_metric(rule: Rule) -> str:
    """What is compared, in words: 'duration_s p95', 'score:profanity share above 0.5'.

    Or 'change of calls against 1d before', 'burn rate of error_rate over 1h and 5m'.
    """
    condition, metric = rule.condition, _metric(rule)
    match condition.type:
        case "change":
            kind = "relative change" if condition.change == "relative" else "change"
            return f"{kind} of {metric} against {format_duration(condition.against_s or 0)} before"
        case "burn_rate":
            lengths = " and ".join(format_duration(length) for _, length in rule.windows)
            return f"burn rate of {metric} over {lengths}"
        case "no_data":
            return f"number of {_NOUNS[rule.measure.source]} behind {metric}"
    return metric


def _metric(rule: Rule) -> str:
    if rule.share_of is None:
        return f"{rule.metric} {rule.statistic}".rstrip()
    share = rule.share_of
    if share.label is not None:
        return f"{rule.metric} share labelled {share.label!r}"
    side, line = ("above", share.above) if share.above is not None else ("below", share.below)
    return f"{rule.metric} share {side} {line:g}"


def _digits(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 0.001 else f"{value:.2e}"
