"""What one look for new calls did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvaluatorReport:
    """One evaluator's part in a run. Counts are calls, not scores."""

    name: str
    """The evaluator."""
    version: str
    """Its version; '' while it cannot be loaded."""
    eligible: int
    """Calls it was started on: they have what it needs and were inside its filter and sample."""
    scored: int
    """Of those, calls with at least one value."""
    unscored: int
    """Calls with a reason instead of a value, as the evaluator decided."""
    errors: int
    """Calls that made the evaluator raise, or return what its spec excludes; their error is terminal."""
    quarantined: int
    """Calls that were given up because workers died on them."""
    skipped: int
    """Calls seen without a text it needs, or with an error instead of an answer."""
    duration_s: float
    """Time spent inside the evaluator."""
    waiting: str
    """Why it cannot run now; '' when it can."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """One look for new calls."""

    evaluators: tuple[EvaluatorReport, ...]
    """In the order of the settings."""
    is_caught_up: bool
    """False where calls that are ripe were left for the next look."""
    duration_s: float
    """Wall time."""
