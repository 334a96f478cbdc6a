"""What people are told. A `Message` is made once, stored with the transition, and rendered by each channel.

It holds names, numbers and links. Text of a prompt or an answer is in it only where the rule says `examples: text`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from watchglass_alerts.chart import MAX_VALUES, Chart
from watchglass_alerts.durations import format_duration
from watchglass_alerts.links import query_string
from watchglass_alerts.rules import Rule
from watchglass_alerts.state import AlertState, Observation, Status, Step
from watchglass_alerts.substitution import substitute
from watchglass_alerts.text import clean
from watchglass_alerts.values import show, show_metric, show_with_interval


class Kind(StrEnum):
    """Why somebody is told."""

    FIRING = "firing"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    ERROR = "error"
    TEST = "test"
    """Somebody asked for it on a page: nothing has happened."""


TITLES = {
    Kind.FIRING: "Firing",
    Kind.RESOLVED: "Resolved",
    Kind.NO_DATA: "No data",
    Kind.ERROR: "Cannot evaluate",
    Kind.TEST: "Test",
}


_PAGE_PARAMETERS = {"service_name": "service", "environment": "env", "model": "model"}
"""Fields that the dashboard's Traces page takes from its address, and what it calls them."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notification's content. Texts are cleaned; channels only escape and cut."""

    id: str
    """The same on every attempt, also after a crash."""
    thread: str
    """The same for every message of one alert (rule and labels)."""
    kind: Kind
    title: str
    """'Firing: checkout errors'."""
    severity: str
    headline: str
    """What, in one sentence: 'error_rate is 31.2 % (95 % interval …, 643 calls), above the line of 20 %'."""
    reason: str
    """Why the state changed, from the state machine."""
    facts: tuple[tuple[str, str], ...]
    """Name and value: rule, severity, since when, over which window."""
    where: tuple[tuple[str, str], ...]
    """Name and value of filters, labels and groups. A silence matches these, the rule and the severity."""
    notes: tuple[tuple[str, str], ...]
    """The rule's annotations, substituted."""
    links: tuple[tuple[str, str], ...]
    """Name and URL, from configuration and rule only."""
    silence: str
    """The command that silences this alert for two hours; '' for a test."""
    incident: str = ""
    """The same for every message between firing and resolving, and for no others; '' for an alert that is not open."""
    chart: Chart | None = None
    """The last values against the line; None where fewer than two are known."""
    examples: tuple[tuple[str, str, str], ...] = ()
    """The window's worst calls: title ('12:00:31 gpt-4o, timeout'), URL or '', and text, '' unless the rule asks."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The same facts for machines, as documented for the `webhook` channel: rule, metric, value, slot, …"""
    reply_to: str = ""
    """The receipt of the alert's latest message on the channel that is about to send, '' when there is none."""

    def to_json(self) -> str:
        """Text that `from_json` reads back."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Message:
        """The message that `to_json` wrote, in this version or another: what is not there is empty."""
        data: dict[str, Any] = orjson.loads(text)
        known: dict[str, Any] = {each.name: data.get(each.name, "") for each in fields(cls)}
        for name in ("facts", "where", "notes", "links"):
            known[name] = tuple((key, value) for key, value in data.get(name, ()))
        examples = tuple((title, url, text) for title, url, text in data.get("examples") or ())
        known |= {"kind": Kind(data["kind"]), "data": data.get("data") or {}}
        known |= {"chart": Chart.from_json(data.get("chart")), "examples": examples}
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Example:
    """One call that made the number what it is."""

    trace_id: str
    span_id: str
    title: str
    """'12:00:31 gpt-4o, timeout'."""
    text: str = ""
    """The beginning of its prompt and answer, where the rule says `examples: text`; else ''."""
    project: str = ""
    """Of the API key it came with; '' = none."""


class Change(NamedTuple):
    """One evaluated alert, before and after."""

    rule: Rule
    labels: Mapping[str, str]
    """The group-by fields' values; empty for a rule without groups."""
    before: AlertState
    step: Step
    observation: Observation
    slot: datetime
    is_late: bool
    history: tuple[float | None, ...] = ()
    """The alert's values in the slots up to and with this one, oldest first."""
    examples: tuple[Example, ...] = ()
    """The window's worst calls, worst first."""


def notification_kind(rule: Rule, before: AlertState, after: AlertState) -> Kind | None:
    """Which notification a change asks for, or None."""
    kind: Kind | None = None
    if after.is_open and not before.is_open:
        kind = Kind.FIRING
    elif before.is_open and not after.is_open:
        kind = Kind.RESOLVED
    elif after.status is not before.status:
        if after.status in (Status.NO_DATA, Status.ERROR):
            kind = Kind(after.status.value)
        elif before.status.value in rule.notify_on and not after.is_open:
            kind = Kind.RESOLVED
    return kind if kind in rule.notify_on else None


def compose(change: Change, kind: Kind, *, message_id: str, thread: str, dashboard_url: str) -> Message:
    """The message for a change."""
    rule, observation = change.rule, change.observation
    opened = change.step.state.open_since or change.before.open_since
    facts = {"Rule": rule.name, "Severity": rule.severity, **_when(change, kind)}
    values = _substitutions(change)
    return Message(
        id=message_id,
        thread=thread,
        kind=kind,
        title=clean(f"{TITLES[kind]}: {rule.name}", 150),
        severity=rule.severity,
        headline=clean(_headline(rule, kind, observation), 500),
        reason=clean(change.step.reason, 500),
        facts=_cleaned(facts),
        where=_cleaned(_where(change)),
        notes=tuple(
            (name, clean(substitute(text, values), 2000, lines=True)) for name, text in rule.annotations.items()
        ),
        links=tuple(_links(change, dashboard_url).items()),
        silence=clean(_silence_command(change), 500),
        incident=f"{thread}/{int(opened.timestamp())}" if opened else "",
        data=_data(change, opened),
        chart=_chart(change),
        examples=tuple(_example(example, dashboard_url) for example in change.examples),
    )


def _headline(rule: Rule, kind: Kind, observation: Observation) -> str:
    if kind is Kind.ERROR or observation.error:
        return f"{show_metric(rule)} cannot be computed."
    value = show_with_interval(rule, observation.value, observation.low, observation.high, observation.sample_size)
    line = f"fires at {rule.condition.op} {show(rule, rule.condition.threshold)}"
    if rule.condition.resolve_threshold is not None:
        line += f", resolves past {show(rule, rule.condition.resolve_threshold)}"
    if rule.confidence == "bound":
        line += ", judged by the end of the interval that is nearer to the line"
    return f"{show_metric(rule)} is {value}; {line}."


def _cleaned(texts: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, clean(value, 200)) for name, value in texts.items())


def _where(change: Change) -> dict[str, str]:
    filters = {field: " or ".join(values) for field, values in change.rule.filters.items()}
    return filters | change.rule.labels | dict(change.labels)


def _when(change: Change, kind: Kind) -> dict[str, str]:
    start = change.slot - timedelta(seconds=change.rule.window_s)
    begin = f"{start:%Y-%m-%d %H:%M:%S}" if start.date() == change.slot.date() else _time(start)
    end = f"{change.slot:%H:%M:%S} UTC" if start.date() == change.slot.date() else _time(change.slot)
    facts = {"Window": f"{begin} to {end} ({format_duration(change.rule.window_s)})"}
    opened = change.step.state.open_since or change.before.open_since
    if opened is not None:
        facts["Since"] = _time(opened)
    if kind is Kind.RESOLVED and opened is not None:
        facts["Lasted"] = format_duration(int((change.slot - opened).total_seconds()))
    if change.is_late:
        facts["Late"] = "evaluated after a downtime of the alert engine"
    return facts


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _links(change: Change, dashboard_url: str) -> dict[str, str]:
    links = {}
    if dashboard_url:
        start = change.slot - timedelta(seconds=change.rule.window_s)
        single = {field: values[0] for field, values in change.rule.filters.items() if len(values) == 1}
        where = single | dict(change.labels)
        chosen = {parameter: where.get(field, "") for field, parameter in _PAGE_PARAMETERS.items()}
        window = {"from": start.isoformat(), "to": change.slot.isoformat()}
        links["Dashboard"] = f"{dashboard_url.rstrip('/')}/traces{query_string(chosen | window)}"
    if change.rule.runbook_url:
        links["Runbook"] = change.rule.runbook_url
    return links


def _data(change: Change, opened: datetime | None) -> dict[str, Any]:
    rule, observation = change.rule, change.observation
    return {
        "rule": rule.name,
        "metric": rule.metric,
        "statistic": rule.statistic,
        "value": observation.value,
        "value_low": observation.low,
        "value_high": observation.high,
        "sample_size": observation.sample_size,
        "op": rule.condition.op,
        "threshold": rule.condition.threshold,
        "window_s": rule.window_s,
        "slot": change.slot.isoformat(),
        "since": opened.isoformat() if opened else None,
        "late": change.is_late,
    }


def _chart(change: Change) -> Chart | None:
    values = change.history[-MAX_VALUES:]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    rule, line = change.rule, change.rule.condition.threshold
    caption = (
        f"last {len(values)} values, every {format_duration(rule.interval_s)}: "
        f"{show(rule, min(known), digits=3)} to {show(rule, max(known), digits=3)}, line at {show(rule, line)}"
    )
    return Chart(values, line, rule.condition.op[0] == ">", caption)


def _example(example: Example, dashboard_url: str) -> tuple[str, str, str]:
    url = ""
    if dashboard_url:
        place = {"id": example.trace_id, "span": example.span_id, "project": example.project}
        url = f"{dashboard_url.rstrip('/')}/trace{query_string(place)}"
    return clean(example.title, 200), url, clean(example.text, 300)


def _silence_command(change: Change) -> str:
    matchers = {"rule": change.rule.name, **change.labels}
    words = " ".join(shlex.quote(f"{name}={value}") for name, value in matchers.items())
    return f"watchglass alerts silence {words} --for 2h"


def _substitutions(change: Change) -> dict[str, str]:
    rule, observation, after = change.rule, change.observation, change.step.state
    values = {
        "rule": rule.name,
        "severity": rule.severity,
        "metric": show_metric(rule),
        "value": show(rule, observation.value),
        "value_low": show(rule, observation.low),
        "value_high": show(rule, observation.high),
        "sample_size": f"{observation.sample_size:,}",
        "threshold": show(rule, rule.condition.threshold),
        "op": rule.condition.op,
        "window": format_duration(rule.window_s),
        "since": _time(after.open_since or change.before.open_since or after.since),
        "state": after.status.value,
        "reason": change.step.reason,
    }
    return values | {f"labels.{name}": value for name, value in _where(change).items()}
