"""Logins of mode 'password': a signed cookie that says who, since when and until when.

It holds no role: that is looked up on every run, so that a role taken away is gone at once.
"""

import base64
import binascii
import hashlib
import hmac
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson

COOKIE: Final = "watchglass_session"
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A login."""

    id: str
    user: str
    since: datetime
    until: datetime


def issue(session_id: str, user: str, now: datetime, length: timedelta, key: bytes) -> str:
    """The cookie of a new login."""
    content = [session_id, user, now.timestamp(), (now + length).timestamp()]
    payload = base64.urlsafe_b64encode(orjson.dumps(content)).decode()
    return f"{payload}.{_signature(payload, key)}"


def read(cookie: str, now: datetime, key: bytes) -> Session | None:
    """The login that a cookie stands for; None where it is forged, damaged or over."""
    payload, _, signature = cookie.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(payload, key).encode()):
        return None
    try:
        session_id, user, since, until = orjson.loads(base64.urlsafe_b64decode(payload))
        session = Session(session_id, user, datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
    except (ValueError, TypeError, binascii.Error, OverflowError):
        return None
    return session if session.since <= now < session.until and not _ended.holds(session.id) else None


def end(session: Session) -> None:
    """Log out: the cookie is refused from now on, in every tab."""
    _ended.add(session.id, session.until)


def load_key(home: Path) -> bytes:
    """The key that cookies are signed with, made where there is none; readable by its owner alone."""
    path = home / "session.key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
    except FileExistsError:
        pass
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise ValueError(f"{path} is damaged: delete it and start the dashboard again; everybody logs in anew")
    return key


def _signature(payload: str, key: bytes) -> str:
    return hmac.new(key, payload.encode(), hashlib.sha256).hexdigest()


class _Ended:
    """Logins that were ended before their time, until they would have ended anyway."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def add(self, session_id: str, until: datetime) -> None:
        now = datetime.now(UTC)
        with self._lock:
            self._until = {key: end for key, end in self._until.items() if end > now} | {session_id: until}

    def holds(self, session_id: str) -> bool:
        return session_id in self._until


_ended = _Ended()
