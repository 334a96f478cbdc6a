"""Now and then notes in `evaluation_log` how many calls wait for each evaluator, and since when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from watchglass_evaluators.journal import Journal
from watchglass_evaluators.progress import Shard
from watchglass_evaluators.slot import Slot
from watchglass_store import Store
from watchglass_store.queries import evaluation

_EVERY = timedelta(seconds=30)


class Backlog:
    """What a lane still has before it."""

    def __init__(self, store: Store, journal: Journal, shard: Shard) -> None:
        self._store = store
        self._journal = journal
        self._shard = shard
        self._noted_at: datetime | None = None

    def note(self, slots: Sequence[Slot], now: datetime) -> None:
        """Write it down, unless that was done a moment ago; evaluators at one place are counted together."""
        if self._noted_at is not None and now - self._noted_at < _EVERY:
            return
        self._noted_at = now
        known: dict[tuple[datetime, tuple[str, ...]], tuple[int, datetime | None]] = {}
        rows = []
        for slot in slots:
            if slot.evaluator is None or slot.cursor is None:
                continue
            key = slot.cursor.fresh.watermark, slot.operations if slot.level == "call" else ()
            if key not in known:
                known[key] = evaluation.count_after(
                    self._store,
                    key[0],
                    until=now,
                    operations=key[1],
                    shard=self._shard.index,
                    shards=self._shard.count,
                )
            count, oldest = known[key]
            rows.append((slot.evaluator.spec, count, oldest or now))
        self._journal.backlog(rows)
