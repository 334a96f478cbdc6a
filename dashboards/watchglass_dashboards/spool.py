"""What waits in the collector's spool, where it is on this machine."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from watchglass_dashboards.source import Source

_MOST_FILES = 100_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """Segments that are not in the store yet."""

    segments: int
    bytes: int
    oldest_s: float | None
    """Seconds since the oldest was last written to; None = there is none."""


def spool() -> Waiting | None:
    """What waits; None where the spool is on another machine."""
    folder = Source.from_environment(os.environ).data_dir / "spool"
    return waiting(folder, time.time()) if folder.is_dir() else None


def waiting(folder: Path, now: float) -> Waiting:
    """What waits in a spool's folder, its quarantine left out.

    Args:
        folder: Of the spool.
        now: Unix time, seconds.
    """
    count, size, oldest = 0, 0, now
    for place, folders, files in os.walk(folder):
        if "quarantine" in folders:
            folders.remove("quarantine")
        for name in files[: _MOST_FILES - count]:
            try:
                status = (Path(place) / name).stat()
            except FileNotFoundError:  # it was stored meanwhile
                continue
            if name.endswith(".segment") and status.st_size:
                count, size, oldest = count + 1, size + status.st_size, min(oldest, status.st_mtime)
    return Waiting(count, size, now - oldest if count else None)
