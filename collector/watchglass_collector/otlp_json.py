"""OTLP/JSON to protobuf: parsed once, then written field by field from tables made of the official descriptors.

No message object is built, so a span costs what its text costs. Ids are hexadecimal in OTLP/JSON, in either case;
everything else is protobuf's JSON mapping, as strict as the specification: lowerCamelCase names, enums as integers,
64-bit integers as text or number, unknown fields ignored, the last of two equal keys wins.
"""

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from watchglass_collector.errors import Refusal, Refused

MAX_DEPTH: Final = 99
"""Messages within messages, as many as protobuf's own parser takes."""
_HEX_FIELDS: Final = {"trace_id", "span_id", "parent_span_id"}
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}\Z")
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?\Z")
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Write = Callable[[bytearray, Any, int], None]
"""Appends one field, tag included, to a message: output, JSON value, depth of the message."""


class _Mismatch(Exception):
    """A JSON value that the field cannot hold."""


def memory_bytes(body: bytes) -> int:
    """About what parsing a JSON text takes at most, beyond the text: a dict is 200 bytes, and may be two of JSON."""
    return 240 * body.count(b"{") + 96 * (body.count(b"[") + body.count(b","))


def to_protobuf(body: bytes, message: type[Message]) -> bytes:
    """Serialize the JSON form of an OTLP request.

    Args:
        body: UTF-8 JSON text.
        message: the official class of the request.

    Raises:
        Refused: not JSON (neither are NaN, numbers beyond a double and lone surrogates), nested too deeply, or a value
            has the wrong type; the reason names the field.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(Refusal.MALFORMED, f"not valid JSON: {error}") from None
    try:
        return bytes(_message(_fields(message.DESCRIPTOR), document, 0))
    except _Mismatch as error:
        raise Refused(Refusal.MALFORMED, f"not valid OTLP JSON: {error}") from None


def from_protobuf(message: Message) -> bytes:
    """The JSON text of a small message of ours, such as a response."""
    return orjson.dumps(MessageToDict(message))


@cache
def _fields(descriptor: Descriptor) -> Mapping[str, _Write]:
    # Filled in place, since AnyValue holds itself.
    writers: dict[str, _Write] = {}
    for field in descriptor.fields:
        writers[field.json_name] = _writer(field)
    return writers


def _message(fields: Mapping[str, _Write], value: Any, depth: int) -> bytearray:
    if type(value) is not dict:
        raise _Mismatch("an object is expected where something else is")
    if depth > MAX_DEPTH:
        raise _Mismatch(f"nested more than {MAX_DEPTH} levels deep")
    out = bytearray()
    for name, item in value.items():
        write = fields.get(name)
        if write is not None and item is not None:
            write(out, item, depth)
    return out


def _writer(field: FieldDescriptor) -> _Write:
    one = _message_writer(field) if field.type == FieldDescriptor.TYPE_MESSAGE else _scalar_writer(field)
    if not field.is_repeated:
        return one
    name = field.json_name

    def write_all(out: bytearray, items: Any, depth: int) -> None:
        if type(items) is not list:
            raise _Mismatch(f"{name} is not an array")
        for item in items:
            one(out, item, depth)

    return write_all


def _message_writer(field: FieldDescriptor) -> _Write:
    tag = _varint(field.number << 3 | _BYTES)
    descriptor = field.message_type

    def write(out: bytearray, value: Any, depth: int) -> None:
        content = _message(_fields(descriptor), value, depth + 1)
        out += tag
        out += _varint(len(content))
        out += content

    return write


def _scalar_writer(field: FieldDescriptor) -> _Write:
    name = field.json_name
    is_id = field.type == FieldDescriptor.TYPE_BYTES and field.name in _HEX_FIELDS
    wire_type, encode = _HEXADECIMAL if is_id else _SCALARS[field.type]
    tag = _varint(field.number << 3 | wire_type)

    def write(out: bytearray, value: Any, _: int) -> None:
        try:
            content = encode(value)
        except (_Mismatch, ValueError, struct.error, OverflowError):
            raise _Mismatch(f"{name} cannot be {_shown(value)}") from None
        out += tag
        if wire_type == _BYTES:
            out += _varint(len(content))
        out += content

    return write


def _shown(value: Any) -> str:
    kinds = {str: "this text", dict: "an object", list: "an array", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "this number")


def _varint(value: int) -> bytes:
    if value < 0x80:
        return value.to_bytes(1, "little")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(value: Any) -> bytes:
    if type(value) is not str:
        raise _Mismatch
    return value.encode()


def _hexadecimal(value: Any) -> bytes:
    """An id. One that is not hexadecimal becomes empty: admission then leaves out the span and counts it."""
    text = _text(value).decode()
    try:
        decoded = bytes.fromhex(text)
    except ValueError:
        return b""
    return decoded if 2 * len(decoded) == len(text) else b""


def _base64(value: Any) -> bytes:
    standard = _text(value).replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(standard + b"=" * (-len(standard) % 4), validate=True)
    except binascii.Error:
        raise _Mismatch from None


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _INTEGER.match(value):
        return int(value)
    if type(value) is float and value.is_integer():
        return int(value)
    raise _Mismatch


def _varint_between(low: int, high: int) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        number = _integer(value)
        if not low <= number <= high:
            raise _Mismatch
        return _varint(number & 0xFFFF_FFFF_FFFF_FFFF)

    return encode


def _zigzag(value: Any) -> bytes:
    number = _integer(value)
    if not -(2**31) <= number < 2**31:
        raise _Mismatch
    return _varint((number << 1 ^ number >> 31) & 0xFFFF_FFFF)


def _fixed(layout: str) -> Callable[[Any], bytes]:
    packer = struct.Struct(layout)
    return lambda value: packer.pack(_integer(value))


def _double(value: Any) -> bytes:
    if type(value) is str:
        number = _NOT_FINITE.get(value)
        if number is None:
            if not _NUMBER.match(value):
                raise _Mismatch
            number = float(value)
            if math.isinf(number):
                raise _Mismatch
        return struct.pack("<d", number)
    if type(value) is float or type(value) is int:
        return struct.pack("<d", value)
    raise _Mismatch


def _boolean(value: Any) -> bytes:
    if type(value) is not bool:
        raise _Mismatch
    return b"\x01" if value else b"\x00"


def _enum(value: Any) -> bytes:
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise _Mismatch
    return _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


_Scalar = tuple[int, Callable[[Any], bytes]]
_HEXADECIMAL: Final[_Scalar] = (_BYTES, _hexadecimal)
_SCALARS: Final[Mapping[int, _Scalar]] = {
    FieldDescriptor.TYPE_STRING: (_BYTES, _text),
    FieldDescriptor.TYPE_BYTES: (_BYTES, _base64),
    FieldDescriptor.TYPE_BOOL: (_VARINT, _boolean),
    FieldDescriptor.TYPE_ENUM: (_VARINT, _enum),
    FieldDescriptor.TYPE_INT32: (_VARINT, _varint_between(-(2**31), 2**31 - 1)),
    FieldDescriptor.TYPE_INT64: (_VARINT, _varint_between(-(2**63), 2**63 - 1)),
    FieldDescriptor.TYPE_UINT32: (_VARINT, _varint_between(0, 2**32 - 1)),
    FieldDescriptor.TYPE_UINT64: (_VARINT, _varint_between(0, 2**64 - 1)),
    FieldDescriptor.TYPE_SINT32: (_VARINT, _zigzag),
    FieldDescriptor.TYPE_FIXED32: (_FIXED32, _fixed("<I")),
    FieldDescriptor.TYPE_FIXED64: (_FIXED64, _fixed("<Q")),
    FieldDescriptor.TYPE_SFIXED64: (_FIXED64, _fixed("<q")),
    FieldDescriptor.TYPE_DOUBLE: (_FIXED64, _double),
}
