"""What the engine remembers between slots. The table is the truth and this is a copy of its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from watchglass_alerts.events import Labels, identity, state_of
from watchglass_alerts.measurement import MAX_GROUPS
from watchglass_alerts.slots import REPLAY
from watchglass_alerts.state import FORGET_AFTER, AlertState
from watchglass_store import Store
from watchglass_store.queries import alerting

OVERLAP = timedelta(hours=1)
"""How far back an engine looks for what another one wrote; clocks that differ by more are not provided for."""


class Memory:
    """The state of every alert, and the last slot of every rule."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: dict[str, dict[Labels, AlertState]] = {}
        self._seen: dict[tuple[str, Labels], datetime] = {}
        self._slots: dict[str, datetime] = {}
        self._is_loaded = False

    def load(self, now: datetime) -> None:
        """Read everything, unless it has been read."""
        if not self._is_loaded:
            self._slots = alerting.latest_slots(self._store, since=now - REPLAY - OVERLAP)
            self._states.clear()
            self._read_states(None, now)
            self._is_loaded = True

    def catch_up(self, now: datetime) -> None:
        """Adopt what another engine has evaluated lately and this one has not."""
        found = alerting.latest_slots(self._store, since=now - OVERLAP)
        ahead = [rule for rule, slot in found.items() if slot > self._slots.get(rule, slot - timedelta(1))]
        if ahead:
            self.reload(ahead, now)
            self._slots |= {rule: found[rule] for rule in ahead}

    def reload(self, rules: Sequence[str], now: datetime) -> None:
        """Take these rules' states from the table."""
        for rule in rules:
            self._states.pop(rule, None)
        self._read_states(rules, now)

    def forget_all(self) -> None:
        """Read everything again next time: a write failed, and may or may not have been stored."""
        self._is_loaded = False

    def last_slot(self, rule: str) -> datetime | None:
        """The newest slot that was evaluated; None when there is none within a day."""
        return self._slots.get(rule)

    def set_slot(self, rule: str, slot: datetime) -> None:
        """A slot is done."""
        self._slots[rule] = slot

    def states(self, rule: str) -> dict[Labels, AlertState]:
        """A rule's alerts. A copy."""
        return dict(self._states.get(rule, {}))

    def rules(self) -> list[str]:
        """Every rule that has alerts, open or not."""
        return list(self._states)

    def forget(self, rule: str) -> None:
        """A rule was deleted, and has nothing open."""
        self._states.pop(rule, None)
        self._slots.pop(rule, None)

    def commit(self, rule: str, slot: datetime, states: dict[Labels, AlertState], present: set[Labels]) -> None:
        """Keep a rule's alerts after a slot, without those that were not present for a day and are not open."""
        for labels in present:
            self._seen[rule, labels] = slot
        gone = [
            labels
            for labels, state in states.items()
            if not state.is_open
            and labels not in present
            and (len(states) > MAX_GROUPS or slot - self._seen.setdefault((rule, labels), slot) >= FORGET_AFTER)
        ]
        for labels in gone:
            del states[labels]
            self._seen.pop((rule, labels), None)
        self._states[rule] = states
        self._slots[rule] = slot

    def _read_states(self, rules: Sequence[str] | None, now: datetime) -> None:
        # Names travel in the request's address: many are asked for a few at a time.
        parts = [None] if rules is None else [rules[start : start + 50] for start in range(0, len(rules), 50)]
        for row in (row for part in parts for row in alerting.latest_transitions(self._store, part)):
            state = state_of(row)
            if state.is_open or now - row["slot"] < timedelta(days=7):
                self._states.setdefault(row["rule"], {})[identity(row["labels"])] = state
