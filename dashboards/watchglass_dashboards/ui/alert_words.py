"""Rules in words: what is watched, and the whole rule as a sentence. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from watchglass_dashboards.ui.format import whole
from watchglass_dashboards.ui.text import option

#: 'metric statistic' -> what a sentence calls it.
METRICS: dict[str, str] = {
    "error_rate": "the error rate",
    "calls": "the number of calls",
    "errors": "the number of errors",
    "cost_usd": "the cost",
    "input_tokens": "the tokens sent to models",
    "output_tokens": "the tokens that models produced",
    "duration_s mean": "the mean latency",
    "duration_s p50": "the median latency",
    "duration_s p95": "the 95th-percentile latency",
    "duration_s p99": "the 99th-percentile latency",
    "time_to_first_token_s p50": "the median time to first token",
    "time_to_first_token_s p95": "the 95th-percentile time to first token",
    "time_to_first_token_s p99": "the 99th-percentile time to first token",
    "score:NAME mean": "the mean of the score",
    "score:NAME share": "the share of the score",
    "score:NAME p05": "the 5th percentile of the score",
    "score:NAME p50": "the median of the score",
    "score:NAME p95": "the 95th percentile of the score",
    "score:NAME p99": "the 99th percentile of the score",
    "drift:NAME alarm": "the drift monitor",
    "drift:NAME p_value": "the p-value of the drift monitor",
    "drift:NAME distance": "the distance of the drift monitor",
    "evaluation_lag_s": "the evaluation lag",
    "evaluator_wait_s": "the time that an evaluator could not run",
    "delivery_lag_s": "the delivery lag",
}
FIELDS: dict[str, str] = {
    "service_name": "service",
    "environment": "environment",
    "operation_name": "kind of operation",
    "provider_name": "provider",
    "model": "model",
    "prompt_name": "prompt",
    "prompt_version": "prompt version",
    "evaluator": "evaluator",
    "evaluator_version": "evaluator version",
    "reason": "reason",
    "source": "source of the score",
    "method": "method",
    "target": "target",
    "channel": "channel",
}
STATES: dict[str, str] = {
    "firing": "firing",
    "pending": "pending",
    "no_data": "no data",
    "error": "cannot be evaluated",
    "inactive": "quiet",
    "": "not evaluated yet",
}
_UNITS_S = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def metric_key(metric: str, statistic: str) -> str:
    """The key of `METRICS` for a rule's metric and statistic: ('score:tone', 'mean') -> 'score:NAME mean'."""
    family, colon, _ = metric.partition(":")
    return f"{family}{colon}{'NAME' if colon else ''} {statistic}".strip()


def seconds_of(duration: object) -> int:
    """'1h30m' -> 5400; 0 where it is no duration."""
    total, digits = 0, ""
    for character in str(duration or ""):
        if character.isdigit():
            digits += character
        elif character in _UNITS_S and digits:
            total, digits = total + int(digits) * _UNITS_S[character], ""
        else:
            return 0
    return total if not digits else 0


def length(duration: object) -> str:
    """'90s' -> '90 s', '1h' -> '1 h': a duration as people read it."""
    return whole(seconds_of(duration))


def in_words(choice: object) -> str:
    """A choice of the editor as its select boxes show it; safe in a label."""
    text = str(choice)
    if text == "0s":
        return "any time"
    if text in METRICS or text in FIELDS:
        return METRICS.get(text) or FIELDS[text]
    return length(text) if seconds_of(text) else option(text)


def in_words_or_never(choice: object) -> str:
    """As `in_words`, where no time at all means never."""
    return "never" if str(choice) == "0s" else in_words(choice)


def number(value: float) -> str:
    """4.0 -> '4', 0.05 -> '0.05'."""
    return f"{value:,.6g}"


def amount(value: float, unit: str) -> str:
    """A line with its unit: (0.05, '%') -> '5 %', (2.0, 's') -> '2 s'."""
    return f"{number(value * 100 if unit == '%' else value)} {unit}".rstrip()


def sentence(definition: Mapping[str, Any], units: Mapping[str, str]) -> str:
    """A rule in words, without its name and channels: 'the error rate of model m1 over 10 min is above 5 % for 3 min'.

    Args:
        definition: as the table holds it.
        units: 'metric statistic' -> unit of the catalogue.
    """
    key = metric_key(definition.get("metric", ""), definition.get("statistic", ""))
    subject = str(definition.get("metric", "")).partition(":")[2].replace("_", " ")
    parts = [METRICS.get(key, key), subject, _share(definition.get("share_of")), _where(definition)]
    parts += [f"over {length(definition.get('window'))}", _condition(definition, units.get(key, ""))]
    if seconds_of(definition.get("for")):
        parts.append(f"for {length(definition['for'])}")
    return " ".join(part for part in parts if part)


def _share(share: Mapping[str, Any] | None) -> str:
    if not share:
        return ""
    side, value = next(iter(share.items()))
    return f"labelled {value}" if side == "label" else f"{side} {number(value)}"


def _where(definition: Mapping[str, Any]) -> str:
    filters = [
        f"{FIELDS.get(field, field)} {' or '.join(_listed(values)) or 'unknown'}"
        for field, values in sorted(
            definition.get("filters", {}).items(), key=lambda item: [*FIELDS, item[0]].index(item[0])
        )
    ]
    groups = [FIELDS.get(field, field) for field in definition.get("group_by", ())]
    parts = [f"of {' and '.join(filters)}" if filters else "", f"for each {' and '.join(groups)}" if groups else ""]
    return " ".join(part for part in parts if part)


def _listed(values: str | Sequence[str]) -> list[str]:
    return [values] if isinstance(values, str) else [value or "(none)" for value in values]


def _condition(definition: Mapping[str, Any], unit: str) -> str:
    condition = definition.get("condition", {})
    line, op = float(condition.get("threshold", 1.0)), str(condition.get("op", ">"))
    match condition.get("type", "threshold"):
        case "no_data":
            return f"has fewer than {number(line)} samples"
        case "burn_rate":
            budget = amount(float(condition.get("budget", 0)), "%" if unit == "%" else unit)
            return f"burns its budget of {budget} more than {number(line)} times too fast"
        case "change":
            is_relative = condition.get("change") == "relative"
            by = amount(abs(line), "%" if is_relative else unit)
            verb = "rises" if op[0] == ">" else "falls"
            return f"{verb} by more than {by} against {length(condition.get('against'))} before"
    if unit == "" and str(definition.get("statistic")) == "alarm":
        return "raises an alarm"
    words = {">": "is above", ">=": "is at least", "<": "is below", "<=": "is at most"}
    return f"{words.get(op, op)} {amount(line, unit)}"
