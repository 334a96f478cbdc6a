"""The worker: looks for calls that arrived, has them scored, writes the scores, moves on.

Every call is looked at once when it has settled, and once more for the last time after `recheck_s`, for those that came
into sight late or got their answer or reference late. What was done is in `evaluation_log`, so a worker that dies goes
on where it was; design/0006-evaluation-runner.md says why this never shows a score twice and never loses one.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby

from watchglass_evaluators import registry
from watchglass_evaluators.config import EvaluatorOptions, EvaluatorsConfig
from watchglass_evaluators.drift import DriftRunner
from watchglass_evaluators.evaluator import EvaluatorUnavailable, Selective
from watchglass_evaluators.intake import Intake, Page
from watchglass_evaluators.journal import Journal, Work
from watchglass_evaluators.progress import Arrival, Cursor, Place, Shard, resume
from watchglass_evaluators.recovery import Recovery
from watchglass_evaluators.report import RunReport
from watchglass_evaluators.scoring import evaluate, skip_reason
from watchglass_evaluators.slot import Slot
from watchglass_store import Store, StoreRejected, StoreUnavailable
from watchglass_store.queries import evaluation

logger = logging.getLogger("watchglass.evaluators")

PAGES_PER_ROUND = 20
"""Pages that evaluators which are behind get in one run, before those that are ahead get their turn again."""

_LOG_PROGRESS = timedelta(seconds=60)
_LONGEST_BACK_OFF_S = 30.0


class Runner:
    """Scores the calls of one shard with every enabled evaluator."""

    def __init__(
        self,
        store: Store,
        config: EvaluatorsConfig,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        worker: str = "",
        slots: Sequence[Slot] | None = None,
    ) -> None:
        """Make a worker; nothing is read or loaded before the first run.

        Args:
            store: where calls are and scores go.
            config: which evaluators, on what, when.
            clock: current time, with a time zone.
            worker: name of this life of this worker, never used before; made up if empty.
            slots: the evaluators; those of the settings if None, judges in a lane of their own.
        """
        self._store = store
        self._config = config
        self._clock = clock
        self._worker = worker or uuid.uuid4().hex
        self._intake = Intake(store, config)
        self._journal = Journal(store, shard=config.shard, worker=self._worker, clock=clock)
        self._recovery = Recovery(store, self._intake, self._journal, self._worker, clock)
        self._stop = threading.Event()
        self._told: dict[str, str] = {}
        self._lanes = [self._judge_lane()] if slots is None and config.judge.rubrics else []
        if slots is None:
            load = partial(registry.load, models=config.models)
            slots = [Slot(name, config.options.get(name, EvaluatorOptions()), load) for name in config.enabled]
        self._slots = list(slots)

    def run_once(self) -> RunReport:
        """Score what has settled, up to a fair share for each evaluator.

        Raises:
            StoreUnavailable: what was not written yet is done again by the next run.
            StoreRejected: the store does not take it; for example, its tables are not there yet.
        """
        started = time.monotonic()
        reports = [self._round(), *(lane.run_once() for lane in self._lanes)]
        return RunReport(
            tuple(evaluator for report in reports for evaluator in report.evaluators),
            all(report.is_caught_up for report in reports),
            time.monotonic() - started,
        )

    def _round(self) -> RunReport:
        started = time.monotonic()
        now = self._clock()
        for slot in self._slots:
            if slot.try_to_load(now) and slot.cursor is None:
                slot.cursor = self._resume(slot, now)
        ready = [slot for slot in self._slots if slot.evaluator and slot.cursor and not slot.waiting]
        for slot in ready:
            self._recover(slot)
        is_caught_up = True
        # Those that are furthest come first: a new evaluator's backlog must not delay the others' live scores.
        ready.sort(key=_position, reverse=True)
        for _, together in groupby(ready, key=_position):
            is_caught_up &= self._advance(list(together), now)
        self._tell_who_waits(now)
        return RunReport(tuple(slot.report() for slot in self._slots), is_caught_up, time.monotonic() - started)

    def run_forever(self, stop: threading.Event) -> None:
        """Run until told to stop; a store that is away, or not ready, is waited for."""
        with ThreadPoolExecutor(len(self._lanes) or 1) as pool:
            try:
                lanes = [pool.submit(lane.run_forever, stop) for lane in self._lanes]
                self._run_rounds(stop, lanes)
            finally:
                stop.set()  # whatever ended one lane ends the others

    def _run_rounds(self, stop: threading.Event, lanes: Sequence[Future[None]]) -> None:
        self._stop = stop
        if self._config.monitors and Shard.parse(self._config.shard).index == 0:
            drift = DriftRunner(self._store, self._config, clock=self._clock)
            threading.Thread(target=drift.run_forever, args=(stop,), name="drift", daemon=True).start()
        logger.info("evaluating shard %s with %s", self._config.shard, ", ".join(slot.name for slot in self._slots))
        back_off_s = 0.0
        while not stop.is_set():
            for lane in lanes:
                if lane.done():
                    lane.result()
            try:
                report = self._round()
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

    def _judge_lane(self) -> "Runner":
        """Make the worker of the judges: they wait for a network, and must not hold up the others."""
        from watchglass_evaluators.judge.factory import judge_slots

        slots = judge_slots(self._config, self._store, clock=self._clock, pause=lambda s: self._stop.wait(s))
        batch_calls = min(self._config.batch_calls, self._config.judge.batch_calls)
        return Runner(
            self._store,
            self._config.model_copy(update={"batch_calls": batch_calls}),
            clock=self._clock,
            worker=f"{self._worker}-judges",
            slots=slots,
        )

    def _resume(self, slot: Slot, now: datetime) -> Cursor:
        assert slot.evaluator is not None
        spec = slot.evaluator.spec
        return resume(
            evaluation.last_batches(self._store, spec.name, spec.version),
            Shard.parse(self._config.shard),
            worker=self._worker,
            begin=now - timedelta(seconds=self._config.lookback_s),
            recheck_s=self._config.recheck_s,
        )

    def _recover(self, slot: Slot) -> None:
        assert slot.cursor is not None
        while slot.cursor.open_starts and not slot.waiting:
            self._recovery.finish(slot, slot.cursor.open_starts[0])
            if not slot.waiting:
                slot.cursor.open_starts.pop(0)

    def _advance(self, slots: list[Slot], now: datetime) -> bool:
        """Move some evaluators that stand at the same place forward; False when they are still behind."""
        fresh, rechecked = _position(slots[0])
        settled = now - timedelta(seconds=self._config.settle_s)
        last_look = now - timedelta(seconds=self._config.recheck_s)
        pages = 0
        for page in self._intake.pages(rechecked, min(fresh.watermark, last_look)):
            self._look(slots, page, is_last=True)
            slots = [slot for slot in slots if not slot.waiting]
            for slot in slots:
                if slot.cursor:
                    slot.cursor.rechecked = max(slot.cursor.rechecked, page.end)
            pages += bool(page.arrivals)
            if not self._may_go_on(slots, pages):
                return not slots
        for page in self._intake.pages(fresh, settled):
            self._look(slots, page, is_last=False)
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

    def _look(self, slots: Sequence[Slot], page: Page, *, is_last: bool) -> None:
        """Score a page for some evaluators and write it down."""
        works = self._share_out(slots, page.arrivals, is_last=is_last)
        busy = [(slot, work) for slot, work in works if work.calls]
        if busy:
            for slot, _ in busy:
                if slot.cursor:  # should a write fail half-way, the next run asks what has a score
                    slot.cursor.verify_until = max(slot.cursor.verify_until, page.arrivals[-1].received_at)
            self._journal.start([work for _, work in busy], page.arrivals)
            for slot, work in busy:
                self._evaluate(slot, work)
            self._journal.write_scores([work for slot, work in busy if not slot.waiting])
        self._write_progress(works, page, is_last=is_last)
        for slot, work in works:
            if slot.waiting or slot.cursor is None:
                continue
            done = {outcome.call.id for outcome in work.outcomes}
            slot.cursor.done |= {a.place for a in page.arrivals if a.call in done}

    def _share_out(
        self, slots: Sequence[Slot], arrivals: Sequence[Arrival], *, is_last: bool
    ) -> list[tuple[Slot, Work]]:
        """Find out which calls of a page are for which evaluator."""
        wanted: list[tuple[Slot, list[Arrival]]] = []
        for slot in slots:
            cursor, evaluator = slot.cursor, slot.evaluator
            if cursor and evaluator:
                own = [a for a in arrivals if slot.accepts(a) and a.place not in cursor.done]
                own = self._intake.unscored(own, evaluator.spec, doubtful_until=cursor.verify_until)
                wanted.append((slot, own))
        union = {arrival.call: arrival for _, own in wanted for arrival in own}
        specs = [slot.evaluator.spec for slot, _ in wanted if slot.evaluator]
        calls = self._intake.calls(list(union.values()), specs)
        works = []
        for slot, own in wanted:
            assert slot.evaluator is not None
            spec = slot.evaluator.spec
            eligible = [c for a in own if (c := calls.get(a.call)) and not skip_reason(spec, c)]
            if isinstance(slot.evaluator, Selective):
                eligible = slot.evaluator.select(eligible, is_last=is_last)
            works.append((slot, Work(spec, eligible, skipped=0 if is_last else len(own) - len(eligible))))
        return works

    def _evaluate(self, slot: Slot, work: Work) -> None:
        assert slot.evaluator is not None
        started = time.monotonic()
        try:
            work.outcomes = evaluate(slot.evaluator, work.calls)
        except EvaluatorUnavailable as error:
            slot.wait(str(error), self._clock())
        work.duration_s = time.monotonic() - started

    def _write_progress(self, works: Sequence[tuple[Slot, Work]], page: Page, *, is_last: bool) -> None:
        """Close every start, and now and then note the progress of evaluators that had nothing to do."""
        now = self._clock()
        rows = []
        for slot, work in works:
            assert slot.cursor is not None
            if slot.waiting:
                if work.calls:
                    self._journal.close(work.spec, slot.cursor.fresh.watermark)
                continue
            slot.tally.add(work.outcomes, skipped=work.skipped, duration_s=work.duration_s)
            work.skipped += slot.unlogged_skips
            is_time = slot.logged_at is None or now - slot.logged_at >= _LOG_PROGRESS
            if work.calls or (work.skipped and is_time):
                reached = slot.cursor.fresh if is_last else max(slot.cursor.fresh, page.end)
                rows.append((work, reached.watermark))
                slot.unlogged_skips, slot.logged_at = 0, now
            else:
                slot.unlogged_skips = work.skipped
        self._journal.finish(rows)

    def _tell_who_waits(self, now: datetime) -> None:
        for slot in self._slots:
            if slot.waiting and self._told.get(slot.name) != slot.waiting:
                version = slot.evaluator.spec.version if slot.evaluator else ""
                self._journal.wait(slot.name, version, slot.waiting)
                logger.warning("evaluator %s waits: %s", slot.name, slot.waiting)
            self._told[slot.name] = slot.waiting


def _position(slot: Slot) -> tuple[Place, Place]:
    assert slot.cursor is not None
    return slot.cursor.fresh, slot.cursor.rechecked
