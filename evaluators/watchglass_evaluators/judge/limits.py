"""How fast an endpoint may be asked: requests and tokens a minute, what it asks for itself (Retry-After), back-off."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

LONGEST_WAIT_S = 60.0
"""An endpoint that wants a longer pause is left alone until then, and the calls wait in the table, not in memory."""

_FIRST_BACK_OFF_S = 1.0
_LONGEST_BACK_OFF_S = 30.0


@dataclass(slots=True)
class Bucket:
    """A token bucket that holds one minute's worth. What is taken beyond its content is owed, and waited for."""

    per_minute: float
    level: float
    at_s: float

    def take(self, amount: float, now_s: float) -> float:
        """Take some, and return how many seconds to wait for it; a negative amount gives back."""
        self.level = min(self.per_minute, self.level + max(0.0, now_s - self.at_s) * self.per_minute / 60)
        self.at_s = max(self.at_s, now_s)
        self.level = min(self.per_minute, self.level - amount)
        return max(0.0, -self.level * 60 / self.per_minute)


@dataclass(slots=True)
class RateLimiter:
    """Both buckets of one endpoint, and its own wishes. Thread-safe."""

    requests_per_minute: int
    tokens_per_minute: int
    clock: Callable[[], datetime]
    _requests: Bucket = field(init=False)
    _tokens: Bucket = field(init=False)
    _blocked_until_s: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        now_s = self.clock().timestamp()
        self._requests = Bucket(self.requests_per_minute, self.requests_per_minute, now_s)
        self._tokens = Bucket(self.tokens_per_minute, self.tokens_per_minute, now_s)

    def take(self, tokens: int) -> float:
        """Book one request of about so many tokens; returns the seconds to wait before it is sent."""
        with self._lock:
            now_s = self.clock().timestamp()
            blocked_s = self._blocked_until_s - now_s
            return max(blocked_s, self._requests.take(1, now_s), self._tokens.take(tokens, now_s), 0.0)

    def give_back(self, tokens: int) -> None:
        """Correct the estimate of a request when its real size is known; negative where it was larger."""
        with self._lock:
            self._tokens.take(-tokens, self.clock().timestamp())

    def block(self, seconds: float) -> None:
        """Send nothing for so long."""
        with self._lock:
            self._blocked_until_s = max(self._blocked_until_s, self.clock().timestamp() + seconds)

    @property
    def blocked_s(self) -> float:
        """Seconds during which the endpoint wants no request."""
        with self._lock:
            return max(0.0, self._blocked_until_s - self.clock().timestamp())


def back_off_s(failures: int, random: Callable[[], float]) -> float:
    """Seconds to wait after so many failures: exponential, with full jitter, but a quarter of it at least."""
    most = min(_FIRST_BACK_OFF_S * 2.0 ** min(failures - 1, 10), _LONGEST_BACK_OFF_S)
    return most * (0.25 + 0.75 * random())


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, in seconds or as a date; None where there is none that makes sense."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment: datetime = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        seconds = float((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    return max(seconds, 0.0) if isfinite(seconds) else None
