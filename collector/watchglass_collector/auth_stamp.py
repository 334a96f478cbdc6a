"""The project of the caller's key, written into each resource of a request; what the request claims is removed."""

from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

PROJECT: Final = "watchglass.project"
"""Resource attribute that the views read first."""
_LENGTH_DELIMITED: Final = 2
_ENVELOPE_TAG: Final = 0x0A
_RESOURCE_TAG: Final = 0x0A
"""Field 1 of every Export*ServiceRequest, and field 1 of every Resource* envelope; attributes are field 1 again."""


def stamped(request: bytes, official: type[Message], project: str) -> bytes:
    """Set the resource attribute `watchglass.project` in every resource of a request.

    Only the envelopes are rewritten, as bytes, which costs one copy; a request that brings the attribute is parsed.

    Args:
        request: a serialized, valid Export*ServiceRequest.
        official: its class.
        project: the value.
    """
    if PROJECT.encode() in request:
        request = _without_claim(request, official)
    attribute = KeyValue(key=PROJECT, value=AnyValue(string_value=project)).SerializeToString()
    stamp = bytes([_RESOURCE_TAG]) + _varint(len(attribute)) + attribute
    out: list[bytes] = []
    position = 0
    while position < len(request):
        start = position
        tag, position = _read_varint(request, position)
        position, end = _content(request, tag, position)
        if tag == _ENVELOPE_TAG:
            envelope = _stamp_envelope(request[position:end], stamp)
            out += [bytes([_ENVELOPE_TAG]), _varint(len(envelope)), envelope]
        else:
            out.append(request[start:end])
        position = end
    return b"".join(out)


def _stamp_envelope(envelope: bytes, stamp: bytes) -> bytes:
    position = 0
    while position < len(envelope):
        start = position
        tag, position = _read_varint(envelope, position)
        position, end = _content(envelope, tag, position)
        if tag == _RESOURCE_TAG:
            resource = b"".join((bytes([_RESOURCE_TAG]), _varint(end - position + len(stamp)), stamp))
            return b"".join((envelope[:start], resource, envelope[position:]))
        position = end
    return b"".join((bytes([_RESOURCE_TAG]), _varint(len(stamp)), stamp, envelope))


def _without_claim(request: bytes, official: type[Message]) -> bytes:
    message: Any = official.FromString(request)
    (resources, *_) = message.DESCRIPTOR.fields
    for envelope in getattr(message, resources.name):
        kept = [attribute for attribute in envelope.resource.attributes if attribute.key != PROJECT]
        del envelope.resource.attributes[:]
        envelope.resource.attributes.extend(kept)
    return bytes(message.SerializeToString())


def _content(data: bytes, tag: int, position: int) -> tuple[int, int]:
    """Start and end of a field's content."""
    wire_type = tag & 7
    if wire_type == _LENGTH_DELIMITED:
        length, position = _read_varint(data, position)
        return position, position + length
    if wire_type == 0:
        return position, _read_varint(data, position)[1]
    return position, position + (8 if wire_type == 1 else 4)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
