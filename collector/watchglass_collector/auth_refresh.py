"""Keeps the keys as the store has them, and on disk for a start while the store is away. Only hashes are written."""

import logging
import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from watchglass_collector.auth import ApiKey, KeyRing
from watchglass_store import Store, StoreError
from watchglass_store.queries import api_keys

_log = logging.getLogger("watchglass.collector")
_FILE: Final = "api_keys.json"


class KeyRefresh:
    """Reads the keys at once and then again and again, on a thread of its own.

    Args:
        ring: told what is known.
        store: where the keys are.
        directory: where the last known set is kept.
        interval_s: how long a revoked key may go on working.
    """

    def __init__(self, ring: KeyRing, store: Store, directory: Path, interval_s: float) -> None:
        self._ring = ring
        self._store = store
        self._file = directory / _FILE
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api-keys", daemon=True)

    def start(self) -> None:
        """Know the keys of the store, or those of the last time while it is away, and go on asking."""
        if not self._refresh():
            self._ring.replace(self._read())
        self._thread.start()

    def stop(self) -> None:
        """Ask no more. Safe without `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            self._refresh()

    def _refresh(self) -> bool:
        try:
            rows = api_keys.keys(self._store)
        except StoreError as error:
            _log.warning("the API keys of the last time stay in force: %s", error)
            return False
        keys = [_key(row) for row in rows]
        self._ring.replace(keys)
        try:
            self._write(keys)
        except OSError as error:
            _log.warning("cannot keep the API keys for a start without the store: %s", error)
        return True

    def _write(self, keys: list[ApiKey]) -> None:
        text = orjson.dumps([_row(key) for key in keys])
        if self._file.is_file() and self._file.read_bytes() == text:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - the mode
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)

    def _read(self) -> list[ApiKey]:
        try:
            return [_key(row) for row in orjson.loads(self._file.read_bytes())]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("cannot read %s, so no API key is known: %s", self._file, error)
            return []


def _key(row: dict[str, Any]) -> ApiKey:
    expires_at = row["expires_at"]
    return ApiKey(
        sha256=row["sha256"],
        project=row["project"],
        scopes=frozenset(row["scopes"]),
        expires_at=datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else expires_at,
        is_revoked=bool(row["revoked"]),
    )


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "sha256": key.sha256,
        "project": key.project,
        "scopes": sorted(key.scopes),
        "expires_at": key.expires_at,
        "revoked": key.is_revoked,
    }
