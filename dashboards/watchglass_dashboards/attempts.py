"""How often a wrong password may be tried."""

import threading
from collections import deque
from typing import Final

WINDOW_S: Final = 300.0
MOST_FOR_A_NAME: Final = 5
MOST_IN_ALL: Final = 60
_MOST_NAMES: Final = 10_000


class Attempts:
    """Failed logins of the last `WINDOW_S` seconds, by name and in all. Thread-safe."""

    def __init__(self) -> None:
        self._by_name: dict[str, deque[float]] = {}
        self._all: deque[float] = deque()
        self._lock = threading.Lock()

    def wait_s(self, name: str, now_s: float) -> float:
        """Seconds until this name may be tried again; 0 = now.

        Args:
            name: Of the user, whether or not there is one.
            now_s: Monotonic time, seconds.
        """
        with self._lock:
            waits = (
                _wait_s(self._by_name.get(name, deque()), MOST_FOR_A_NAME, now_s),
                _wait_s(self._all, MOST_IN_ALL, now_s),
            )
        return max(waits)

    def failed(self, name: str, now_s: float) -> None:
        """Note a wrong password."""
        with self._lock:
            if len(self._by_name) >= _MOST_NAMES:
                self._by_name.clear()
            self._by_name.setdefault(name, deque(maxlen=MOST_FOR_A_NAME)).append(now_s)
            self._all.append(now_s)
            while self._all and self._all[0] <= now_s - WINDOW_S:
                self._all.popleft()

    def succeeded(self, name: str) -> None:
        """Forget a name's failures."""
        with self._lock:
            self._by_name.pop(name, None)


def _wait_s(times: deque[float], most: int, now_s: float) -> float:
    recent = [time for time in times if time > now_s - WINDOW_S]
    return recent[-most] + WINDOW_S - now_s if len(recent) >= most else 0.0
