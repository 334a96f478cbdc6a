"""One page of work: shares it out among evaluators, has it scored, writes it down. Starts first, progress last."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from watchglass_evaluators.evaluator import Call, EvaluatorUnavailable, Selective
from watchglass_evaluators.intake import Intake, Page
from watchglass_evaluators.journal import Journal, Work
from watchglass_evaluators.progress import Arrival
from watchglass_evaluators.scoring import evaluate, skip_reason, without_scores
from watchglass_evaluators.slot import Slot
from watchglass_store.queries import evaluation

_LOG_PROGRESS = timedelta(seconds=60)
_NOT_FOUND = "it arrived, but llm_calls has it no longer"


class Batches:
    """What a lane of a worker does with a page."""

    def __init__(self, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._clock = clock

    def look(self, slots: Sequence[Slot], page: Page, intake: Intake, *, is_last: bool, is_again: bool = False) -> None:
        """Score a page for some evaluators that stand at one place, and write it down.

        Args:
            slots: all loaded, all with a cursor.
            page: what is new to them.
            intake: where its texts are.
            is_last: whether nobody looks at it again.
            is_again: whether it was looked at before: it lies before the place that they have reached.
        """
        works = self._share_out(slots, page.arrivals, intake, is_last=is_last, is_again=is_again)
        busy = [(slot, work) for slot, work in works if work.size]
        if busy:
            for slot, _ in busy:
                if slot.cursor:  # should a write fail half-way, the next run asks what has a score
                    slot.cursor.verify_until = max(slot.cursor.verify_until, page.arrivals[-1].received_at)
            self._journal.start([work for _, work in busy], page.arrivals)
            for slot, work in busy:
                self._evaluate(slot, work)
            self._journal.write_scores([work for slot, work in busy if not slot.waiting])
        self._write_progress(works, page, is_again=is_again)
        for slot, work in works:
            if slot.waiting or slot.cursor is None:
                continue
            done = {outcome.call.id for outcome in work.outcomes}
            slot.cursor.done |= {a.place for a in page.arrivals if a.call in done}

    def _share_out(
        self, slots: Sequence[Slot], arrivals: Sequence[Arrival], intake: Intake, *, is_last: bool, is_again: bool
    ) -> list[tuple[Slot, Work]]:
        """Find out which calls of a page are for which evaluator."""
        wanted: list[tuple[Slot, list[Arrival]]] = []
        for slot in slots:
            cursor, evaluator = slot.cursor, slot.evaluator
            if cursor and evaluator:
                own = [a for a in arrivals if slot.accepts(a) and a.place not in cursor.done]
                own = intake.unscored(own, evaluator.spec, doubtful_until=cursor.verify_until)
                wanted.append((slot, own))
        union = {arrival.call: arrival for _, own in wanted for arrival in own}
        specs = [slot.evaluator.spec for slot, _ in wanted if slot.evaluator]
        calls = intake.calls(list(union.values()), specs)
        works = []
        for slot, own in wanted:
            assert slot.evaluator is not None
            spec = slot.evaluator.spec
            taken = [c for a in own if (c := calls.get(a.call)) and slot.takes(c)]
            eligible = [call for call in taken if not skip_reason(spec, call)]
            skipped = len(taken) - len(eligible)
            if isinstance(slot.evaluator, Selective):
                eligible = slot.evaluator.select(eligible, is_last=is_last)
            chance = slot.options.sample_rate
            not_found: list[Call] = []
            if is_last and slot.level == "call":  # a trace or session may hold nothing to evaluate
                not_found = [call for a in own if a.call not in calls and slot.takes(call := _known_of(a))]
            works.append((slot, Work(spec, eligible, not_found, chance, skipped=0 if is_again else skipped)))
        return works

    def _evaluate(self, slot: Slot, work: Work) -> None:
        assert slot.evaluator is not None
        started = time.monotonic()
        try:
            work.outcomes = evaluate(slot.evaluator, work.calls)
            work.outcomes += [without_scores(work.spec, call, _NOT_FOUND, "error") for call in work.not_found]
        except EvaluatorUnavailable as error:
            slot.wait(str(error), self._clock())
        work.duration_s = time.monotonic() - started

    def _write_progress(self, works: Sequence[tuple[Slot, Work]], page: Page, *, is_again: bool) -> None:
        """Close every start, and now and then note the progress of evaluators that had nothing to do."""
        now = self._clock()
        rows = []
        for slot, work in works:
            assert slot.cursor is not None
            if slot.waiting:
                if work.size:
                    self._journal.close(work.spec, slot.cursor.fresh.watermark)
                continue
            slot.tally.add(work.outcomes, skipped=work.skipped, duration_s=work.duration_s)
            work.skipped += slot.unlogged_skips
            is_time = slot.logged_at is None or now - slot.logged_at >= _LOG_PROGRESS
            if work.size or (work.skipped and is_time):
                reached = slot.cursor.fresh if is_again else max(slot.cursor.fresh, page.end)
                rows.append((work, reached.watermark))
                slot.unlogged_skips, slot.logged_at = 0, now
            else:
                slot.unlogged_skips = work.skipped
        self._journal.finish(rows)


def _known_of(arrival: Arrival) -> Call:
    """What is known of a call without its row."""
    return Call(
        trace_id=arrival.call.trace_id,
        span_id=arrival.call.span_id,
        key_project=arrival.call.project,
        start_time=evaluation.retained_time(arrival.start_time, arrival.received_at),
        service_name=arrival.service_name,
        operation_name=arrival.operation_name,
    )
