"""Rows of `alert_events`: what the engine remembers, and what it owes to channels.

A transition carries its notifications in the same row, so one insert is the whole transaction. Ids are derived from
what happened and never drawn, so writing the same event twice is visible as such.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from watchglass_alerts.message import Change, Kind, compose, notification_kind
from watchglass_alerts.rules import Rule
from watchglass_alerts.state import AlertState, Observation, Status

NAMESPACE = uuid.UUID("8b4c3f0e-6a51-5c1e-9d0a-57a7c9a5e001")
EPOCH = datetime.fromtimestamp(0, UTC)
"""Stands for 'not' in time columns that hold no NULL."""

Labels = tuple[tuple[str, str], ...]
"""An alert's identity within its rule: group-by fields and values, sorted."""


def identity(labels: Mapping[str, str]) -> Labels:
    """Labels as a key."""
    return tuple(sorted(labels.items()))


def derive_id(*parts: object) -> str:
    """A UUID that depends on the parts only."""
    return str(uuid.uuid5(NAMESPACE, orjson.dumps(parts).decode()))


def is_transition(before: AlertState | None, after: AlertState) -> bool:
    """Whether anything that a restart needs has changed; always for an alert that is new."""
    return before is None or before != after


def transition_row(change: Change, *, is_new: bool, engine: str, dashboard_url: str, now: datetime) -> dict[str, Any]:
    """The row for a change, with one notification for each channel of the rule that wants to know."""
    after = change.step.state
    labels = identity(change.labels)
    event_id = derive_id("event", change.rule.name, labels, int(change.slot.timestamp()), after.status.value)
    return _row(
        "transition",
        change.rule,
        change.slot,
        engine=engine,
        now=now,
        is_late=change.is_late,
        event_id=event_id,
        labels=dict(labels),
        state=after.status.value,
        change=_turn(change.before, after),
        previous_state="" if is_new else change.before.status.value,
        reason=change.step.reason,
        since=after.since,
        open_since=after.open_since or EPOCH,
        recovering_since=after.recovering_since or EPOCH,
        notifications=_notifications(change, event_id, labels, dashboard_url),
        **_observed(change.observation),
    )


def _turn(before: AlertState, after: AlertState) -> str:
    if before.is_open == after.is_open:
        return ""
    return "opened" if after.is_open else "closed"


def repeats(change: Change) -> bool:
    """Whether an alert that goes on firing is to be told again in this slot: each `repeat_interval` since it fired.

    A slot that is late stays silent, so that a downtime is not followed by a row of repetitions.
    """
    rule, after = change.rule, change.step.state
    opened, every_s = after.open_since, rule.repeat_interval_s
    if not every_s or opened is None or after.status is not Status.FIRING or change.is_late or change.before != after:
        return False
    now_s = (change.slot - opened).total_seconds()
    return now_s // every_s > (now_s - rule.interval_s) // every_s and now_s >= every_s


def _notifications(change: Change, event_id: str, labels: Labels, dashboard_url: str) -> list[tuple[str, str, str]]:
    kind = notification_kind(change.rule, change.before, change.step.state)
    if repeats(change) and Kind.FIRING.value in change.rule.notify_on:
        kind = Kind.FIRING
    if kind is None:
        return []
    thread = derive_id("alert", change.rule.name, labels)
    ids = {channel: derive_id("notification", event_id, channel) for channel in change.rule.channels}
    return [
        (id, channel, compose(change, kind, message_id=id, thread=thread, dashboard_url=dashboard_url).to_json())
        for channel, id in ids.items()
    ]


def slot_row(
    rule: Rule,
    slot: datetime,
    *,
    is_late: bool,
    observations: Sequence[Observation],
    reason: str,
    engine: str,
    now: datetime,
) -> dict[str, Any]:
    """The row that says a slot is done. It holds the value of a rule without groups, so its history can be drawn."""
    alone = observations[0] if len(observations) == 1 and not rule.group_by else Observation(None)
    alone_size = alone.sample_size or sum(each.sample_size for each in observations)
    return _row(
        "slot",
        rule,
        slot,
        engine=engine,
        now=now,
        is_late=is_late,
        event_id=derive_id("slot", rule.name, int(slot.timestamp())),
        reason=reason,
        **(_observed(alone) | {"sample_size": alone_size}),
    )


def state_of(row: Mapping[str, Any]) -> AlertState:
    """The state that a transition row left behind."""
    opened, recovering = row["open_since"], row["recovering_since"]
    return AlertState(
        Status(row["state"]),
        row["since"],
        opened if opened != EPOCH else None,
        recovering if recovering != EPOCH else None,
    )


def _observed(observation: Observation) -> dict[str, Any]:
    return {
        "value": observation.value,
        "value_low": observation.low,
        "value_high": observation.high,
        "sample_size": observation.sample_size,
    }


def _row(
    kind: str, rule: Rule, slot: datetime, *, engine: str, now: datetime, is_late: bool, **columns: Any
) -> dict[str, Any]:
    return {
        "time": now,
        "kind": kind,
        "rule": rule.name,
        "slot": slot,
        "late": int(is_late),
        "severity": rule.severity,
        "threshold": rule.condition.threshold,
        "engine": engine,
        "event_id": "",
        "labels": {},
        "state": "",
        "previous_state": "",
        "reason": "",
        "since": EPOCH,
        "open_since": EPOCH,
        "recovering_since": EPOCH,
        "change": "",
        "notifications": [],
        **columns,
    }
