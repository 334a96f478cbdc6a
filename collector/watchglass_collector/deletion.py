"""Users whose data were deleted: what still comes about them is dropped and counted, and what slipped in is swept."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from watchglass_collector.admission import Batch
from watchglass_collector.spool.record import SEGMENT_MAGIC, Record, header, scan
from watchglass_store import Store, StoreError
from watchglass_store.queries import deletion

_log = logging.getLogger("watchglass.collector")
_FIRST_SWEEP_S: Final = 60.0
"""After a deletion is heard of: by then what was spooled before is stored."""
_SWEEP_S: Final = 3600.0


class Tombstones:
    """Deleted users, as bytes to look for; a stage of admission when called."""

    def __init__(self) -> None:
        self._users: tuple[bytes, ...] = ()

    def replace(self, users: list[str]) -> None:
        """Know these from now on."""
        self._users = tuple(user.encode() for user in users)

    def __call__(self, batch: Batch) -> Batch:
        """Leave out spans and log records that name a deleted user. Costs a search of the bytes for each of them."""
        users = {user.decode() for user in self._users if user in batch.payload}
        if not users:
            return batch
        request: Any = batch.signal.shape.full.FromString(batch.payload)
        dropped = sum(_drop(items, attributes, users) for items, attributes in _item_lists(request))
        if not dropped:
            return batch
        warning = "; ".join(filter(None, (batch.warning, f"{dropped} dropped: their user was deleted")))
        return replace(
            batch,
            payload=request.SerializeToString(),
            items=batch.items - dropped,
            rejected=batch.rejected + dropped,
            warning=warning,
        )


def _item_lists(request: Any) -> Iterator[tuple[Any, Any]]:
    """Every list of spans or log records, with the attributes of its resource."""
    for signal, items in (("spans", "spans"), ("logs", "log_records")):
        for envelope in getattr(request, f"resource_{signal}", ()):
            for scope in getattr(envelope, f"scope_{signal}"):
                yield getattr(scope, items), envelope.resource.attributes


def _drop(items: Any, resource: Any, users: set[str]) -> int:
    kept = [] if _names(resource, users) else [item for item in items if not _names(item.attributes, users)]
    dropped = len(items) - len(kept)
    if dropped:
        del items[:]
        items.extend(kept)
    return dropped


def _names(attributes: Any, users: set[str]) -> bool:
    return any("user" in one.key.lower() and _text(one.value) in users for one in attributes)


def _text(value: Any) -> str:
    return str(value.int_value) if value.WhichOneof("value") == "int_value" else str(value.string_value)


class DeletionRefresh:
    """Reads who was deleted again and again, and deletes again what came since, on a thread of its own.

    Args:
        tombstones: told who.
        store: where that is.
        interval_s: how long until a collector knows.
    """

    def __init__(self, tombstones: Tombstones, store: Store, interval_s: float) -> None:
        self._tombstones = tombstones
        self._store = store
        self._interval_s = interval_s
        self._due_s: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deletions", daemon=True)

    def start(self) -> None:
        """Start asking."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more. Safe without `start`; does not wait for a store that hangs."""
        self._stopping.set()

    def _run(self) -> None:
        complaint = ""
        while True:
            try:
                self._refresh()
                complaint = ""
            except StoreError as error:
                if str(error) != complaint:
                    _log.warning("the deleted users of the last time stay in force: %s", error)
                complaint = str(error)
            if self._stopping.wait(self._interval_s):
                return

    def _refresh(self) -> None:
        found = deletion.living(self._store)
        self._tombstones.replace(list(found.values()))
        now_s = time.monotonic()
        for name, user in found.items():
            if self._due_s.setdefault(name, now_s + _FIRST_SWEEP_S) <= now_s:
                deletion.erase(self._store, user, author="collector", now=datetime.now(UTC))
                self._due_s[name] = now_s + _SWEEP_S


def forget_in_quarantine(data_dir: Path, user_id: str) -> int:
    """Take out of quarantine every request that names a user, and damaged bytes that do; returns how many."""
    user, forgotten = user_id.encode(), 0
    for path in sorted((data_dir / "spool" / "quarantine").rglob("*")):
        if not path.is_file() or user not in (data := path.read_bytes()):
            continue
        pieces = list(scan(data)) if path.suffix in (".segment", ".copy") else []
        kept = [piece for piece in pieces if isinstance(piece, Record) and user not in bytes(piece.payload)]
        forgotten += max(len(pieces), 1) - len(kept)
        if kept:
            draft = path.with_suffix(".tmp")
            draft.write_bytes(SEGMENT_MAGIC + b"".join(part for r in kept for part in (header(r), bytes(r.payload))))
            draft.replace(path)
        else:
            path.unlink()
    return forgotten
