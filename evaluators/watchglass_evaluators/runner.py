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
from datetime import UTC, datetime
from functools import partial

from watchglass_evaluators import registry
from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.drift import DriftRunner
from watchglass_evaluators.judge.factory import JudgeFactory
from watchglass_evaluators.judge.preview import Previewer
from watchglass_evaluators.lane import Lane
from watchglass_evaluators.progress import Shard
from watchglass_evaluators.report import RunReport
from watchglass_store import Store

logger = logging.getLogger("watchglass.evaluators")


class Runner:
    """Scores the calls of one shard with every enabled evaluator; judges, which wait for a network, in a lane apart."""

    def __init__(
        self,
        store: Store,
        config: EvaluatorsConfig,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        worker: str = "",
        pause: Callable[[float], bool] | None = None,
        judges_only: bool = False,
    ) -> None:
        """Make a worker; nothing is read or loaded before the first run.

        Args:
            store: where calls are and scores go.
            config: which evaluators, on what, when, unless `evaluator_settings` says otherwise.
            clock: current time, with a time zone.
            worker: name of this life of this worker, never used before; made up if empty.
            pause: how judges wait so many seconds; True = the worker is stopping. In real time if None.
            judges_only: all but judges and monitors run elsewhere.
        """
        self._store = store
        self._config = config
        self._clock = clock
        self._stop = threading.Event()
        name = worker or uuid.uuid4().hex
        judges = JudgeFactory(config, store, clock=clock, pause=pause or (lambda s: self._stop.wait(s)))
        self._previewer = Previewer(store, config, judges.judge_of, clock=clock, worker=f"{name}-previews")
        batch_calls = min(config.batch_calls, config.judge.batch_calls)
        load = partial(registry.load, models=config.models)
        self._lanes = [
            Lane(store, config, load, lambda one: not one.is_judge, clock=clock, worker=name),
            Lane(
                store,
                config.model_copy(update={"batch_calls": batch_calls}),
                judges.make,
                lambda one: one.is_judge,
                clock=clock,
                worker=f"{name}-judges",
            ),
        ][judges_only:]

    def run_once(self) -> RunReport:
        """Score what has settled, up to a fair share for each evaluator.

        Raises:
            StoreUnavailable: what was not written yet is done again by the next run.
            StoreRejected: the store does not take it; for example, its tables are not there yet.
        """
        started = time.monotonic()
        reports = [lane.round() for lane in self._lanes]
        return RunReport(
            tuple(evaluator for report in reports for evaluator in report.evaluators),
            all(report.is_caught_up for report in reports),
            time.monotonic() - started,
        )

    def run_forever(self, stop: threading.Event) -> None:
        """Run until told to stop; a store that is away, or not ready, is waited for."""
        self._stop = stop
        if self._config.monitors and Shard.parse(self._config.shard).index == 0:
            drift = DriftRunner(self._store, self._config, clock=self._clock)
            threading.Thread(target=drift.run_forever, args=(stop,), name="drift", daemon=True).start()
        if Shard.parse(self._config.shard).index == 0:
            threading.Thread(target=self._previewer.run_forever, args=(stop,), name="previews", daemon=True).start()
        logger.info("evaluating shard %s", self._config.shard)
        with ThreadPoolExecutor(len(self._lanes)) as pool:
            try:
                _wait_for(stop, [pool.submit(lane.run_forever, stop) for lane in self._lanes])
            finally:
                stop.set()  # whatever ended one lane ends the others


def _wait_for(stop: threading.Event, lanes: Sequence[Future[None]]) -> None:
    """Wait until told to stop; raise what ended a lane before."""
    while not stop.wait(1.0):
        for lane in lanes:
            if lane.done():
                lane.result()
