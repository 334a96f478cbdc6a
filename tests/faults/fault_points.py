"""Where a collector can be told to kill itself: at every step between a request and its row.

Once SIGUSR1 has said so, the next pass through the step that the file `die-at` in the data directory names ends the
process.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchglass_collector import intake
from watchglass_collector.drain import Drain
from watchglass_collector.spool import Spool, segment
from watchglass_collector.spool.accepted import AcceptedDigests
from watchglass_collector.spool.segment import SegmentWriter

POINTS = (
    "before the spool is written", "half written", "before the sync", "after the sync", "before the answer",
    "before the insert", "after the insert", "before the books", "after the books", "before the digests are kept",
    "after the digests are kept", "after the segment is deleted",
)  # fmt: skip
_armed = ""


def _reach(point: str) -> None:
    if point and point == _armed:
        os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, before: str, after: str = "") -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def passing(*arguments: Any, **options: Any) -> Any:
        _reach(before)
        result = original(*arguments, **options)
        _reach(after)
        return result

    setattr(owner, name, passing)


def _half(writer: Any, data: bytes) -> None:
    if _armed == "half written":
        os.write(writer._fd, data[: len(data) // 2])
        _reach("half written")
    _write(writer, data)


_write = SegmentWriter._write


class _Os:
    """The os module as the segment sees it, with a step before and after the sync of data."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdatasync(self, fd: int) -> None:
        _reach("before the sync")
        os.fdatasync(fd)
        _reach("after the sync")


def install(data_dir: Path) -> None:
    """Put the steps in place; SIGUSR1 arms the one that `data_dir/die-at` names."""

    def arm(*_: object) -> None:
        global _armed
        _armed = (data_dir / "die-at").read_text()
        assert _armed in POINTS

    _around(SegmentWriter, "append", "before the spool is written")
    SegmentWriter._write = _half  # type: ignore[method-assign,assignment]
    segment.os = _Os()  # type: ignore[attr-defined]
    _around(intake, "_response", "before the answer")
    _around(Drain, "_insert_block", "before the insert", "after the insert")
    _around(Drain, "_enter", "before the books", "after the books")
    _around(Spool, "remove", "before the digests are kept", "after the segment is deleted")
    _around(AcceptedDigests, "persist", "", "after the digests are kept")
    signal.signal(signal.SIGUSR1, arm)
