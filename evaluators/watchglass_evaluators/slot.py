"""One enabled evaluator in a running worker: loaded or waiting, how far it is, what it did in this run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watchglass_evaluators import registry
from watchglass_evaluators.config import EvaluatorOptions
from watchglass_evaluators.evaluator import Evaluator, EvaluatorUnavailable
from watchglass_evaluators.progress import Arrival, Cursor
from watchglass_evaluators.report import EvaluatorReport
from watchglass_evaluators.scoring import Outcome, is_sampled

RETRY = timedelta(seconds=30)
"""How long an evaluator that could not run is left alone."""

JUDGE_SERVICE = "watchglass-judge"
"""Service of the judges' own calls, which nobody scores unless an evaluator's filter names it."""


@dataclass(slots=True)
class Tally:
    """Counts of one run; see EvaluatorReport."""

    eligible: int = 0
    scored: int = 0
    unscored: int = 0
    errors: int = 0
    quarantined: int = 0
    skipped: int = 0
    duration_s: float = 0.0

    def add(self, outcomes: list[Outcome], *, skipped: int, duration_s: float) -> None:
        """Count one batch."""
        kinds = [outcome.kind for outcome in outcomes]
        self.eligible += len(kinds)
        self.scored += kinds.count("scored")
        self.unscored += kinds.count("unscored")
        self.errors += kinds.count("error")
        self.quarantined += kinds.count("quarantined")
        self.skipped += skipped
        self.duration_s += duration_s


@dataclass(slots=True)
class Slot:
    """An enabled evaluator. `evaluator` and `cursor` are there while it is ready."""

    name: str
    options: EvaluatorOptions
    load: Callable[[str], Evaluator] = registry.load
    """Makes it, by name."""
    evaluator: Evaluator | None = None
    cursor: Cursor | None = None
    waiting: str = ""
    """Why it cannot run; '' when it can."""
    retry_at: datetime | None = None
    tally: Tally = field(default_factory=Tally)
    unlogged_skips: int = 0
    """Calls that were skipped since its progress was last written."""
    logged_at: datetime | None = None
    """When its watermark was last written."""

    def try_to_load(self, now: datetime) -> bool:
        """Whether it is ready; loads it where that was not done or did not work a while ago."""
        if self.waiting and self.retry_at is not None and now < self.retry_at:
            return False
        self.waiting = ""
        if self.evaluator is None:
            try:
                self.evaluator = self.load(self.name)
            except (registry.BrokenEvaluator, registry.UnknownEvaluator, EvaluatorUnavailable) as error:
                self.wait(str(error), now)
        return not self.waiting

    def wait(self, reason: str, now: datetime) -> None:
        """Leave it alone for a while."""
        self.waiting, self.retry_at = reason, now + RETRY

    def accepts(self, arrival: Arrival) -> bool:
        """Whether a call is inside its filter and sample."""
        services = self.options.services
        if arrival.service_name not in services if services else arrival.service_name == JUDGE_SERVICE:
            return False
        return is_sampled(self.name, arrival.call.trace_id, self.options.sample_rate)

    def report(self) -> EvaluatorReport:
        """What it did since the last report."""
        tally, self.tally = self.tally, Tally()
        return EvaluatorReport(
            name=self.name,
            version=self.evaluator.spec.version if self.evaluator else "",
            eligible=tally.eligible,
            scored=tally.scored,
            unscored=tally.unscored,
            errors=tally.errors,
            quarantined=tally.quarantined,
            skipped=tally.skipped,
            duration_s=tally.duration_s,
            waiting=self.waiting,
        )
