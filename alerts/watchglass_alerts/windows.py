"""From what each of a rule's windows held to the one number that its condition compares. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from watchglass_alerts.durations import format_duration
from watchglass_alerts.metrics import Kind
from watchglass_alerts.rules import Rule
from watchglass_alerts.state import Observation
from watchglass_alerts.statistics import UNKNOWN, Interval, difference, ratio


def combine(rule: Rule, windows: Sequence[Observation]) -> Observation:
    """What a condition compares.

    Args:
        rule: whose condition it is.
        windows: an observation of the metric for each of `rule.windows`.
    """
    match rule.condition.type:
        case "change":
            return _change(rule, *windows)
        case "burn_rate":
            return _burn_rate(rule, *windows)
        case "no_data":
            return Observation(float(windows[0].sample_size), sample_size=windows[0].sample_size)
    return windows[0]


def _change(rule: Rule, now: Observation, then: Observation) -> Observation:
    before = f"{format_duration(rule.condition.against_s or 0)} before"
    size = min(now.sample_size, then.sample_size)
    if now.value is None:
        return Observation(None, sample_size=size)
    if then.value is None:
        return Observation(None, sample_size=size, missing=f"no data {before} to compare with")
    details = (
        f"{now.value:.4g} over {now.sample_size:,} now, {then.value:.4g} over {then.sample_size:,} {before}"
        if rule.measure.kind is not Kind.COUNT
        else f"{now.value:,.6g} now, {then.value:,.6g} {before}"
    )
    ends = Interval(now.low, now.high), Interval(then.low, then.high)
    if rule.condition.change == "absolute":
        low, high = difference(now.value, ends[0], then.value, ends[1])
        return Observation(now.value - then.value, low, high, size, details=details)
    if then.value == 0:
        return Observation(None, sample_size=size, missing=f"it was 0 {before}: no relative change can be stated")
    low, high = ratio(now.value, ends[0], then.value, ends[1])
    change = (now.value - then.value) / abs(then.value)
    return Observation(
        change, None if low is None else low - 1, None if high is None else high - 1, size, details=details
    )


def _burn_rate(rule: Rule, *windows: Observation) -> Observation:
    """The slower of the windows' rates: it is above the line only where all are."""
    size = min(each.sample_size for each in windows)
    rates: list[float] = []
    lows: list[float | None] = []
    highs: list[float | None] = []
    for each, (_, length_s) in zip(windows, rule.windows, strict=True):
        if each.value is None:
            return Observation(None, sample_size=size)
        scale = 1 / _budget(rule, length_s)
        rates.append(each.value * scale)
        lows.append(None if each.low is None else each.low * scale)
        highs.append(None if each.high is None else each.high * scale)
    low, high = _smallest(lows), _smallest(highs)
    lengths = (format_duration(length_s) for _, length_s in rule.windows)
    details = ", ".join(f"{rate:.4g} times over {length}" for rate, length in zip(rates, lengths, strict=True))
    interval = Interval(low, high) if low is not None and high is not None else UNKNOWN
    return Observation(min(rates), interval.low, interval.high, size, details=details)


def _budget(rule: Rule, length_s: int) -> float:
    """What a window of this length may use up at most, to last the period."""
    budget = rule.condition.budget or 1.0
    return budget if rule.measure.kind is Kind.SHARE else budget * length_s / rule.condition.budget_period_s


def _smallest(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return min(known) if len(known) == len(values) else None
