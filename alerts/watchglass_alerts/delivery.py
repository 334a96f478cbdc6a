"""Delivery: what was written with a transition reaches its channel, at least once.

A notification goes through a short list of stages, each of which may end its way with a reason:

    expire ─▶ silence ─▶ wait ─▶ claim ─▶ send ─▶ record

The first three are the pure function `decide`. `claim` writes who is about to send, under a token that only one
engine's row survives; a claim whose engine died runs out. So a notification is sent twice only when a process dies
between `send` and `record`, and then under the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from watchglass_alerts.channels import Channel, Delivered, Failed, Retry, SendResult
from watchglass_alerts.events import EPOCH, Labels, derive_id, identity
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.text import clean
from watchglass_store import Store
from watchglass_store.queries import alerting
from watchglass_store.queries.alert_receipts import latest_receipt

logger = logging.getLogger("watchglass.alerts")

GIVE_UP_AFTER = timedelta(hours=24)
HORIZON = timedelta(days=7)
"""How far back notifications are looked for; after a longer downtime they are not sent."""
CLAIM = timedelta(seconds=60)
"""Longer than any channel takes to send."""
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 900.0
MAX_CHANNELS_AT_ONCE = 8


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
    attempt: int
    outcome: str
    """Of the last attempt: '', 'sending', 'retry' or 'silenced'."""
    next_attempt: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Pending:
        """From `alerting.open_notifications`."""
        parsed = {"message": Message.from_json(row["message"]), "labels": identity(row["labels"])}
        return cls(**{name: row[name] for name in cls.__slots__} | parsed | {"is_current": bool(row["is_current"])})

    @property
    def alert(self) -> tuple[str, Labels]:
        """Which alert it is about."""
        return self.rule, self.labels


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a notification now."""

    action: str
    """'send', 'wait', or an outcome to record: 'silenced', 'dropped' or 'failed'."""
    reason: str


class DeliveryReport(NamedTuple):
    """What one run did."""

    delivered: int = 0
    retried: int = 0
    failed: int = 0
    silenced: int = 0
    """Held back or dropped."""


def decide(pending: Pending, now: datetime, silences: Sequence[Mapping[str, Any]]) -> Decision:
    """The first stage that has something to say, or 'send'."""
    return _expire(pending, now) or _silence(pending, silences) or _wait(pending, now) or Decision("send", "")


def _expire(pending: Pending, now: datetime) -> Decision | None:
    if now - pending.time < GIVE_UP_AFTER or pending.outcome == "silenced":
        return None
    return Decision("failed", f"given up after 24 hours and {pending.attempt} attempts")


def _silence(pending: Pending, silences: Sequence[Mapping[str, Any]]) -> Decision | None:
    names = {"rule": pending.rule, "severity": pending.severity, **dict(pending.message.where), **dict(pending.labels)}
    silence = next((each for each in silences if _matches(each["matchers"], names)), None)
    was_silenced = pending.outcome == "silenced"
    if silence is None:
        ended = was_silenced and not pending.is_current
        return Decision("dropped", "the alert changed while it was silenced") if ended else None
    reason = f"silenced by {silence['author']} until {silence['ends_at']:%Y-%m-%d %H:%M} UTC"
    if pending.message.kind is Kind.RESOLVED:
        return Decision("dropped", reason)
    return Decision("wait" if was_silenced else "silenced", reason)


def _matches(matchers: Mapping[str, str], names: Mapping[str, str]) -> bool:
    return bool(matchers) and all(names.get(name) == value for name, value in matchers.items())


def _wait(pending: Pending, now: datetime) -> Decision | None:
    if pending.outcome in ("retry", "sending") and now < pending.next_attempt:
        return Decision("wait", "the next attempt is not due")
    return None


def back_off_s(attempt: int, asked_s: float | None) -> float:
    """Seconds until the attempt after this one: 10, 20, 40 … 900, or longer where the receiver asked for it."""
    own = min(FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10), LONGEST_WAIT_S)
    return max(own, asked_s or 0.0)


class Delivery:
    """Sends what the transitions owe, channel by channel."""

    def __init__(
        self, store: Store, channels: Mapping[str, Channel], clock: Callable[[], datetime], *, engine: str
    ) -> None:
        self._store = store
        self._channels = channels
        self._clock = clock
        self._engine = engine

    def run(self) -> DeliveryReport:
        """Send everything that is due.

        Channels go side by side, and each goes in order and rests after a failure that may pass. Of one alert nothing
        overtakes: a resolve waits for its firing.

        Raises:
            StoreError: the store failed; what was sent but not recorded will be sent again.
        """
        now = self._clock()
        rows = alerting.open_notifications(self._store, since=now - HORIZON)
        if not rows:
            return DeliveryReport()
        silences = alerting.active_silences(self._store, now)
        queues: dict[str, list[Pending]] = {}
        for row in rows:
            queues.setdefault(row["channel"], []).append(Pending.from_row(row))
        with ThreadPoolExecutor(MAX_CHANNELS_AT_ONCE, thread_name_prefix="alert-channel") as pool:
            reports = list(pool.map(lambda queue: self._drain(queue, silences), queues.values()))
        return DeliveryReport(*(sum(counts) for counts in zip(*reports, strict=True)))

    def _drain(self, queue: Sequence[Pending], silences: Sequence[Mapping[str, Any]]) -> DeliveryReport:
        counts = dict.fromkeys(DeliveryReport._fields, 0)
        held: set[tuple[str, Labels]] = set()
        dropped: set[tuple[str, Labels]] = set()
        for pending in queue:
            if pending.alert in held:
                continue
            decision = decide(pending, self._clock(), silences)
            if pending.alert in dropped and pending.message.kind is Kind.RESOLVED:
                decision = Decision("dropped", "nobody was told that it fired")
            if decision.action == "send":
                outcome = self._send(pending)
            else:
                outcome = decision.action
                if outcome != "wait":
                    self._record(pending, outcome, decision.reason)
            if outcome in ("wait", "retry", "silenced"):
                held.add(pending.alert)
            if outcome == "dropped":
                dropped.add(pending.alert)
            name = {"delivered": "delivered", "retry": "retried", "failed": "failed"}.get(outcome, "silenced")
            counts[name] += outcome != "wait"
            if outcome == "retry":
                break
        return DeliveryReport(**counts)

    def _send(self, pending: Pending) -> str:
        """Claim, send, record; returns the outcome, 'wait' where another engine has the claim."""
        attempt = pending.attempt + 1
        self._record(pending, "sending", "", attempt=attempt, next_attempt=self._clock() + CLAIM)
        if (
            alerting.claim_owner(self._store, pending.id, attempt, rule=pending.rule, since=pending.time)
            != self._engine
        ):
            return "wait"
        result = self._attempt(pending)
        match result:
            case Delivered():
                self._record(pending, "delivered", result.detail, attempt=attempt, receipt=result.receipt)
                return "delivered"
            case Retry():
                wait = timedelta(seconds=back_off_s(attempt, result.after_s))
                self._record(pending, "retry", result.reason, attempt=attempt, next_attempt=self._clock() + wait)
                return "retry"
        logger.error("channel %s refused notification %s: %s", pending.channel, pending.id, result.reason)
        self._record(pending, "failed", result.reason, attempt=attempt)
        return "failed"

    def _attempt(self, pending: Pending) -> SendResult:
        channel = self._channels.get(pending.channel)
        reply_to = latest_receipt(self._store, rule=pending.rule, labels=dict(pending.labels), channel=pending.channel)
        if channel is None:
            return Failed(f"channel {pending.channel!r} is not configured any more")
        try:
            return channel.send(replace(pending.message, reply_to=reply_to))
        except Exception as error:
            # A channel from elsewhere may break its promise; its error's text may hold a secret.
            logger.error("channel %s raised %s instead of answering", pending.channel, type(error).__name__)
            return Retry(None, f"the channel raised {type(error).__name__}")

    def _record(
        self,
        pending: Pending,
        outcome: str,
        reason: str,
        *,
        attempt: int | None = None,
        next_attempt: datetime = EPOCH,
        receipt: str = "",
    ) -> None:
        attempt = pending.attempt if attempt is None else attempt
        row = {
            "time": self._clock(),
            "kind": "delivery",
            "event_id": pending.event_id,
            "rule": pending.rule,
            "labels": dict(pending.labels),
            "slot": pending.slot,
            "severity": pending.severity,
            "engine": self._engine,
            "notification_id": pending.id,
            "channel": pending.channel,
            "outcome": outcome,
            "attempt": attempt,
            "next_attempt": next_attempt,
            "error": clean(reason, 500),
            "receipt": clean(receipt, 500),
        }
        alerting.add_events(self._store, [row], token=derive_id("delivery", pending.id, attempt, outcome))
