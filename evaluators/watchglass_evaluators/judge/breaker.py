"""Stops asking an endpoint that refuses us or answers nonsense, and says when it may be tested again."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watchglass_evaluators.evaluator import EvaluatorUnavailable

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
BURST = 8
"""Replies without a verdict, one after the other, after which nothing more is sent until a test passes."""


@dataclass(slots=True)
class Breaker:
    """Closed, open until a time, or to be tested. Shared by the judges of one endpoint. Thread-safe."""

    clock: Callable[[], datetime]
    _reason: str = ""
    _until: datetime | None = None
    _pauses: int = 0
    _invalid_in_a_row: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> bool:
        """Return whether a test must pass before anything else is sent.

        Raises:
            EvaluatorUnavailable: it is open.
        """
        with self._lock:
            if self._until is not None and self.clock() < self._until:
                raise EvaluatorUnavailable(self._reason)
            return self._until is not None

    def open(self, reason: str) -> EvaluatorUnavailable:
        """Send nothing more for a while, longer each time in a row; returns what to raise."""
        with self._lock:
            if self._until is not None and self.clock() < self._until:  # other requests were under way
                return EvaluatorUnavailable(self._reason)
            pause = min(FIRST_PAUSE * 2 ** min(self._pauses, 10), LONGEST_PAUSE)
            self._pauses += 1
            self._reason, self._until = reason, self.clock() + pause
            return EvaluatorUnavailable(reason)

    def close(self) -> None:
        """It works."""
        with self._lock:
            self._reason, self._until, self._pauses, self._invalid_in_a_row = "", None, 0, 0

    def saw(self, *, valid: bool) -> None:
        """Count a reply."""
        with self._lock:
            self._invalid_in_a_row = 0 if valid else self._invalid_in_a_row + 1

    @property
    def has_burst(self) -> bool:
        """Whether only replies without a verdict came for a while."""
        with self._lock:
            return self._invalid_in_a_row >= BURST
