"""The last values of every alert, for the chart in its messages. A copy in memory; the table has those of slots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from watchglass_alerts.chart import MAX_VALUES
from watchglass_alerts.events import Labels, identity
from watchglass_alerts.message import Change
from watchglass_store import Store
from watchglass_store.queries.alert_history import recent_slot_values

MAX_ALERTS = 10_000
"""Alerts beyond these have no chart."""
LOOK_BACK = timedelta(hours=1)
"""How far back values are read at the start. Those of a rule with groups are not in the table and begin anew."""


class History:
    """What each alert was in its last slots."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._values: dict[tuple[str, Labels], list[tuple[datetime, float | None]]] = {}
        self._is_loaded = False

    def add(self, changes: Sequence[Change]) -> list[Change]:
        """Remember a slot's values; the changes come back with their history.

        Raises:
            StoreError: the store has no answer, the first time.
        """
        if changes and not self._is_loaded:
            self._load(changes[0].slot)
        return [change._replace(history=self._append(change)) for change in changes]

    def _append(self, change: Change) -> tuple[float | None, ...]:
        key = change.rule.name, identity(change.labels)
        if key not in self._values and len(self._values) >= MAX_ALERTS:
            return ()
        # A slot that could not be written is evaluated again.
        earlier = [(slot, value) for slot, value in self._values.get(key, []) if slot < change.slot]
        self._values[key] = [*earlier, (change.slot, change.observation.value)][-MAX_VALUES:]
        return tuple(value for _, value in self._values[key])

    def _load(self, slot: datetime) -> None:
        for row in recent_slot_values(self._store, start=slot - LOOK_BACK, end=slot, limit=MAX_VALUES):
            self._values.setdefault((row["rule"], ()), []).append((row["slot"], row["value"]))
        self._is_loaded = True
