"""One slot, for all the rules that share it: ask, decide, write in one insert, and find out whose insert it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from watchglass_alerts import evaluation
from watchglass_alerts.events import derive_id, identity, is_transition, repeats, slot_row, transition_row
from watchglass_alerts.examples import Examples
from watchglass_alerts.history import History
from watchglass_alerts.measurement import Measured, SlotMeasures
from watchglass_alerts.memory import OVERLAP, Memory
from watchglass_alerts.message import Change
from watchglass_alerts.rules import Rule
from watchglass_alerts.slots import Slot
from watchglass_alerts.text import clean
from watchglass_store import Store, StoreError, StoreRejected, StoreUnavailable
from watchglass_store.queries import alerting


class SlotResult(NamedTuple):
    """What became of a slot."""

    done: list[str]
    """Rules whose slot is in the table, whoever wrote it."""
    transitions: int
    """That this engine wrote."""


class _Outcome(NamedTuple):
    rule: Rule
    slot: Slot
    changes: list[Change]
    problem: str


class SlotWriter:
    """Evaluates slots and writes them down."""

    def __init__(self, store: Store, memory: Memory, *, engine: str, dashboard_url: str) -> None:
        self._store = store
        self._memory = memory
        self._history = History(store)
        self._examples = Examples(store)
        self._engine = engine
        self._dashboard_url = dashboard_url

    def run(self, time: datetime, group: Sequence[tuple[Rule, Slot]], now: datetime) -> SlotResult:
        """Evaluate the rules that share a slot. Those that the store could not answer for are not `done`.

        Raises:
            StoreError: the slot could not be written, or it is not known whether it was.
        """
        measures = SlotMeasures(self._store, time, [rule for rule, _ in group])
        outcomes = [outcome for rule, slot in group if (outcome := self._decide(rule, slot, measures))]
        if not outcomes:
            return SlotResult([], 0)
        names = [outcome.rule.name for outcome in outcomes]
        rows = {outcome.rule.name: self._rows(outcome, now) for outcome in outcomes}
        self.write([row for each in rows.values() for row in each], derive_id("slot", int(time.timestamp()), names))
        writers = alerting.slot_writers(self._store, time, since=now - OVERLAP)
        ours = [outcome for outcome in outcomes if writers.get(outcome.rule.name) == self._engine]
        for outcome in ours:
            self._keep(outcome)
        theirs = [name for name in names if writers.get(name) != self._engine]
        if theirs:
            self._memory.reload(theirs, now)
            for name in theirs:
                self._memory.set_slot(name, time)
        return SlotResult(names, sum(len(rows[outcome.rule.name]) - 1 for outcome in ours))

    def end(self, rule: Rule, reason: str, slot: datetime, now: datetime) -> int:
        """Close what a deleted rule leaves open, and forget the rule; returns transitions."""
        changes = evaluation.end(rule, self._memory.states(rule.name), reason, slot)
        self.write([self._row(change, now) for change in changes], derive_id("end", rule.name, slot.isoformat()))
        self._memory.forget(rule.name)
        return len(changes)

    def write(self, rows: Sequence[dict[str, Any]], token: str) -> None:
        """Append to the log, under a token that only the first writer's rows survive."""
        try:
            alerting.add_events(self._store, rows, token=token)
        except StoreError:
            self._memory.forget_all()
            raise

    def _decide(self, rule: Rule, slot: Slot, measures: SlotMeasures) -> _Outcome | None:
        problem = ""
        try:
            measured: Measured | str = measures.measure(rule)
        except StoreUnavailable:
            return None
        except StoreRejected as error:
            measured = problem = f"query failed: {clean(f'{error.name}: {error}', 300)}"
        changes = evaluation.evaluate(rule, slot, self._memory.states(rule.name), measured)
        return _Outcome(rule, slot, self._history.add(changes), problem)

    def _rows(self, outcome: _Outcome, now: datetime) -> list[dict[str, Any]]:
        """The slot's row, after those of its transitions."""
        known = self._memory.states(outcome.rule.name)
        transitions = [
            self._row(change, now, is_new=identity(change.labels) not in known)
            for change in outcome.changes
            if is_transition(known.get(identity(change.labels)), change.step.state) or repeats(change)
        ]
        done = slot_row(
            outcome.rule,
            outcome.slot.time,
            is_late=outcome.slot.is_late,
            observations=[change.observation for change in outcome.changes],
            reason=outcome.problem,
            engine=self._engine,
            now=now,
        )
        return [*transitions, done]

    def _row(self, change: Change, now: datetime, *, is_new: bool = False) -> dict[str, Any]:
        told = self._examples.add(change)
        return transition_row(told, is_new=is_new, engine=self._engine, dashboard_url=self._dashboard_url, now=now)

    def _keep(self, outcome: _Outcome) -> None:
        fields = set(outcome.rule.group_by)
        kept = [change for change in outcome.changes if set(change.labels) == fields or not change.labels]
        states = self._memory.states(outcome.rule.name) if outcome.problem else {}
        states |= {identity(change.labels): change.step.state for change in kept}
        present = {identity(change.labels) for change in kept if change.observation.sample_size or not change.labels}
        self._memory.commit(outcome.rule.name, outcome.slot.time, states, present)
