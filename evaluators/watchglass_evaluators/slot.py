"""One enabled evaluator in a running worker: loaded or waiting, how far it is, what it did in this run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watchglass_evaluators import registry
from watchglass_evaluators.config import EvaluatorOptions
from watchglass_evaluators.evaluator import Call, Evaluator, EvaluatorUnavailable, Level
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
    usual_operations: tuple[str, ...] = ()
    """Operations of the calls it scores where its spec names none; empty = all that the page holds."""
    on_since: datetime | None = None
    """When it was turned on again: what arrived before is left alone."""
    definition: datetime | None = None
    """Version of the stored rubric that it asks; None where it asks none."""
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

    @property
    def level(self) -> Level:
        """What one of its scores is about."""
        return self.evaluator.spec.level if self.evaluator else "call"

    @property
    def operations(self) -> tuple[str, ...]:
        """Operations of the calls it scores."""
        return (self.evaluator.spec.operations if self.evaluator else ()) or self.usual_operations

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
        """Whether what arrived is inside its sample, and not outside its filter as far as that can be told by now."""
        if not is_sampled(self.name, arrival.call.trace_id, self.options.sample_rate):
            return False
        if self.level != "call":
            return True
        services = self.options.filters.get("service_name")
        if arrival.service_name not in services if services else arrival.service_name == JUDGE_SERVICE:
            return False
        return not self.operations or arrival.operation_name in self.operations

    def takes(self, call: Call) -> bool:
        """Whether a call that it accepted is inside its filter."""
        filters = self.options.filters
        if call.service_name == JUDGE_SERVICE and not filters.get("service_name"):
            return False
        return all(getattr(call, column) in values for column, values in filters.items() if values)

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
