"""One file of accepted requests: appended to until it is sealed, then inserted as one block, then deleted."""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from watchglass_collector.spool.record import SEGMENT_MAGIC, Damage, Record, header, scan

SUFFIX: Final = ".segment"


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed segment: its bytes will never change again."""

    signal: str
    path: Path
    size: int
    """Bytes that count; anything after them was never acknowledged."""
    digests: tuple[bytes, ...]
    items: int

    @property
    def name(self) -> str:
        """Unique over restarts and over collectors."""
        return self.path.stem

    @property
    def hour(self) -> datetime:
        """The hour (UTC) in which its first record arrived: names begin with the time in nanoseconds."""
        opened_at = datetime.fromtimestamp(int(self.name.split("-")[0]) // 10**9, UTC)
        return opened_at.replace(minute=0, second=0)

    def load(self) -> tuple[list[Record], list[Damage]]:
        """Read it back: what checks, and what does not."""
        with self.path.open("rb") as file:
            found = list(scan(file.read(self.size)))
        records = [piece for piece in found if isinstance(piece, Record)]
        return records, [piece for piece in found if isinstance(piece, Damage)]


def token(name: str, records: Iterable[Record]) -> str:
    """The deduplication token of one insert: the same for the same records of the same segment, and for no others."""
    content = hashlib.sha256(name.encode())
    for record in records:
        content.update(header(record))
    return f"{name}-{content.hexdigest()[:32]}"


def reopen(signal: str, path: Path) -> Segment:
    """A segment that an earlier process left behind, sealed as it is."""
    data = path.read_bytes()
    records = [piece for piece in scan(data) if isinstance(piece, Record)]
    return Segment(signal, path, len(data), tuple(r.digest for r in records), sum(r.items for r in records))


class SegmentWriter:
    """The open end of the spool for one signal. Not thread-safe: the spool's commit lock guards it.

    Args:
        signal: whose records.
        path: the file to be made.
        opened_at_s: now, on the spool's monotonic clock.
        is_synced: whether what is appended has to survive a loss of power, and not only of this process.
    """

    def __init__(self, signal: str, path: Path, opened_at_s: float, *, is_synced: bool = True) -> None:
        self._signal = signal
        self._is_synced = is_synced
        self._path = path
        self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        self._digests: list[bytes] = []
        self._items = 0
        self.opened_at_s = opened_at_s
        self.size = 0
        try:
            self._write(SEGMENT_MAGIC)
            if is_synced:
                sync_directory(path.parent)
        except OSError:
            os.close(self._fd)
            path.unlink()
            raise
        self.size = len(SEGMENT_MAGIC)

    def append(self, records: Sequence[Record]) -> None:
        """Write and, if so asked, sync; either all of it is durable or, with OSError, none of it counts.

        After an error the segment must be sealed: what the kernel holds of it is unknown.
        """
        data = b"".join(part for record in records for part in (header(record), record.payload))
        try:
            self._write(data)
            if self._is_synced:
                os.fdatasync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)
        self._digests += [record.digest for record in records]
        self._items += sum(record.items for record in records)

    def seal(self) -> Segment | None:
        """Close the file for good. None when nothing was ever committed to it; the file is then gone."""
        os.close(self._fd)
        if not self._digests:
            self._path.unlink(missing_ok=True)
            return None
        return Segment(self._signal, self._path, self.size, tuple(self._digests), self._items)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


def sync_directory(path: Path) -> None:
    """Make creations and deletions in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
