"""The editor's sentence as plain values, from a rule and back to one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchglass_dashboards.ui.alert_words import metric_key, seconds_of

ABOVE, BELOW, RISES, FALLS, BURNS, FEWER, ALARM = (
    "is above",
    "is below",
    "rises by more than",
    "falls by more than",
    "burns its budget faster than",
    "has fewer samples than",
    "raises an alarm",
)
SHARES = ("above", "below", "label")


@dataclass(frozen=True, slots=True)
class Form:
    """What the widgets say. Numbers are as people type them: percent where a share is meant."""

    key: str = "error_rate"
    """'metric statistic' of the catalogue, `score:NAME mean`."""
    subject: str = ""
    """The score or drift monitor."""
    share_side: str = "above"
    share_value: str = "0.5"
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    window: str = "10m"
    how: str = ABOVE
    value: float = 5.0
    is_relative: bool = True
    against: str = "1d"
    budget: float = 0.1
    hold: str = "0s"
    name: str = ""
    severity: str = "warning"
    channels: tuple[str, ...] = ()
    is_sure: bool = False
    """Only when the 95 % interval is past the line."""
    min_sample_size: int | None = None
    resolve: float | None = None
    keep: str = "0s"
    repeat: str = "4h"
    summary: str = ""
    runbook: str = ""
    examples: str = "links"


def ways(key: str, kind: str) -> tuple[str, ...]:
    """The conditions that a metric can have."""
    if key == "drift:NAME alarm":
        return (ALARM,)
    if kind == "gauge":
        return (ABOVE, BELOW)
    burns = (BURNS,) if kind == "share" or key == "cost_usd" else ()
    return (ABOVE, BELOW, RISES, FALLS, *burns, FEWER)


def scale(form_how: str, unit: str, *, is_relative: bool) -> float:
    """By what a typed number is divided: 100 where it is a percentage."""
    if form_how in (BURNS, FEWER, ALARM):
        return 1.0
    if form_how in (RISES, FALLS) and is_relative:
        return 100.0
    return 100.0 if unit == "%" else 1.0


def interval_for(window: str) -> str:
    """How often a window is looked at: a minute up to an hour's, then a sixtieth of it, an hour at most."""
    window_s = max(seconds_of(window), 5)
    if window_s < 60:
        return f"{window_s}s"
    return f"{min(max(window_s // 3600, 1), 60)}m"


def definition(form: Form, unit: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """The rule that the form says.

    Args:
        form: What the widgets say.
        unit: Of the metric, from the catalogue.
        base: The rule that is edited; what the form does not show stays as it is there.
    """
    family, _, statistic = form.key.partition(" ")
    shown = {
        "name": form.name,
        "metric": family.replace("NAME", form.subject),
        "statistic": statistic,
        "share_of": _share(form) if statistic == "share" else None,
        "filters": {name: list(values) for name, values in form.filters.items() if values},
        "group_by": list(form.group_by),
        "window": form.window,
        "interval": base["interval"] if base.get("window") == form.window else interval_for(form.window),
        "condition": _condition(form, unit, base.get("condition", {})),
        "for": form.hold,
        "severity": form.severity,
        "channels": list(form.channels),
        "confidence": "bound" if form.is_sure else "point",
        "min_sample_size": form.min_sample_size,
        "keep_firing_for": form.keep,
        "repeat_interval": form.repeat,
        "runbook_url": form.runbook,
        "examples": form.examples,
        "annotations": {**base.get("annotations", {}), "summary": form.summary} if form.summary else _without(base),
    }
    empty: tuple[object, ...] = (None, "", {}, [])
    kept = {key: value for key, value in base.items() if key not in shown}
    return kept | {key: value for key, value in shown.items() if value not in empty or key in ("name", "channels")}


def _without(base: Mapping[str, Any]) -> dict[str, Any]:
    return {name: text for name, text in base.get("annotations", {}).items() if name != "summary"}


def _share(form: Form) -> dict[str, Any]:
    if form.share_side == "label":
        return {"label": form.share_value}
    try:
        return {form.share_side: float(form.share_value)}
    except ValueError:
        return {form.share_side: form.share_value}


def _condition(form: Form, unit: str, base: Mapping[str, Any]) -> dict[str, Any]:
    by = scale(form.how, unit, is_relative=form.is_relative)
    line = form.value / by
    back = {} if form.resolve is None else {"resolve_threshold": form.resolve / by}
    strict = base.get("op", ">") if base.get("op", ">")[1:] else ""
    match form.how:
        case "rises by more than" | "falls by more than":
            is_up = form.how == RISES
            found = {"type": "change", "against": form.against, "op": ">" if is_up else "<"}
            return {**found, "change": "relative" if form.is_relative else "absolute",
                    "threshold": line if is_up else -line}  # fmt: skip
        case "burns its budget faster than":
            kept = {name: base[name] for name in ("budget_period", "short_window") if name in base}
            budget = form.budget / (100.0 if unit == "%" else 1.0)
            return {"type": "burn_rate", "budget": budget, "threshold": line, **kept, **back}
        case "has fewer samples than":
            return {"type": "no_data", "threshold": line}
        case "raises an alarm":
            return {"op": ">=", "threshold": 1.0}
    op = ">" if form.how == ABOVE else "<"
    return {"op": strict if strict[:1] == op else op, "threshold": line, **back}


def form_of(rule: Mapping[str, Any], unit: str) -> Form:
    """What the widgets say about a rule.

    Args:
        rule: A valid rule's definition.
        unit: Of its metric, from the catalogue.
    """
    condition = rule["condition"]
    how, is_relative = _how(rule), condition.get("change", "absolute") == "relative"
    by = scale(how, unit, is_relative=is_relative)
    back = condition.get("resolve_threshold")
    share = dict(rule.get("share_of") or {})
    side = next(iter(share), "above")
    return Form(
        key=metric_key(rule["metric"], rule.get("statistic", "")),
        subject=rule["metric"].partition(":")[2],
        share_side=side,
        share_value=str(share.get(side, "0.5")),
        filters={name: (values,) if isinstance(values, str) else tuple(values)
                 for name, values in rule.get("filters", {}).items()},
        group_by=tuple(rule.get("group_by", ())),
        window=rule["window"],
        how=how,
        value=round(abs(float(condition.get("threshold", 1.0))) * by, 9)
        if how in (RISES, FALLS)
        else round(float(condition.get("threshold", 1.0)) * by, 9),
        is_relative=is_relative,
        against=condition.get("against", "1d"),
        budget=round(float(condition.get("budget", 0.001)) * (100.0 if unit == "%" else 1.0), 9),
        hold=rule.get("for", "0s"),
        name=rule["name"],
        severity=rule.get("severity", "warning"),
        channels=tuple(rule.get("channels", ())),
        is_sure=rule.get("confidence") == "bound",
        min_sample_size=rule.get("min_sample_size"),
        resolve=None if back is None else round(back * by, 9),
        keep=rule.get("keep_firing_for", "0s"),
        repeat=rule.get("repeat_interval", "4h"),
        summary=rule.get("annotations", {}).get("summary", ""),
        runbook=rule.get("runbook_url", ""),
        examples=rule.get("examples", "links"),
    )  # fmt: skip


def _how(rule: Mapping[str, Any]) -> str:
    condition = rule["condition"]
    is_up = str(condition.get("op", ">"))[0] == ">"
    match condition.get("type", "threshold"):
        case "change":
            return RISES if is_up else FALLS
        case "burn_rate":
            return BURNS
        case "no_data":
            return FEWER
    if rule.get("statistic") == "alarm":
        return ALARM
    return ABOVE if is_up else BELOW
