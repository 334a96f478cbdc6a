"""A lane of a worker: moves some evaluators forward through what arrived, in fair shares."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby

from watchglass_evaluators.backlog import Backlog
from watchglass_evaluators.batches import Batches
from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.evaluator import Evaluator, Level
from watchglass_evaluators.groups import GroupIntake
from watchglass_evaluators.intake import CallIntake, Intake
from watchglass_evaluators.journal import Journal
from watchglass_evaluators.progress import Cursor, Place, Shard, resume
from watchglass_evaluators.recovery import Recovery
from watchglass_evaluators.report import RunReport
from watchglass_evaluators.roster import Roster
from watchglass_evaluators.slot import Slot
from watchglass_evaluators.wanted import Wanted
from watchglass_store import Store, StoreRejected, StoreUnavailable
from watchglass_store.queries import evaluation

logger = logging.getLogger("watchglass.evaluators")

PAGES_PER_ROUND = 20
"""Pages that evaluators which are behind get in one run, before those that are ahead get their turn again."""

_LONGEST_BACK_OFF_S = 30.0


class Lane:
    """Scores what one shard gets with some of the evaluators."""

    def __init__(
        self,
        store: Store,
        config: EvaluatorsConfig,
        load: Callable[[str], Evaluator],
        serves: Callable[[Wanted], bool],
        *,
        clock: Callable[[], datetime],
        worker: str,
    ) -> None:
        """Make a lane; nothing is read or loaded before the first round.

        Args:
            store: where calls are and scores go.
            config: what holds where `evaluator_settings` says nothing.
            load: makes an evaluator by name.
            serves: whether it runs an evaluator.
            clock: current time, with a time zone.
            worker: name of this life of this lane, never used before.
        """
        self._store = store
        self._config = config
        self._clock = clock
        self._worker = worker
        self._journal = Journal(store, shard=config.shard, worker=worker, clock=clock)
        self._roster = Roster(store, config, self._journal, load, serves)
        self._intakes: dict[Level, Intake] = {
            "call": CallIntake(store, config),
            "trace": GroupIntake(store, config, "trace"),
            "session": GroupIntake(store, config, "session"),
        }
        self._batches = Batches(self._journal, clock)
        self._backlog = Backlog(store, self._journal, Shard.parse(config.shard))
        self._recovery = Recovery(store, self._journal, worker, clock)
        self._stop = threading.Event()
        self._waiting: dict[str, str] = {}

    def round(self) -> RunReport:
        """Score what has settled, up to a fair share for each evaluator.

        Raises:
            StoreUnavailable: what was not written yet is done again by the next round.
            StoreRejected: the store does not take it; for example, its tables are not there yet.
        """
        started = time.monotonic()
        now = self._clock()
        self._roster.refresh()
        slots = self._roster.slots
        for slot in slots:
            if slot.try_to_load(now) and slot.cursor is None:
                slot.cursor = self._resume(slot, now)
        ready = [slot for slot in slots if slot.evaluator and slot.cursor and not slot.waiting]
        for slot in ready:
            self._recover(slot)
        self._backlog.note(ready, now)
        is_caught_up = True
        # Those that are furthest come first: a new evaluator's backlog must not delay the others' live scores.
        ready.sort(key=_position, reverse=True)
        for _, together in groupby(ready, key=_position):
            is_caught_up &= self._advance(list(together), now)
        self._tell_who_waits()
        return RunReport(tuple(slot.report() for slot in slots), is_caught_up, time.monotonic() - started)

    def run_forever(self, stop: threading.Event) -> None:
        """Run until told to stop; a store that is away, or not ready, is waited for."""
        self._stop = stop
        back_off_s = 0.0
        while not stop.is_set():
            try:
                report = self.round()
            except (StoreUnavailable, StoreRejected) as error:
                back_off_s = min(max(1.0, back_off_s * 2), _LONGEST_BACK_OFF_S)
                logger.warning("the store: %s; trying again in %.0f s", error, back_off_s)
                stop.wait(back_off_s)
                continue
            if back_off_s:
                logger.info("the store is back")
                back_off_s = 0.0
            if report.is_caught_up:
                stop.wait(self._config.poll_s)

    def _resume(self, slot: Slot, now: datetime) -> Cursor:
        assert slot.evaluator is not None
        spec = slot.evaluator.spec
        cursor = resume(
            evaluation.last_batches(self._store, spec.name, spec.version),
            Shard.parse(self._config.shard),
            worker=self._worker,
            begin=now - timedelta(seconds=self._config.lookback_s),
            recheck_s=self._config.recheck_s,
        )
        if slot.on_since is not None:
            cursor.skip_to(Place.end_of(slot.on_since))
        return cursor

    def _recover(self, slot: Slot) -> None:
        assert slot.cursor is not None
        while slot.cursor.open_starts and not slot.waiting:
            self._recovery.finish(slot, slot.cursor.open_starts[0], self._intakes[slot.level])
            if not slot.waiting:
                slot.cursor.open_starts.pop(0)

    def _advance(self, slots: list[Slot], now: datetime) -> bool:
        """Move some evaluators that stand at the same place forward; False when they are still behind."""
        _, fresh, rechecked = _position(slots[0])
        intake = self._intakes[slots[0].level]
        last_look = now - timedelta(seconds=self._config.recheck_s)
        operations = {operation for slot in slots for operation in slot.operations}
        pages = 0
        if intake.looks_twice:
            for page in intake.pages(rechecked, min(fresh.watermark, last_look), operations):
                self._batches.look(slots, page, intake, is_last=True, is_again=True)
                slots = [slot for slot in slots if not slot.waiting]
                for slot in slots:
                    if slot.cursor:
                        slot.cursor.rechecked = max(slot.cursor.rechecked, page.end)
                pages += bool(page.arrivals)
                if not self._may_go_on(slots, pages):
                    return not slots
        for page in intake.pages(fresh, now - intake.settles_after, operations):
            self._batches.look(slots, page, intake, is_last=not intake.looks_twice)
            slots = [slot for slot in slots if not slot.waiting]
            for slot in slots:
                if slot.cursor:
                    slot.cursor.finish(fresh=max(slot.cursor.fresh, page.end), last_look=last_look)
            pages += bool(page.arrivals)
            if not page.is_last and not self._may_go_on(slots, pages):
                return not slots
        return True

    def _may_go_on(self, slots: list[Slot], pages: int) -> bool:
        return bool(slots) and pages < PAGES_PER_ROUND and not self._stop.is_set()

    def _tell_who_waits(self) -> None:
        for slot in self._roster.slots:
            if slot.waiting and self._waiting.get(slot.name) != slot.waiting:
                version = slot.evaluator.spec.version if slot.evaluator else ""
                self._journal.wait(slot.name, version, slot.waiting)
                logger.warning("evaluator %s waits: %s", slot.name, slot.waiting)
            self._waiting[slot.name] = slot.waiting


def _position(slot: Slot) -> tuple[Level, Place, Place]:
    assert slot.cursor is not None
    return slot.level, slot.cursor.fresh, slot.cursor.rechecked
