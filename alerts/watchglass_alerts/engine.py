"""The engine: evaluates every rule in every slot, and delivers what follows.

What makes it safe to kill, to restart and to run twice: a slot's transitions, their notifications and the slot itself
are one insert under a token made of the slot and its rules. The store keeps the first and drops any other, and an
engine whose insert was dropped takes the states from the table. See design/0007-alert-slots-and-outbox.md.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from watchglass_alerts.channel_test import ChannelTester
from watchglass_alerts.channels import Channel, create_channel
from watchglass_alerts.config import AlertsConfig
from watchglass_alerts.delivery import Delivery, DeliveryReport, policy_of
from watchglass_alerts.heartbeat import Heartbeat
from watchglass_alerts.memory import Memory
from watchglass_alerts.rulebook import RuleBook
from watchglass_alerts.rules import Rule
from watchglass_alerts.slot_writer import SlotWriter
from watchglass_alerts.slots import REPLAY, Slot, due_slots
from watchglass_store import Store, StoreError

logger = logging.getLogger("watchglass.alerts")

MAX_EVALUATIONS = 500
"""In one run, so that after a downtime deliveries and changed rules are not kept waiting by the replay."""
WAIT_S = 1.0
"""Between two looks at the clock, the rules and the outbox."""


class EvaluationReport(NamedTuple):
    """What one look at the rules did."""

    evaluated: int
    """Rules evaluated, each slot counted."""
    transitions: int
    is_behind: bool
    """Whether more slots are due at once."""


class RunReport(NamedTuple):
    """What one run did."""

    evaluation: EvaluationReport
    delivery: DeliveryReport


def utc_now() -> datetime:
    """The system clock."""
    return datetime.now(UTC)


class Engine:
    """Rules in, notifications out. One process is enough; further ones are harmless."""

    def __init__(self, store: Store, config: AlertsConfig, clock: Callable[[], datetime] = utc_now) -> None:
        """Read the settings, the rules file and the channels' secrets; the store is not asked yet.

        Args:
            store: a connection that may write.
            config: section `[alerts]`.
            clock: what time it is; aware, UTC.

        Raises:
            ConfigError: a channel cannot be used.
            RuleError: the rules file cannot.
        """
        self._config = config
        self._clock = clock
        engine_id = secrets.token_hex(8)
        channels = _channels(config)
        self._book = RuleBook(store, config.rules_file, channels)
        self._memory = Memory(store)
        self._writer = SlotWriter(store, self._memory, engine=engine_id, dashboard_url=config.dashboard_url)
        self._heartbeat = Heartbeat(store, config, clock)
        self._delivery = Delivery(
            store,
            channels,
            clock,
            engine=engine_id,
            policy=policy_of(config),
            stopwatch=time.monotonic if clock is utc_now else None,
        )

        self._tester = ChannelTester(
            store, _channels(config), clock, engine=engine_id, dashboard_url=config.dashboard_url
        )

    def run_once(self, now: datetime | None = None) -> RunReport:
        """Evaluate what is due and deliver what is owed, once.

        Raises:
            StoreError: the store failed; nothing is lost, and the next run takes up from there.
        """
        return RunReport(self.evaluate(now or self._clock()), self.deliver())

    def run_forever(self, stop: threading.Event) -> None:
        """Evaluate, deliver, test and beat until told to stop, each in its own thread: a slow channel delays no slot.

        An error that nobody foresaw in one ends all and is raised here, for whoever restarts the process.
        """
        with ThreadPoolExecutor(3, thread_name_prefix="alert-delivery") as pool:
            others = [pool.submit(self._loop, work, stop) for work in (self._deliver_once, self._test_once)]
            if self._heartbeat.is_configured:
                others.append(pool.submit(self._loop, self._beat_once, stop))
            try:
                self._loop(self._evaluate_once, stop)
            finally:
                stop.set()
        for other in others:
            other.result()

    def evaluate(self, now: datetime) -> EvaluationReport:
        """Evaluate the slots that are due, oldest first."""
        self._memory.load(now)
        self._book.refresh(now)
        transitions = self._end_deleted(now)
        if not self._due(now):
            return EvaluationReport(0, transitions, False)
        self._memory.catch_up(now)
        evaluated = 0
        waiting: set[str] = set()
        due = self._due(now)
        for moment in sorted(due):
            if evaluated >= MAX_EVALUATIONS:
                return EvaluationReport(evaluated, transitions, True)
            # Slots of a rule go in order, so one that could not be asked for holds back the later ones.
            group = [(rule, slot) for rule, slot in due[moment] if rule.name not in waiting]
            result = self._writer.run(moment, group, now)
            waiting |= {rule.name for rule, _ in group} - set(result.done)
            evaluated += len(result.done)
            transitions += result.transitions
        return EvaluationReport(evaluated, transitions, False)

    def test_channels(self) -> int:
        """Send the test messages that pages ask for; returns how many."""
        return self._tester.run_once()

    def deliver(self) -> DeliveryReport:
        """Send what is owed and due, and record what became of it."""
        return self._delivery.run()

    def _due(self, now: datetime) -> dict[datetime, list[tuple[Rule, Slot]]]:
        due: dict[datetime, list[tuple[Rule, Slot]]] = {}
        for entry in self._book.entries.values():
            if entry.deleted:
                continue
            cursor = max(self._memory.last_slot(entry.rule.name) or now - REPLAY, entry.created)
            for slot in due_slots(cursor, entry.rule.interval_s, self._config.settle_s, now):
                due.setdefault(slot.time, []).append((entry.rule, slot))
        return due

    def _end_deleted(self, now: datetime) -> int:
        transitions = 0
        for name in self._memory.rules():
            entry = self._book.entries.get(name)
            if entry is not None and entry.deleted:
                reason = f"the rule was deleted by {entry.author}"
                transitions += self._writer.end(entry.rule, reason, entry.version.replace(microsecond=0), now)
        return transitions

    def _evaluate_once(self) -> bool:
        return self.evaluate(self._clock()).is_behind

    def _beat_once(self) -> bool:
        self._heartbeat.run_once()
        return False

    def _test_once(self) -> bool:
        self.test_channels()
        return False

    def _deliver_once(self) -> bool:
        self.deliver()
        return False

    def _loop(self, work: Callable[[], bool], stop: threading.Event) -> None:
        """Repeat until told to stop; a failing store is reported once and tried again."""
        is_failing = False
        while not stop.is_set():
            again = False
            try:
                again = work()
                if is_failing:
                    logger.info("the store answers again; nothing was lost")
                is_failing = False
            except StoreError as error:
                if not is_failing:
                    logger.warning("the store does not answer; trying again every %g s: %s", WAIT_S, error)
                is_failing = True
            except BaseException:
                stop.set()
                raise
            if not again:
                stop.wait(WAIT_S)


def _channels(config: AlertsConfig) -> dict[str, Channel]:
    return {
        name: create_channel(name, settings, allow_loopback=config.allow_loopback)
        for name, settings in config.channels.items()
    }
