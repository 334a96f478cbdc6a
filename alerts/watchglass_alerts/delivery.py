"""Delivery: what was written with a transition reaches its channel, at least once.

A notification passes the list `stages.STAGES`, is claimed, sent, and recorded:

    expire ─▶ silence ─▶ inhibit ─▶ … ─▶ cap ─▶ claim ─▶ send ─▶ record

`claim` writes who is about to send, under a token that only one engine's row survives; a claim whose engine died runs
out. So a notification is sent twice only when a process dies between `send` and `record`, and then under the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from watchglass_alerts.channels import Channel, Delivered, Failed, Retry, SendResult
from watchglass_alerts.config import AlertsConfig
from watchglass_alerts.digest import MAX_MEMBERS, digest
from watchglass_alerts.events import EPOCH, Labels, derive_id, identity
from watchglass_alerts.inhibition import Inhibition, OpenAlert
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.stages import Context, Decision, Grouping, Pending, Told, decide
from watchglass_store import Store
from watchglass_store.queries import alerting
from watchglass_store.queries.alert_receipts import latest_receipt

logger = logging.getLogger("watchglass.alerts")

HORIZON = timedelta(days=7)
"""How far back notifications are looked for; after a longer downtime they are not sent."""
HOUR = timedelta(hours=1)
CLAIM = timedelta(seconds=60)
"""Longer than any channel takes to send."""
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 900.0
MAX_CHANNELS_AT_ONCE = 8
FOR_MACHINES = ("heartbeat", "pagerduty", "webhook")
"""Types of channels that keep something for each alert, and so must hear of each by itself."""
UNCAPPED = 1_000_000_000
"""Messages an hour: no cap."""


class DeliveryReport(NamedTuple):
    """What one run did, in notifications."""

    delivered: int = 0
    retried: int = 0
    failed: int = 0
    silenced: int = 0
    """Held back or dropped."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is configured about delivery, beside the channels."""

    grouping: Grouping = field(default_factory=Grouping)
    ungrouped: frozenset[str] = frozenset()
    """Channels that get every alert by itself."""
    uncapped: frozenset[str] = frozenset()
    """Channels whose messages nobody reads: a heartbeat must come each minute, whatever the cap."""
    messages_per_hour: int = 60
    inhibitions: tuple[Inhibition, ...] = ()


def policy_of(config: AlertsConfig) -> Policy:
    """From the settings."""
    wait, interval = timedelta(seconds=config.group_wait_s), timedelta(seconds=config.group_interval_s)
    machines = frozenset(name for name, settings in config.channels.items() if settings.type in FOR_MACHINES)
    beats = frozenset(name for name, settings in config.channels.items() if settings.type == "heartbeat")
    return Policy(Grouping(config.group_by, wait, interval), machines, beats, config.messages_per_hour, config.inhibit)


@dataclass(slots=True)
class _Queue:
    """One channel's run."""

    context: Context
    told: dict[tuple[str, Labels], Told]
    room: int
    held: set[tuple[str, Labels]] = field(default_factory=set)
    """Alerts of which nothing more may go now: a resolve waits for its firing."""
    dropped: set[tuple[str, Labels]] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DeliveryReport._fields, 0))

    def count(self, outcome: str, number: int) -> None:
        name = {"delivered": "delivered", "retry": "retried", "failed": "failed"}.get(outcome, "silenced")
        self.counts[name] += number if outcome != "wait" else 0


def back_off_s(attempt: int, asked_s: float | None) -> float:
    """Seconds until the attempt after this one: 10, 20, 40 … 900, or longer where the receiver asked for it."""
    own = min(FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10), LONGEST_WAIT_S)
    return max(own, asked_s or 0.0)


class Delivery:
    """Sends what the transitions owe, channel by channel."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime],
        *,
        engine: str,
        policy: Policy | None = None,
        stopwatch: Callable[[], float] | None = None,
    ) -> None:
        """Everything is passed in.

        Args:
            store: where the log is.
            channels: by name.
            clock: what time it is.
            engine: who writes.
            policy: groups, cap and inhibitions; left out, every notification goes by itself.
            stopwatch: seconds that only grow; left out, those of `clock`.
        """
        self._store = store
        self._channels = channels
        self._clock = clock
        self._engine = engine
        self._policy = policy or Policy()
        self._stopwatch = stopwatch or (lambda: clock().timestamp())
        self._first_seen: dict[tuple[str, int, str], float] = {}

    def run(self) -> DeliveryReport:
        """Send everything that is due.

        Channels go side by side, and each goes in order and rests after a failure that may pass. Of one alert nothing
        overtakes: a resolve waits for its firing.

        Raises:
            StoreError: the store failed; what was sent but not recorded will be sent again.
        """
        now = self._clock()
        queues: dict[str, list[Pending]] = {}
        for row in alerting.open_notifications(self._store, since=now - HORIZON):
            queues.setdefault(row["channel"], []).append(Pending.from_row(row))
        self._watch([pending for queue in queues.values() for pending in queue])
        if not queues:
            return DeliveryReport()
        runs = [(queue, self._queue(channel, queue, now)) for channel, queue in queues.items()]
        self._fill(dict(zip(queues, (state for _, state in runs), strict=True)), now)
        with ThreadPoolExecutor(MAX_CHANNELS_AT_ONCE, thread_name_prefix="alert-channel") as pool:
            reports = list(pool.map(lambda run: self._drain(*run), runs))
        return DeliveryReport(*(sum(counts) for counts in zip(*reports, strict=True)))

    def _watch(self, pending: Sequence[Pending]) -> None:
        """Remember since when each notification has been as it is, and forget those that are settled."""
        states = [(each.id, each.attempt, each.outcome) for each in pending]
        now = self._stopwatch()
        self._first_seen = {state: self._first_seen.get(state, now) for state in states}

    def _elapsed_s(self, pending: Pending) -> float:
        now = self._stopwatch()
        return now - self._first_seen.get((pending.id, pending.attempt, pending.outcome), now)

    def _queue(self, channel: str, queue: Sequence[Pending], now: datetime) -> _Queue:
        grouping = Grouping() if channel in self._policy.ungrouped else self._policy.grouping
        since: dict[tuple[str, ...], datetime] = {}
        for pending in queue:
            key = grouping.key(pending.names)
            since[key] = min(pending.time, since.get(key, pending.time))
        context = Context(
            now, elapsed_s=self._elapsed_s, grouping=grouping, group_since=since, inhibitions=self._policy.inhibitions
        )
        return _Queue(context, {}, UNCAPPED if channel in self._policy.uncapped else self._policy.messages_per_hour)

    def _fill(self, queues: Mapping[str, _Queue], now: datetime) -> None:
        """Give the queues what the log knows."""
        for row in alerting.last_told(self._store, since=now - HORIZON):
            if row["channel"] in queues:
                message, alert = Message.from_json(row["message"]), (row["rule"], identity(row["labels"]))
                names = {"rule": row["rule"], "severity": row["severity"], **dict(message.where), **row["labels"]}
                queues[row["channel"]].told[alert] = Told(message.kind, row["time"], names)
        sent = alerting.messages_sent(self._store, since=now - HOUR)
        silences = alerting.active_silences(self._store, now)
        rows = alerting.open_alerts(self._store) if self._policy.inhibitions else []
        alerts = [OpenAlert.from_row(row) for row in rows]
        for channel, queue in queues.items():
            queue.room -= sent.get(channel, 0)
            queue.context = replace(queue.context, silences=silences, open_alerts=alerts, told=queue.told)

    def _drain(self, pending: Sequence[Pending], queue: _Queue) -> DeliveryReport:
        waiting = list(pending)
        while waiting:
            waiting = self._round(waiting, queue)
        return DeliveryReport(**queue.counts)

    def _round(self, waiting: Sequence[Pending], queue: _Queue) -> list[Pending]:
        """Decide on the first notification of each alert, send what is to be sent, and return what is left."""
        taken: set[tuple[str, Labels]] = set()
        left: list[Pending] = []
        ready: dict[tuple[object, ...], list[Pending]] = {}
        for pending in waiting:
            if pending.alert in taken:
                left.append(pending)
            elif pending.alert not in queue.held and self._is_to_send(pending, queue):
                taken.add(pending.alert)
                self._join(pending, queue, ready)
        for members in ready.values():
            outcome = self._send(members) if queue.room > 0 else "wait"
            queue.count(outcome, len(members))
            if outcome == "retry":
                return []
            for pending in members:
                if outcome == "delivered":
                    queue.told[pending.alert] = Told(pending.message.kind, self._clock(), pending.names)
                elif outcome == "wait":
                    queue.held.add(pending.alert)
            queue.room -= outcome == "delivered"
        return left

    def _is_to_send(self, pending: Pending, queue: _Queue) -> bool:
        decision = decide(pending, replace(queue.context, room=queue.room))
        if pending.alert in queue.dropped and pending.message.kind is Kind.RESOLVED:
            decision = Decision("dropped", "nobody was told that it fired")
        if decision.action == "send":
            return True
        if decision.action != "wait":
            self._record([pending], decision.action, decision.reason)
        if decision.action == "dropped" and not pending.is_repeat:
            queue.dropped.add(pending.alert)
        if decision.action in ("wait", "silenced", "inhibited"):
            queue.held.add(pending.alert)
        queue.count(decision.action, 1)
        return False

    def _join(self, pending: Pending, queue: _Queue, ready: dict[tuple[object, ...], list[Pending]]) -> None:
        """Into the group that it goes with. What was tried together is tried together again, under the same id."""
        grouping = queue.context.grouping
        own = () if grouping.by else (pending.id,)
        tried = (pending.attempt, pending.next_attempt if pending.attempt else EPOCH)
        for part in range(len(ready) + 1):
            key = (pending.message.kind, grouping.key(pending.names), tried, own, part)
            if len(ready.get(key, ())) < MAX_MEMBERS:
                ready.setdefault(key, []).append(pending)
                return

    def _send(self, members: Sequence[Pending]) -> str:
        """Claim, send, record; returns the outcome, 'wait' where another engine has the claims."""
        until = self._clock() + CLAIM
        owned = [pending for pending in members if self._claim(pending, until)]
        if not owned:
            return "wait"
        attempt = owned[0].attempt + 1
        result = self._attempt(owned)
        match result:
            case Delivered():
                self._record(owned, "delivered", result.detail, attempt=attempt, receipt=result.receipt)
                return "delivered"
            case Retry():
                due = self._clock() + timedelta(seconds=back_off_s(attempt, result.after_s))
                self._record(owned, "retry", result.reason, attempt=attempt, next_attempt=due)
                return "retry"
        ids = ", ".join(pending.id for pending in owned[:5])
        logger.error("channel %s refused %s: %s", owned[0].channel, ids, result.reason)
        self._record(owned, "failed", result.reason, attempt=attempt)
        return "failed"

    def _claim(self, pending: Pending, until: datetime) -> bool:
        """Each by itself: another engine may have grouped otherwise."""
        attempt = pending.attempt + 1
        self._record([pending], "sending", "", attempt=attempt, next_attempt=until)
        owner = alerting.claim_owner(self._store, pending.id, attempt, rule=pending.rule, since=pending.time)
        return owner == self._engine

    def _attempt(self, members: Sequence[Pending]) -> SendResult:
        first = members[0]
        channel = self._channels.get(first.channel)
        if channel is None:
            return Failed(f"channel {first.channel!r} is not configured any more")
        message = digest(members)
        if len(members) == 1:
            labels = dict(first.labels)
            reply_to = latest_receipt(self._store, rule=first.rule, labels=labels, channel=first.channel)
            message = replace(message, reply_to=reply_to)
        try:
            return channel.send(message)
        except Exception as error:
            # A channel from elsewhere may break its promise; its error's text may hold a secret.
            logger.error("channel %s raised %s instead of answering", first.channel, type(error).__name__)
            return Retry(None, f"the channel raised {type(error).__name__}")

    def _record(
        self,
        members: Sequence[Pending],
        outcome: str,
        reason: str,
        *,
        attempt: int | None = None,
        next_attempt: datetime = EPOCH,
        receipt: str = "",
    ) -> None:
        """One insert, so that what went together is settled together."""
        attempt = members[0].attempt if attempt is None else attempt
        common = {"time": self._clock(), "engine": self._engine, "outcome": outcome, "attempt": attempt}
        common |= {"next_attempt": next_attempt}
        rows = [pending.row(reason=reason, receipt=receipt, **common) for pending in members]
        ids = members[0].id if len(members) == 1 else sorted(pending.id for pending in members)
        alerting.add_events(self._store, rows, token=derive_id("delivery", ids, attempt, outcome))
