"""Where bytes go that cannot be stored: never deleted by us, so that a person or a later version can look again."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from watchglass_collector.spool.record import SEGMENT_MAGIC, Damage, Record, header
from watchglass_collector.spool.segment import SUFFIX

COPY_SUFFIX: Final = ".copy"
REASON_SUFFIX: Final = ".reason"
REPLAY_FOLDER: Final = "replay"
"""Below quarantine: what is to be stored again."""


class Quarantine:
    """A folder of records the store refused (`*.segment`, with the reason beside it), of copies, and of damaged bytes.

    Writing the same thing twice leaves one copy, so that a crash between quarantine and deletion is harmless.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def keep_records(self, signal: str, segment: str, records: Sequence[Record], reason: str) -> int:
        """Keep refused records as a segment file; returns the bytes written."""
        return self._keep_records(f"{signal}-{segment}", records, reason, SUFFIX)

    def keep_copy(self, signal: str, segment: str, records: Sequence[Record], reason: str) -> int:
        """Keep a copy of records that are stored, but not everywhere; returns the bytes written."""
        return self._keep_records(f"{signal}-{segment}", records, reason, COPY_SUFFIX)

    def _keep_records(self, segment: str, records: Sequence[Record], reason: str, suffix: str) -> int:
        data = SEGMENT_MAGIC + b"".join(part for r in records for part in (header(r), r.payload))
        name = f"{segment}-{records[0].digest.hex()}"
        self._keep(f"{name}{REASON_SUFFIX}", reason.encode())
        return self._keep(f"{name}{suffix}", data)

    def keep_damage(self, signal: str, segment: str, damage: Damage) -> int:
        """Keep bytes that no longer check; returns the bytes written."""
        return self._keep(f"{signal}-{segment}-{damage.offset}.damaged", damage.data)

    def _keep(self, name: str, data: bytes) -> int:
        path = self._directory / name
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        return len(data)

    def take_replay(self, signal: str, to: Path) -> bool:
        """Move one segment that is to be stored again; whether there was one."""
        for path in sorted((self._directory / REPLAY_FOLDER).glob(f"{signal}-*{SUFFIX}")):
            path.replace(to)
            return True
        return False

    def size(self) -> int:
        """Bytes on disk."""
        total = 0
        for path in self._directory.iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        return total
