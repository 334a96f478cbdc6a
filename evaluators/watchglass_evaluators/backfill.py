"""Scores calls of the past that some evaluators have not scored yet; goes on where an earlier try of the same ended."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

from watchglass_evaluators import registry
from watchglass_evaluators.batches import Batches
from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.evaluator import Level
from watchglass_evaluators.groups import GroupIntake
from watchglass_evaluators.intake import CallIntake, Intake
from watchglass_evaluators.journal import Journal, Work
from watchglass_evaluators.judge.factory import JudgeFactory
from watchglass_evaluators.progress import TICK, Place, Shard, resume_range
from watchglass_evaluators.recovery import Recovery
from watchglass_evaluators.report import EvaluatorReport
from watchglass_evaluators.roster import make_slot
from watchglass_evaluators.slot import Slot
from watchglass_evaluators.wanted import Wanted, everything_wanted
from watchglass_store import Store
from watchglass_store.queries import evaluation
from watchglass_store.queries.evaluator_settings import current_settings
from watchglass_store.queries.judge_rubrics import current_rubrics


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """What a backfill did, in this try."""

    calls: int
    """Calls that arrived in the range, of the operations looked at."""
    evaluators: tuple[EvaluatorReport, ...]
    is_done: bool
    """False where it was told to stop, or an evaluator waits: the same command goes on from here."""


class Backfill:
    """One range of arrival times, for some evaluators, on one shard."""

    def __init__(
        self,
        store: Store,
        config: EvaluatorsConfig,
        *,
        since: datetime,
        until: datetime,
        names: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stop: threading.Event | None = None,
    ) -> None:
        """Make one; nothing is read before it runs.

        Args:
            store: where calls are and scores go.
            config: sample rates and filters, unless `evaluator_settings` says otherwise; the shard.
            since: calls received from then on.
            until: calls received before then.
            names: evaluators; empty = all that are on.
            clock: current time, with a time zone.
            stop: set it to end after the page that is being scored.

        Raises:
            ValueError: the range is empty.
        """
        if since >= until:
            raise ValueError(f"since {since.isoformat()} is not before until {until.isoformat()}")
        self._store, self._config, self._clock = store, config, clock
        self._since, self._until, self._names = since, until, names
        self._stop = stop or threading.Event()
        self._worker = uuid.uuid4().hex
        self._label = f"{config.shard} from {evaluation.milliseconds(since)} to {evaluation.milliseconds(until)}"
        self._journal = Journal(store, shard=self._label, worker=self._worker, clock=clock)

    def run(self, told: Callable[[int, int], None] = lambda _done, _total: None) -> BackfillReport:
        """Score until the range is done, or it is told to stop.

        Args:
            told: is told how many calls were looked at, of how many, summed over evaluators that go separately.

        Raises:
            UnknownEvaluator: one of the names does not exist; nothing was done.
            StoreUnavailable, StoreRejected: the same backfill goes on from here.
        """
        slots = self._slots()
        batches = Batches(self._journal, self._clock)
        recovery = Recovery(self._store, self._journal, self._worker, self._clock)
        ready = [slot for slot in slots if slot.try_to_load(self._clock())]
        for slot in ready:
            self._begin(slot, recovery)
        ready = sorted((slot for slot in ready if not slot.waiting), key=_position)
        parts = [list(together) for _, together in groupby(ready, key=_position)]
        sizes = [self._count(part) for part in parts]
        done = 0
        for part in parts:
            for looked_at in self._walk(part, batches):
                done += looked_at
                told(min(done, sum(sizes)), sum(sizes))
        is_done = not self._stop.is_set() and not any(slot.waiting for slot in slots)
        return BackfillReport(max(sizes, default=0), tuple(slot.report() for slot in slots), is_done)

    def _slots(self) -> list[Slot]:
        wanted = chosen(self._store, self._config, self._names)
        judges = JudgeFactory(self._config, self._store, clock=self._clock, pause=self._stop.wait)
        load = partial(registry.load, models=self._config.models)
        return [make_slot(one, self._config, judges.make if one.is_judge else load) for one in wanted]

    def _begin(self, slot: Slot, recovery: Recovery) -> None:
        assert slot.evaluator is not None
        spec = slot.evaluator.spec
        rows = evaluation.last_batches(self._store, spec.name, spec.version)
        slot.cursor = resume_range(rows, self._label, worker=self._worker, since=self._since, until=self._until)
        while slot.cursor.open_starts and not slot.waiting:
            recovery.finish(slot, slot.cursor.open_starts[0], self._intake(slot.level))
            slot.cursor.open_starts.pop(0)

    def _walk(self, slots: list[Slot], batches: Batches) -> Iterator[int]:
        """Score what lies before some evaluators that stand at one place; yields the size of each page."""
        assert slots[0].cursor is not None
        intake = self._intake(slots[0].level)
        end = min(self._until - TICK, self._clock() - intake.settles_after)
        operations = {operation for slot in slots for operation in slot.operations}
        for page in intake.pages(slots[0].cursor.fresh, end, operations):
            if self._stop.is_set():
                return
            batches.look(slots, page, intake, is_last=True)
            slots = [slot for slot in slots if not slot.waiting]
            for slot in slots:
                if slot.cursor:
                    slot.cursor.finish(fresh=max(slot.cursor.fresh, page.end), last_look=end)
            yield len(page.arrivals)
            if not slots:
                return
        self._journal.finish([(Work(slot.evaluator.spec, []), end) for slot in slots if slot.evaluator])

    def _count(self, slots: Sequence[Slot]) -> int:
        assert slots[0].cursor is not None
        shard = Shard.parse(self._config.shard)
        operations = {operation for slot in slots for operation in slot.operations}
        return evaluation.count_after(
            self._store,
            slots[0].cursor.fresh.watermark,
            until=self._until - TICK,
            operations=sorted(operations) if slots[0].level == "call" else (),
            shard=shard.index,
            shards=shard.count,
        )[0]

    def _intake(self, level: Level) -> Intake:
        if level == "call":
            return CallIntake(self._store, self._config)
        return GroupIntake(self._store, self._config, level)


def chosen(store: Store, config: EvaluatorsConfig, names: Sequence[str]) -> list[Wanted]:
    """What is wanted of some evaluators, or of all that are on where none is named.

    Raises:
        UnknownEvaluator: one of the names does not exist.
    """
    rubrics = {row["name"]: row["version"] for row in current_rubrics(store)}
    wanted = everything_wanted(config, current_settings(store), rubrics)
    unknown = [name for name in names if name not in wanted]
    if unknown:
        registry.check_names(unknown)
    return [wanted[name] for name in dict.fromkeys(names or (name for name, one in wanted.items() if one.enabled))]


def _position(slot: Slot) -> tuple[Level, Place]:
    assert slot.cursor is not None
    return slot.level, slot.cursor.fresh
