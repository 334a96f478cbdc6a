"""Counting the items of a large request without building anything.

Two bytes of protobuf make an empty span and a C object of fifty: before a large request is parsed, its frames are
walked until there are too many.
"""

from collections.abc import Iterator
from typing import Final

FramePath = tuple[frozenset[int], ...]
"""Field numbers at each depth of what is counted and of what holds it."""
ITEMS: Final[FramePath] = (frozenset({1}), frozenset({2}), frozenset({2}))
"""Resource envelopes in the request, scope envelopes in those, spans, log records or metrics in those."""
DATA_POINTS: Final[FramePath] = (*ITEMS, frozenset({5, 7, 9, 10, 11}), frozenset({1}))
"""Below that, what holds the points of each kind of metric, and the points."""
_FIELDS_BESIDE: Final = 4
"""For each that is counted: an envelope has a resource or scope and a URL, a metric a name, a unit and two more."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def exceeds(request: bytes, limit: int, path: FramePath = ITEMS) -> bool:
    """Whether a serialized request holds more than `limit` items and envelopes together.

    Stops as soon as it knows. What is not protobuf ends the count: the parser will say what is wrong with it. Fields
    beside them are stepped over, up to four times the limit, which is more than anything real has: 64 MiB of unknown
    ones, 64 KiB with gzip, took 18 seconds.
    """
    counted = beside = 0
    try:
        for is_counted in _frames(request, 0, len(request), path):
            counted += is_counted
            beside += not is_counted
            if counted > limit or beside > _FIELDS_BESIDE * limit:
                return True
    except IndexError:
        return False
    return False


def _frames(data: bytes, start: int, end: int, path: FramePath) -> Iterator[bool]:
    """Each field at the depths of a path, and whether it is one that is counted."""
    wanted, deeper = path[0], path[1:]
    position = start
    while position < end:
        tag, position = _varint(data, position)
        wire_type, field = tag & 7, tag >> 3
        if field == 0:
            return
        is_counted = wire_type == _BYTES and field in wanted
        yield is_counted
        if wire_type == _BYTES:
            length, position = _varint(data, position)
            if is_counted and deeper:
                yield from _frames(data, position, min(position + length, end), deeper)
            position += length
        elif wire_type == _VARINT:
            _, position = _varint(data, position)
        elif wire_type == _FIXED64:
            position += 8
        elif wire_type == _FIXED32:
            position += 4
        else:
            return


def _varint(data: bytes, position: int) -> tuple[int, int]:
    byte = data[position]
    position += 1
    if byte < 0x80:
        return byte, position
    value, shift = byte & 0x7F, 7
    while shift < 70:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return value, position
