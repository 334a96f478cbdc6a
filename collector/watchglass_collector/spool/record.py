"""The format of a segment file: a header, then records back to back.

    header   8 bytes magic
    record   4 bytes magic | length | CRC-32 | items | 16 bytes digest | payload

Integers are 4 bytes, little endian. The CRC covers items, digest and payload. A damaged region is skipped by looking
for the next record that checks.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

SEGMENT_MAGIC: Final = b"WGSPOOL1"
_RECORD_MAGIC: Final = b"WGR1"
_HEADER: Final = struct.Struct("<4sIII16s")
_CHECKED: Final = struct.Struct("<I16s")
DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Record:
    """One accepted request."""

    digest: bytes
    """16 bytes that identify the request body as the client sent it."""
    items: int
    """Spans or log records in the payload."""
    payload: bytes | memoryview
    """What is inserted."""
    checksum: int | None = field(default=None, compare=False)
    """CRC-32 of all of it, of a record that was read back and found sound; None = not computed yet."""

    @property
    def size(self) -> int:
        """Bytes it takes in a segment file."""
        return _HEADER.size + len(self.payload)


@dataclass(frozen=True, slots=True)
class Damage:
    """A region of a segment file in which no record checks."""

    offset: int
    data: bytes


def header(record: Record) -> bytes:
    """The bytes that precede the payload."""
    checksum = _checksum(record) if record.checksum is None else record.checksum
    return _HEADER.pack(_RECORD_MAGIC, len(record.payload), checksum, record.items, record.digest)


def _checksum(record: Record) -> int:
    return zlib.crc32(record.payload, zlib.crc32(_CHECKED.pack(record.items, record.digest)))


def scan(data: bytes) -> Iterator[Record | Damage]:
    """Every record of a segment file in order, and the damaged regions between and after them."""
    view = memoryview(data)
    position = len(SEGMENT_MAGIC) if data.startswith(SEGMENT_MAGIC) else 0
    while position < len(data):
        record = _record_at(view, position)
        if record is not None:
            yield record
            position += record.size
            continue
        resumed = _next_record(data, view, position + 1)
        yield Damage(position, data[position:resumed])
        position = resumed


def _next_record(data: bytes, view: memoryview, position: int) -> int:
    while (position := data.find(_RECORD_MAGIC, position)) != -1:
        if _record_at(view, position) is not None:
            return position
        position += 1
    return len(data)


def _record_at(view: memoryview, position: int) -> Record | None:
    start = position + _HEADER.size
    if start > len(view):
        return None
    magic, length, checksum, items, digest = _HEADER.unpack_from(view, position)
    if magic != _RECORD_MAGIC or start + length > len(view):
        return None
    record = Record(digest, items, view[start : start + length], checksum)
    return record if _checksum(record) == checksum else None
