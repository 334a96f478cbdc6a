"""What the collector did, as numbers that add up: received = stored + pending + quarantined + rejected."""

import threading
from collections import Counter


class Counters:
    """Named counts that only grow. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Count something; nothing is not counted."""
        if amount:
            with self._lock:
                self._counts[name] += amount

    def get(self) -> dict[str, int]:
        """A consistent copy."""
        with self._lock:
            return dict(self._counts)
