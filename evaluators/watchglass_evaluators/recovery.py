"""After a worker died: tries the calls it was working on in small groups, then alone, and gives up those that kill."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from watchglass_evaluators.evaluator import EvaluatorUnavailable, Selective
from watchglass_evaluators.intake import Intake
from watchglass_evaluators.journal import Journal, Work
from watchglass_evaluators.progress import STARTS_UNTIL_QUARANTINE, TICK, CallId, OpenStart, Place, careful_groups
from watchglass_evaluators.scoring import evaluate, skip_reason, without_scores
from watchglass_evaluators.slot import Slot
from watchglass_store import Store
from watchglass_store.queries import evaluation

_GIVEN_UP = f"quarantined: {STARTS_UNTIL_QUARANTINE} workers died while they scored this call"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What it takes to finish other lives' work."""

    store: Store
    journal: Journal
    worker: str
    clock: Callable[[], datetime]

    def finish(self, slot: Slot, start: OpenStart, intake: Intake) -> None:
        """Finish a batch that killed its worker, so that a call which kills again is found and the rest is scored.

        The watermark stays where it is: the ordinary run passes over these calls and finds that they are done.
        """
        assert slot.evaluator is not None
        assert slot.cursor is not None
        spec = slot.evaluator.spec
        for page in intake.pages(Place.end_of(start.since - TICK), start.watermark, slot.operations):
            suspects = intake.unscored(
                [a for a in page.arrivals if slot.accepts(a)], spec, doubtful_until=start.watermark
            )
            found = intake.calls(suspects, [spec])
            calls = {c: call for c, call in found.items() if slot.takes(call) and not skip_reason(spec, call)}
            if isinstance(slot.evaluator, Selective):  # of those left out, each is looked at again in its turn
                calls = {CallId(*call.id): call for call in slot.evaluator.select(list(calls.values()), is_last=False)}
            if not calls:
                continue
            deaths = evaluation.deaths_since(
                self.store,
                evaluator=spec.name,
                version=spec.version,
                since=start.time,
                worker=self.worker,
                ids=list(calls),
            )
            groups, lost = careful_groups(calls, {CallId(*call): lives for call, lives in deaths.items()})
            work = Work(spec, [calls[c] for c in lost], chance=slot.options.sample_rate)
            work.outcomes = [without_scores(spec, call, _GIVEN_UP, "quarantined") for call in work.calls]
            self._write(slot, work)
            for group in groups:
                work = Work(spec, [calls[c] for c in group], chance=slot.options.sample_rate)
                self.journal.start_calls(spec, group)
                started = time.monotonic()
                try:
                    work.outcomes = evaluate(slot.evaluator, work.calls)
                except EvaluatorUnavailable as error:
                    slot.wait(str(error), self.clock())
                    return
                work.duration_s = time.monotonic() - started
                self._write(slot, work)
        self.journal.close(spec, slot.cursor.fresh.watermark, worker=start.worker)

    def _write(self, slot: Slot, work: Work) -> None:
        if work.calls and slot.cursor:
            self.journal.write_scores([work])
            self.journal.finish([(work, slot.cursor.fresh.watermark)])
            slot.tally.add(work.outcomes, skipped=0, duration_s=work.duration_s)
