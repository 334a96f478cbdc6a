"""Numbers as people read them."""

from __future__ import annotations

from watchglass_alerts.rules import Rule


def show(rule: Rule, value: float | None, *, digits: int = 4) -> str:
    """A value of the rule's metric with its unit: '31.2 %', '1.84 s', '0.412 USD', '1,204', '0.63'."""
    if value is None:
        return "nothing"
    unit = rule.measure.unit
    if unit == "%":
        return f"{_digits(value * 100, digits)} %"
    return f"{_digits(value, digits)} {unit}".rstrip()


def show_with_interval(rule: Rule, value: float | None, low: float | None, high: float | None, sample_size: int) -> str:
    """The value, its 95 % interval where one is known, and the sample size."""
    noun = "scores" if rule.is_on_scores else "calls"
    if value is None:
        return f"no value ({sample_size:,} {noun})"
    parts = []
    if low is not None and high is not None:
        parts.append(f"95 % interval {show(rule, low, digits=3)} to {show(rule, high, digits=3)}")
    if rule.metric != "calls":
        parts.append(f"{sample_size:,} {noun}")
    return show(rule, value) + (f" ({', '.join(parts)})" if parts else "")


def show_metric(rule: Rule) -> str:
    """The metric in words: 'error_rate', 'duration_s p95', 'score:profanity share above 0.5'."""
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
