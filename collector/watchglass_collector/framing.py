"""Counting the items of a large request without building anything.

Two bytes of protobuf make an empty span and a C object of fifty: before a large request is parsed, its frames are
walked until there are too many. Traces and logs number their envelopes alike: 1, then 2, then 2.
"""

from collections.abc import Iterator
from typing import Final

_PATH: Final = (1, 2, 2)
"""Field numbers: resource envelopes in the request, scope envelopes in those, items in those."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def exceeds(request: bytes, limit: int) -> bool:
    """Whether a serialized request holds more than `limit` items and envelopes together.

    Stops as soon as it knows. What is not protobuf ends the count: the parser will say what is wrong with it.
    """
    try:
        for count, _ in enumerate(_frames(request, 0, len(request), 0), start=1):
            if count > limit:
                return True
    except IndexError:
        return False
    return False


def _frames(data: bytes, start: int, end: int, depth: int) -> Iterator[None]:
    wanted = _PATH[depth]
    position = start
    while position < end:
        tag, position = _varint(data, position)
        wire_type = tag & 7
        if wire_type == _BYTES:
            length, position = _varint(data, position)
            if tag >> 3 == wanted:
                yield
                if depth + 1 < len(_PATH):
                    yield from _frames(data, position, min(position + length, end), depth + 1)
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
