"""How much memory requests may take together, whatever they hold."""

import threading
from types import TracebackType
from typing import Self

from watchglass_collector.errors import TryAgain


class MemoryBudget:
    """Bytes of request bodies that may be in memory at once. Thread-safe.

    Args:
        max_bytes: all shares together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._taken = 0

    def share(self) -> "Share":
        """The part of one request: empty at first, given back when its context ends."""
        return Share(self)

    def has_room(self, amount: int) -> bool:
        """Whether so much could be taken now."""
        with self._lock:
            return self._taken + amount <= self.max_bytes

    def _change(self, amount: int) -> None:
        with self._lock:
            if amount > 0 and self._taken + amount > self.max_bytes:
                raise TryAgain("too many requests at once", retry_after_s=2)
            self._taken += amount


class Share:
    """What one request has taken of a budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._budget._change(-self._taken)
        self._taken = 0

    def expect(self, amount: int) -> None:
        """Fail early when so much is announced and there is no room for it; nothing is taken.

        Raises:
            TryAgain: there is no room now.
        """
        if not self._budget.has_room(amount):
            raise TryAgain("too many requests at once", retry_after_s=2)

    def grow(self, amount: int) -> None:
        """Take more, before the memory is used.

        Raises:
            TryAgain: there is no room now.
        """
        self._budget._change(amount)
        self._taken += amount
