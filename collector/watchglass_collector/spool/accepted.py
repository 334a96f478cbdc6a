"""Which request bodies were accepted lately, also by the processes before this one.

A client whose answer got lost sends the same bytes again; they must be acknowledged and not stored twice. Digests of
requests that are still in a segment are found there; those of inserted ones are kept in small files, newest last.
"""

import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from watchglass_collector.spool.record import DIGEST_BYTES

_ENTRY: Final = struct.Struct(f"<q{DIGEST_BYTES}s")
_MAX_ENTRIES: Final = 250_000
"""About 40 MB of memory, 12 MB of disk; past it the oldest are forgotten early."""
_MAX_FILES: Final = 64


class AcceptedDigests:
    """A set that forgets: by age, and by number so that memory is bounded. Not thread-safe.

    Args:
        directory: where the files are.
        window_s: how long a digest is known.
        clock: wall time in nanoseconds.
        max_entries: how many are known at most.
    """

    def __init__(
        self, directory: Path, window_s: float, clock: Callable[[], int], *, max_entries: int = _MAX_ENTRIES
    ) -> None:
        self._directory = directory
        self._window_ns = int(window_s * 1e9)
        self._clock = clock
        self._max_entries = max_entries
        self._known: dict[bytes, int] = {}
        directory.mkdir(parents=True, exist_ok=True)
        self._files = sorted(directory.glob("*.digests"))
        self._entries_in_newest = max_entries
        for file in self._files:
            data = file.read_bytes()
            for at_ns, digest in _ENTRY.iter_unpack(data[: len(data) // _ENTRY.size * _ENTRY.size]):
                self._known[digest] = at_ns
        self._forget()

    def __contains__(self, digest: bytes) -> bool:
        at_ns = self._known.get(digest)
        return at_ns is not None and at_ns > self._clock() - self._window_ns

    def __len__(self) -> int:
        return len(self._known)

    def add(self, digest: bytes) -> None:
        """Remember one whose record is durable in a segment."""
        self._known.pop(digest, None)
        self._known[digest] = self._clock()
        self._forget()

    def persist(self, digests: Iterable[bytes]) -> None:
        """Make durable those whose segment is about to be deleted."""
        now_ns = self._clock()
        data = b"".join(_ENTRY.pack(self._known.get(digest, now_ns), digest) for digest in digests)
        if self._entries_in_newest * 2 >= self._max_entries:
            self._start_file(now_ns)
        fd = os.open(self._files[-1], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(fd, data)
            os.fdatasync(fd)
        finally:
            os.close(fd)
        self._entries_in_newest += len(data) // _ENTRY.size

    def _start_file(self, now_ns: int) -> None:
        """Go on in a new file; delete those that hold nothing to remember any more."""
        start_ns = max(now_ns, int(self._files[-1].stem) + 1) if self._files else now_ns
        self._files.append(self._directory / f"{start_ns:020d}.digests")
        self._entries_in_newest = 0
        horizon = now_ns - self._window_ns
        while len(self._files) > 1 and (int(self._files[1].stem) < horizon or len(self._files) > _MAX_FILES):
            self._files.pop(0).unlink(missing_ok=True)

    def _forget(self) -> None:
        """Drop from memory the oldest entries: the dict is in order of acceptance."""
        horizon = self._clock() - self._window_ns
        while self._known:
            oldest = next(iter(self._known))
            if self._known[oldest] > horizon and len(self._known) <= self._max_entries:
                return
            del self._known[oldest]
