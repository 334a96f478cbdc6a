"""What happens to a notification before it is sent, as a list of small stages: see `STAGES`.

A stage is a pure function `(pending, context) -> Decision | None`. The first that has something to say ends the way,
and says why; where none has, the notification is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from watchglass_alerts.events import Labels, identity
from watchglass_alerts.inhibition import Inhibition, OpenAlert
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.silences import is_matched
from watchglass_alerts.text import clean

GIVE_UP_AFTER = timedelta(hours=24)
LEAST_ATTEMPTS = 5
"""Before giving up, so that neither a clock that jumps a day nor a long downtime fails what was hardly tried."""
HELD = ("silenced", "inhibited")


@dataclass(frozen=True, slots=True)
class Pending:
    """A notification that somebody is still owed."""

    id: str
    channel: str
    message: Message
    event_id: str
    rule: str
    labels: Labels
    severity: str
    slot: datetime
    time: datetime
    """When it was decided."""
    is_current: bool
    """Whether the alert has not changed since."""
    is_repeat: bool
    """Whether it says again what was said before, after `repeat_interval`."""
    attempt: int
    outcome: str
    """Of the last attempt: '', 'sending', 'retry', 'silenced' or 'inhibited'."""
    next_attempt: datetime
    wait_s: float
    """Seconds from the last outcome to `next_attempt`, whatever the clock has done since; 0 without one."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Pending:
        """From `alerting.open_notifications`."""
        parsed = {"message": Message.from_json(row["message"]), "labels": identity(row["labels"])}
        flags = {name: bool(row[name]) for name in ("is_current", "is_repeat")}
        return cls(**{name: row[name] for name in cls.__slots__} | parsed | flags)

    def row(self, *, reason: str, receipt: str, **columns: Any) -> dict[str, Any]:
        """The row of `alert_events` that says what became of it."""
        return {
            "kind": "delivery",
            "event_id": self.event_id,
            "rule": self.rule,
            "labels": dict(self.labels),
            "slot": self.slot,
            "severity": self.severity,
            "notification_id": self.id,
            "channel": self.channel,
            "error": clean(reason, 500),
            "receipt": clean(receipt, 500),
            **columns,
        }

    @property
    def alert(self) -> tuple[str, Labels]:
        """Which alert it is about."""
        return self.rule, self.labels

    @property
    def names(self) -> dict[str, str]:
        """What silences, inhibitions and groups match."""
        return {"rule": self.rule, "severity": self.severity, **dict(self.message.where), **dict(self.labels)}


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a notification now."""

    action: str
    """'send', 'wait', or an outcome to record: 'silenced', 'inhibited', 'dropped' or 'failed'."""
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """What was last delivered about an alert to a channel."""

    kind: Kind
    time: datetime
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which notifications of a channel go as one message, and how long they are collected."""

    by: tuple[str, ...] = ()
    wait: timedelta = timedelta(0)
    interval: timedelta = timedelta(0)

    def key(self, names: Mapping[str, str]) -> tuple[str, ...]:
        """The group that these names belong to."""
        return tuple(names.get(name, "") for name in self.by)


@dataclass(frozen=True, slots=True)
class Context:
    """All that stages know besides the notification."""

    now: datetime
    elapsed_s: Callable[[Pending], float] = lambda pending: 0.0
    """Seconds since this process first saw the notification in its present state, by a clock that never jumps."""
    silences: Sequence[Mapping[str, Any]] = ()
    inhibitions: Sequence[Inhibition] = ()
    open_alerts: Sequence[OpenAlert] = ()
    told: Mapping[tuple[str, Labels], Told] = field(default_factory=dict)
    """By alert, on this channel."""
    grouping: Grouping = field(default_factory=Grouping)
    group_since: Mapping[tuple[str, ...], datetime] = field(default_factory=dict)
    """By group: when its oldest waiting notification was decided."""
    room: int = 1
    """Messages that the channel may still get within the hour."""


Stage = Callable[[Pending, Context], Decision | None]


def expire(pending: Pending, context: Context) -> Decision | None:
    """Nothing is tried for ever."""
    is_old = context.now - pending.time >= GIVE_UP_AFTER
    if not is_old or pending.attempt < LEAST_ATTEMPTS or pending.outcome in HELD:
        return None
    return Decision("failed", f"given up after 24 hours and {pending.attempt} attempts")


def silence(pending: Pending, context: Context) -> Decision | None:
    """People asked for quiet."""
    names = pending.names
    found = next((each for each in context.silences if is_matched(each["matchers"], names)), None)
    if found is None:
        return None
    reason = f"silenced by {found['author']} until {found['ends_at']:%Y-%m-%d %H:%M} UTC"
    if pending.message.kind is Kind.RESOLVED:
        return Decision("dropped", reason)
    return Decision("wait" if pending.outcome == "silenced" else "silenced", reason)


def inhibit(pending: Pending, context: Context) -> Decision | None:
    """Another alert that is open already says it. Ends are told all the same: whoever was told of the start waits."""
    if pending.message.kind is Kind.RESOLVED:
        return None
    names = pending.names
    for inhibition in context.inhibitions:
        source = next((each for each in context.open_alerts if inhibition.applies(each, pending.alert, names)), None)
        if source is not None:
            reason = f"inhibited by {source.rule!r}, which is firing"
            return Decision("wait" if pending.outcome == "inhibited" else "inhibited", reason)
    return None


def overtaken(pending: Pending, context: Context) -> Decision | None:
    """What was held back, and is not so any more, is told only if it still holds."""
    if pending.outcome in HELD and not pending.is_current:
        return Decision("dropped", f"the alert changed while it was {pending.outcome}")
    return None


def dedup(pending: Pending, context: Context) -> Decision | None:
    """A repetition is for those who have heard nothing for a while; an end for those who know of a start."""
    told = context.told.get(pending.alert)
    if told is None:
        return None
    if pending.is_repeat and told.kind is pending.message.kind and told.time >= pending.time:
        return Decision("dropped", f"told at {told.time:%Y-%m-%d %H:%M} UTC already")
    if pending.message.kind is Kind.RESOLVED and told.kind is Kind.RESOLVED and pending.attempt == 0:
        return Decision("dropped", "nobody was told that it fired")
    return None


def group(pending: Pending, context: Context) -> Decision | None:
    """A group's first message waits for company; the next one keeps its distance."""
    grouping = context.grouping
    if not grouping.by or pending.attempt:
        return None
    key = grouping.key(pending.names)
    last = max((told.time for told in context.told.values() if grouping.key(told.names) == key), default=None)
    if last is not None and context.now - last < grouping.interval:
        return Decision("wait", "the group was told a moment ago")
    if context.now - context.group_since.get(key, pending.time) < grouping.wait:
        return Decision("wait", "the group is being collected")
    return None


def cap(pending: Pending, context: Context) -> Decision | None:
    """A storm of messages helps nobody; what waits here is grouped when there is room."""
    return None if context.room > 0 else Decision("wait", "the channel has had its messages for this hour")


def rest(pending: Pending, context: Context) -> Decision | None:
    """After a failure, or while another engine's claim may hold.

    A claim is judged by elapsed time alone, so that a clock that jumps ahead does not end every claim at once. A retry
    goes by the clock, or by elapsed time where the clock has gone back.
    """
    if pending.outcome not in ("retry", "sending") or context.elapsed_s(pending) >= pending.wait_s:
        return None
    if pending.outcome == "retry" and context.now >= pending.next_attempt:
        return None
    return Decision("wait", "the next attempt is not due")


STAGES: tuple[Stage, ...] = (expire, silence, inhibit, overtaken, dedup, rest, group, cap)
"""In order. Behind them come claim, send and record, in `delivery`; `events.repeats` decides what is told again."""


def decide(pending: Pending, context: Context) -> Decision:
    """The first stage that has something to say, or 'send'."""
    found = (stage(pending, context) for stage in STAGES)
    return next((decision for decision in found if decision is not None), Decision("send", ""))
