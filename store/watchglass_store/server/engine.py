"""The one chDB engine of this process and handles on it."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from watchglass_store.errors import StoreError
from watchglass_store.server.problems import Problem
from watchglass_store.sql import quote_name, quote_string

MAX_SESSIONS = 256
MAX_SESSION_TIMEOUT_S = 3600.0
MAX_KEPT_HANDLES = 8
_SERVER_SETTINGS = {
    # Two merges at a time, not four, which would hold 100 MB more and take the cores from whoever asks.
    "background_pool_size": "2",
    "background_merges_mutations_concurrency_ratio": "1",
}
"""What the engine is opened with; chDB takes a server's settings behind the path, as a URL has its query."""
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request wants its statement to run in."""

    user: str
    database: str
    settings: Mapping[str, str]
    frozen_settings: Mapping[str, str]
    """Applied after `settings` and then fixed with readonly=1; empty for a user who may write."""
    session_id: str = ""
    session_timeout_s: float = 60.0
    session_must_exist: bool = False


@dataclass(slots=True)
class _Session:
    handle: Any
    lock: threading.Lock = field(default_factory=threading.Lock)
    expires: float = 0.0


class Engine:
    """Owns a chDB path.

    A handle costs 0.2 ms, so whoever may write has one for each request: settings and USE die with it. The limits of a
    reader take 1.3 ms to set and no statement of theirs changes anything, so theirs are kept.
    """

    def __init__(self, path: Path, database: str) -> None:
        """Open the path, creating it and the database when absent.

        Raises:
            StoreError: A '?' in the path, after which chDB would read settings.
        """
        if "?" in str(path):
            raise StoreError(f"{path}: the embedded store cannot be under a name with '?'; choose another directory")
        self._path = f"{path}?{urlencode(_SERVER_SETTINGS)}"
        self.directory = path.parent
        self._root = _open(self._path)
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._kept: list[tuple[Scope, Any]] = []
        self._lock = threading.Lock()
        self.database = database
        self._root.query(f"CREATE DATABASE IF NOT EXISTS {quote_name(database)}")
        answer = self._root.query("SELECT version(), timezone()", "TabSeparated").bytes().decode().strip()
        self.version, self.timezone = answer.split("\t")

    def close(self) -> None:
        """Close the engine and every session; all handles must have been given back."""
        for handle in [*(session.handle for session in self._sessions.values()), *(handle for _, handle in self._kept)]:
            handle.close()
        self._sessions.clear()
        self._kept.clear()
        self._root.close()

    @contextmanager
    def handle(self, scope: Scope, *, streams: bool = False) -> Iterator[Any]:
        """Lend a chDB connection with database and settings applied.

        Args:
            scope: What to apply.
            streams: Whether a statement may be left in mid-answer, after which nothing else runs on the connection.

        Raises:
            Problem: Unknown session, session in use, or malformed setting name.
            RuntimeError: The engine refused the database or a setting.
        """
        if scope.session_id:
            with self._session(scope) as handle:
                yield handle
            return
        handle = self._take(scope) or _open_prepared(self._path, scope)
        try:
            yield handle
        except BaseException:
            handle.close()
            raise
        if streams or not scope.frozen_settings:
            handle.close()
        else:
            self._keep(scope, handle)

    def _take(self, scope: Scope) -> Any:
        """A connection that was prepared for such a statement before; None where none is left."""
        with self._lock:
            place = next((place for place, (kept, _) in enumerate(self._kept) if kept == scope), None)
            return None if place is None else self._kept.pop(place)[1]

    def _keep(self, scope: Scope, handle: Any) -> None:
        """Keep a connection, and close the one that was not asked for longest where there are too many."""
        with self._lock:
            self._kept.append((scope, handle))
            oldest = self._kept.pop(0)[1] if len(self._kept) > MAX_KEPT_HANDLES else None
        if oldest is not None:
            oldest.close()

    @contextmanager
    def _session(self, scope: Scope) -> Iterator[Any]:
        key = (scope.user, scope.session_id)
        with self._lock:
            now = time.monotonic()
            self._expire(now)
            session = self._sessions.get(key)
            if session is None:
                session = self._sessions[key] = self._new_session(scope)
            if not session.lock.acquire(blocking=False):
                raise Problem(373, "SESSION_IS_LOCKED", "Session is locked by a concurrent client.")
            session.expires = now + min(scope.session_timeout_s, MAX_SESSION_TIMEOUT_S)
        try:
            with _settings_of_one_request(session.handle, scope):
                yield session.handle
        finally:
            session.lock.release()

    def _expire(self, now: float) -> None:
        for key in [k for k, s in self._sessions.items() if s.expires < now and not s.lock.locked()]:
            self._sessions.pop(key).handle.close()

    def _new_session(self, scope: Scope) -> _Session:
        if scope.session_must_exist:
            raise Problem(372, "SESSION_NOT_FOUND", "Session not found.")
        if len(self._sessions) >= MAX_SESSIONS:
            raise Problem(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"Too many sessions; at most {MAX_SESSIONS}.")
        return _Session(_open_prepared(self._path, Scope(scope.user, scope.database, {}, scope.frozen_settings)))


def _open(path: str) -> Any:
    # Imported where it is opened: it is 250 MB in a process, and only the store's owner needs it.
    import chdb

    return chdb.connect(path)  # type: ignore[no-untyped-call]  # chdb publishes no types


def _open_prepared(path: str, scope: Scope) -> Any:
    handle = _open(path)
    try:
        _prepare(handle, scope)
    except BaseException:
        handle.close()
        raise
    return handle


def _prepare(handle: Any, scope: Scope) -> None:
    if scope.database:
        handle.query(f"USE {quote_name(scope.database)}")
    _set(handle, {**scope.settings, **scope.frozen_settings})
    if scope.frozen_settings:
        handle.query("SET readonly = 1")


def _set(handle: Any, settings: Mapping[str, str]) -> None:
    _check_names(settings)
    if settings:
        handle.query("SET " + ", ".join(f"{name} = {quote_string(value)}" for name, value in settings.items()))


def _check_names(settings: Mapping[str, str]) -> None:
    for name in settings:
        if not _SETTING_NAME.match(name):
            raise Problem(115, "UNKNOWN_SETTING", "A setting's name has letters, digits and _ only.")


@contextmanager
def _settings_of_one_request(handle: Any, scope: Scope) -> Iterator[None]:
    """Apply a request's settings to a session's handle and take them back afterwards."""
    if scope.frozen_settings or not scope.settings:
        yield
        return
    _check_names(scope.settings)
    names = ", ".join(map(quote_string, scope.settings))
    sql = f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})"
    rows = [json.loads(line) for line in handle.query(sql, "JSONCompactEachRow").bytes().splitlines()]
    before = ", ".join(f"{name} = {quote_string(value) if changed else 'DEFAULT'}" for name, value, changed in rows)
    _set(handle, scope.settings)
    try:
        yield
    finally:
        if before:
            handle.query("SET " + before)
