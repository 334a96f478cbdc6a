"""The spool: what is acknowledged is on disk first.

Requests are appended to the open segment of their signal and synced in groups; only then does their future resolve. A
sealed segment is handed to the drain, which deletes it once the store has it.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from watchglass_collector.config import CollectorConfig
from watchglass_collector.errors import TryAgain
from watchglass_collector.spool.accepted import AcceptedDigests
from watchglass_collector.spool.quarantine import Quarantine
from watchglass_collector.spool.record import Record
from watchglass_collector.spool.segment import SUFFIX, Segment, SegmentWriter, reopen, sync_directory

_log = logging.getLogger("watchglass.collector")
_DEFAULT_MAX_BYTES: Final = 5 * 1024**3
_MAX_QUEUED_BYTES: Final = 128 * 1024**2
"""What may wait in memory for a slow disk."""
_REST: Final = 5
"""Segments are closed by age no sooner than this many times what an insert takes."""


class SpoolLocked(Exception):
    """Another collector has this data directory open."""


@dataclass(slots=True)
class _Stream:
    """The segments of one signal, oldest first, and the one that is being written."""

    directory: Path
    sealed: deque[Segment] = field(default_factory=deque)
    writer: SegmentWriter | None = None


@dataclass(slots=True)
class _Waiting:
    signal: str
    record: Record
    future: Future[bool]


class Spool:
    """Durable queue between receivers (any thread) and drains (one thread per signal).

    Args:
        directory: everything is kept below it; one process at a time.
        signals: names of the signals.
        config: sizes, ages and limits.
        clock: wall time in nanoseconds; names segments and ages digests.
        monotonic: seconds; ages the open segment.

    Raises:
        SpoolLocked: another process has the directory.
    """

    def __init__(
        self,
        directory: Path,
        signals: Sequence[str],
        config: CollectorConfig,
        *,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._clock = clock
        self._monotonic = monotonic
        self._is_synced = config.durability == "power"
        directory.mkdir(parents=True, exist_ok=True)
        self._lock_file = _lock(directory / "lock")
        self._max_bytes = config.spool_max_bytes or min(_DEFAULT_MAX_BYTES, shutil.disk_usage(directory).total // 10)
        self._accepted = AcceptedDigests(directory / "accepted", config.resend_window_s, clock)
        self.quarantine = Quarantine(directory / "quarantine")
        self._streams = {signal: _Stream(directory / signal) for signal in signals}
        self._bytes = self.quarantine.size()
        self._pending_items = 0
        self._replayed_items = 0
        for signal, stream in self._streams.items():
            self._recover(signal, stream)
        self._queue: list[_Waiting] = []
        self._queued_bytes = 0
        self._in_flight: dict[bytes, Future[bool]] = {}
        self._changed = threading.Condition()
        self._commit_lock = threading.Lock()
        self._closing = False
        self._is_closed = False
        self._committer = threading.Thread(target=self._commit_forever, name="spool-commit", daemon=True)
        self._committer.start()

    def _recover(self, signal: str, stream: _Stream) -> None:
        stream.directory.mkdir(exist_ok=True)
        for path in sorted(stream.directory.glob(f"*{SUFFIX}")):
            segment = reopen(signal, path)
            stream.sealed.append(segment)
            self._bytes += segment.size
            self._pending_items += segment.items
            for digest in segment.digests:
                self._accepted.add(digest)

    def find(self, digest: bytes) -> Future[bool] | None:
        """The future of an equal request that was accepted lately or is being written; None if there is none."""
        with self._changed:
            return self._find(digest)

    def _find(self, digest: bytes) -> Future[bool] | None:
        waiting = self._in_flight.get(digest)
        if waiting is not None:
            return waiting
        if digest in self._accepted:
            known: Future[bool] = Future()
            known.set_result(False)
            return known
        return None

    def append(self, signal: str, record: Record) -> Future[bool]:
        """Queue a record for the next commit.

        Returns:
            A future that resolves once the record is durable, to True, or to False when an equal request already
            was. It fails with TryAgain when the disk does.

        Raises:
            TryAgain: the spool is full, or closing.
        """
        with self._changed:
            found = self._find(record.digest)
            if found is not None:
                return found
            if self._closing:
                raise TryAgain("the collector is stopping")
            if self._bytes + self._queued_bytes + record.size > self._max_bytes:
                raise TryAgain("the spool is full: the store does not keep up", retry_after_s=5)
            if self._queued_bytes + record.size > max(_MAX_QUEUED_BYTES, record.size):
                raise TryAgain("the disk does not keep up", retry_after_s=2)
            future: Future[bool] = Future()
            self._queue.append(_Waiting(signal, record, future))
            self._queued_bytes += record.size
            self._in_flight[record.digest] = future
            self._changed.notify_all()
            return future

    def _commit_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    return
            time.sleep(self._config.commit_linger_s)
            with self._changed:
                group, self._queue = self._queue, []
            for signal in self._streams:
                waiting = [one for one in group if one.signal == signal]
                if waiting:
                    self._commit(signal, waiting)

    def _commit(self, signal: str, group: Sequence[_Waiting]) -> None:
        size = sum(one.record.size for one in group)
        failure: TryAgain | None = None
        with self._commit_lock:
            try:
                self._append_to_open(signal, [one.record for one in group])
            except OSError as error:
                _log.error("cannot write the spool: %s", error)
                failure = TryAgain("the spool cannot write to its disk", retry_after_s=5)
                with contextlib.suppress(OSError):
                    self._seal(signal)
        with self._changed:
            self._queued_bytes -= size
            for one in group:
                del self._in_flight[one.record.digest]
                if failure is None:
                    self._accepted.add(one.record.digest)
                    self._pending_items += one.record.items
            self._bytes += size if failure is None else 0
        for one in group:
            if failure is None:
                one.future.set_result(True)
            else:
                one.future.set_exception(failure)

    def _append_to_open(self, signal: str, records: Sequence[Record]) -> None:
        stream = self._streams[signal]
        if stream.writer is not None and stream.writer.size >= self._config.segment_bytes:
            self._seal(signal)
        if stream.writer is None:
            stream.writer = SegmentWriter(signal, self._new_path(stream), self._monotonic(), is_synced=self._is_synced)
        stream.writer.append(records)

    def _new_path(self, stream: _Stream) -> Path:
        return stream.directory / f"{self._clock():020d}-{os.urandom(4).hex()}{SUFFIX}"

    def _take_replay(self, signal: str) -> None:
        """Have the next segment be one from quarantine, where one is to be stored again."""
        stream = self._streams[signal]
        path = self._new_path(stream)
        if not self.quarantine.take_replay(signal, path):
            return
        segment = reopen(signal, path)
        stream.sealed.append(segment)
        with self._changed:
            self._pending_items += segment.items
            self._replayed_items += segment.items

    def _seal(self, signal: str) -> None:
        stream = self._streams[signal]
        writer, stream.writer = stream.writer, None
        segment = writer.seal() if writer is not None else None
        if segment is not None:
            stream.sealed.append(segment)

    def next_segment(self, signal: str, *, now: bool = False, took_s: float = 0.0) -> Segment | None:
        """The oldest segment to insert; None while the open one is neither old nor large enough.

        Args:
            signal: whose segment.
            now: seal the open one whatever its age.
            took_s: how long the last one took to insert. Views are planned anew for each insert, so a small one takes
                nearly as long as a large one: the open one is left open until inserts take a fifth of the time, but not
                beyond five times the age in the settings.
        """
        with self._commit_lock:
            stream = self._streams[signal]
            writer = stream.writer
            if not stream.sealed and writer is not None:
                age_s, closing_s = self._monotonic() - writer.opened_at_s, self._config.segment_age_s
                is_old = age_s >= max(closing_s, _REST * min(took_s, closing_s))
                if now or is_old or writer.size >= self._config.segment_bytes:
                    self._seal(signal)
            if not stream.sealed:
                self._take_replay(signal)
            return stream.sealed[0] if stream.sealed else None

    def remove(self, segment: Segment, *, quarantined_bytes: int = 0) -> None:
        """Delete a segment that is in the store or in quarantine; its digests stay known.

        Raises:
            SpoolLocked: the spool is closed, and its directory may be another process's by now.
        """
        with self._commit_lock:
            if self._is_closed:
                raise SpoolLocked("the spool is closed: the segment is stored again, and dropped by its token")
            self._accepted.persist(segment.digests)
            segment.path.unlink(missing_ok=True)
            if self._is_synced:
                # A segment that comes back after a loss of power would be stored again, were its token forgotten.
                sync_directory(segment.path.parent)
            self._streams[segment.signal].sealed.popleft()
        with self._changed:
            self._bytes += quarantined_bytes - segment.size
            self._pending_items -= segment.items

    def pending_items(self) -> int:
        """Spans and log records that are on disk and not in the store yet."""
        with self._changed:
            return self._pending_items

    def replayed_items(self) -> int:
        """What came back from quarantine since the start."""
        with self._changed:
            return self._replayed_items

    def close(self) -> None:
        """Commit what is queued, close the files, release the directory. What is spooled stays."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self._committer.join()
        with self._commit_lock:
            for signal in self._streams:
                self._seal(signal)
            self._is_closed = True
        os.close(self._lock_file)


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise SpoolLocked(f"another collector is using {path.parent}") from None
    return fd
