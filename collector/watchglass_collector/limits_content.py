"""How much one span or log record may hold: what is beyond is cut, said in the answer, and never a reason to refuse.

Whether anything is beyond is found on the bytes. A span of under 8 KiB cannot hold much of anything and is stepped
over; in larger ones, and in very large requests, the attributes are stepped over too. Nothing is built for it.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.message import DecodeError

from watchglass_collector.admission import Batch
from watchglass_collector.errors import Refusal, Refused
from watchglass_collector.nested import json_text

MAX_ENTRIES: Final = 1024
"""Attributes, events or links of one span."""
MAX_KEY_BYTES: Final = 256
_LOOK_INTO_BYTES: Final = 8192
_LOOK_INTO_ALL_ABOVE_BYTES: Final = 4 * 1024**2
_LONG_ARRAY_BYTES: Final = 64 * 1024
"""An array of more becomes text: its elements would be columns of the inbox."""
_VARINT: Final = 0
_BYTES: Final = 2
_SKIPPED_BYTES: Final = {1: 8, 5: 4}


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """The limits that can be set."""

    value_bytes: int
    """Longest attribute value or log body."""
    parts: int
    """Most attributes, events and links in a request, all together."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where a message keeps its attributes, and what holds more of them."""

    attributes: int
    holders: Mapping[int, "_Kind"]
    text: int = 0
    """A field that is a value itself."""


_RESOURCE: Final = _Kind(1, {})
_SCOPE: Final = _Kind(3, {})
_ITEMS: Final = {
    "spans": _Kind(9, {11: _Kind(3, {}), 13: _Kind(4, {})}),
    "log_records": _Kind(6, {}, text=5),
}


def survey_stage(limits: ContentLimits, max_items: int) -> Callable[[Batch], Batch]:
    """The first stage of admission: cuts traces and logs to the limits, refuses what would take too much to read."""

    def bounded(batch: Batch) -> Batch:
        kind = _ITEMS.get(batch.signal.shape.items)
        if kind is None or not _Survey(batch.payload, limits, kind, max_items).finds_excess():
            return batch
        return _cut(batch, limits)

    return bounded


class _Survey:
    """Steps over the frames of a request that may be anything."""

    def __init__(self, data: bytes, limits: ContentLimits, kind: _Kind, max_items: int) -> None:
        self._data = data
        self._limits = limits
        self._kind = kind
        self._frames_left = 4 * max_items
        self._parts = 0
        self._has_excess = False
        self._look_into = 0 if len(data) > _LOOK_INTO_ALL_ABOVE_BYTES else _LOOK_INTO_BYTES

    def finds_excess(self) -> bool:
        """Whether something may have to be cut.

        Raises:
            Refused: there are more parts than one request may have, or this is no protobuf.
        """
        try:
            self._search(0, len(self._data), 0)
        except (IndexError, KeyError):
            raise Refused(Refusal.MALFORMED, "not a valid OTLP request: broken protobuf") from None
        return self._has_excess

    def _search(self, start: int, end: int, depth: int) -> None:
        """Envelopes hold a resource (1) and scopes (2), those a scope (1) and items (2)."""
        data, look_into = self._data, self._look_into
        inner = 0x0A if depth == 0 else 0x12
        position = start
        while position < end and self._frames_left > 0:
            tag = data[position]
            size, content = _length(data, position)
            if size < 0:
                position = content
                continue
            position = content + size
            self._frames_left -= 1
            if tag == inner and depth < 2:
                self._search(content, position, depth + 1)
            elif size > look_into and depth > 0 and tag in {0x0A, 0x12}:
                outer = _RESOURCE if depth == 1 else _SCOPE
                self._look(content, position, self._kind if tag == 0x12 else outer)

    def _look(self, start: int, end: int, kind: _Kind) -> None:
        data, longest = self._data, self._limits.value_bytes
        counts: dict[int, int] = {}
        position = start
        while position < end:
            field = data[position] >> 3
            size, content = _length(data, position)
            if size < 0:
                position = content
                continue
            position = content + size
            if field == kind.attributes:
                is_large = size > longest or _is_long_key(data, content) or _is_long_array(data, content, size)
                self._has_excess = self._has_excess or is_large
            elif field in kind.holders:
                if size > self._look_into:
                    self._look(content, position, kind.holders[field])
            else:
                self._has_excess = self._has_excess or (field == kind.text and size > longest)
                continue
            count = counts[field] = counts.get(field, 0) + 1
            self._has_excess = self._has_excess or count > MAX_ENTRIES
            self._parts += 1
            if self._parts > self._limits.parts:
                too_many = f"more than {self._limits.parts} attributes, events and links in one request"
                raise Refused(Refusal.TOO_LARGE, too_many)


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Size and start of the content of a field; -1 and the start of the next field where it has no length.

    Raises:
        KeyError: a tag that no field of OTLP has, or one that hides behind empty bytes.
        IndexError: the data end.
    """
    tag = data[position]
    position += 1
    if tag > 0x7F:
        while data[position] > 0x7F:
            position += 1
        if not data[position]:
            raise KeyError(tag)
        position += 1
    wire_type = tag & 7
    if wire_type != _BYTES and wire_type != _VARINT:
        return -1, position + _SKIPPED_BYTES[wire_type]
    size = data[position]
    position += 1
    if size > 0x7F:
        size &= 0x7F
        shift = 7
        while True:
            byte = data[position]
            position += 1
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
    return (size, position) if wire_type else (-1, position)


def _is_long_key(data: bytes, content: int) -> bool:
    """Whether an attribute begins with a key of 256 bytes or more."""
    return data[content : content + 1] == b"\x0a" and data[content + 1] > 0x7F and data[content + 2] > 1


def _is_long_array(data: bytes, content: int, size: int) -> bool:
    """Whether the value of an attribute is an array of many elements."""
    if size <= _LONG_ARRAY_BYTES or data[content] != 0x0A:
        return False
    key_size, key = _length(data, content)
    value = key + key_size
    if data[value] != 0x12:
        return False
    _, value = _length(data, value)
    return data[value] == 0x2A


def _cut(batch: Batch, limits: ContentLimits) -> Batch:
    try:
        request: Any = batch.signal.shape.full.FromString(batch.payload)
    except DecodeError as error:
        raise Refused(Refusal.MALFORMED, f"not a valid OTLP {batch.signal.name} request: {error}") from None
    scissors = _Scissors(limits)
    for envelope in getattr(request, batch.signal.shape.resources):
        scissors.attributes(envelope.resource)
        for scope in getattr(envelope, batch.signal.shape.scopes):
            scissors.attributes(scope.scope)
            for item in getattr(scope, batch.signal.shape.items):
                scissors.item(item)
    if not scissors.cuts:
        return batch
    said = ", ".join(f"{count} {what}" for what, count in sorted(scissors.cuts.items()))
    warning = f"kept within the limits of this collector: {said}"
    warning = f"{batch.warning}; {warning}" if batch.warning else warning
    return replace(batch, payload=request.SerializeToString(), warning=warning)


class _Scissors:
    """Cuts messages in place and counts what it did."""

    def __init__(self, limits: ContentLimits) -> None:
        self._limits = limits
        self.cuts: Counter[str] = Counter()

    def item(self, item: Any) -> None:
        """A span or log record. How much was dropped from it is kept as attributes: there is no column for it."""
        dropped = {"attributes": self.attributes(item)}
        for kind in ("events", "links"):
            entries: Any = getattr(item, kind, ())
            dropped[kind] = len(entries) - MAX_ENTRIES
            if dropped[kind] > 0:
                del entries[MAX_ENTRIES:]
                self.cuts[f"{kind} dropped"] += dropped[kind]
                setattr(item, f"dropped_{kind}_count", getattr(item, f"dropped_{kind}_count") + dropped[kind])
            for entry in entries:
                self.attributes(entry)
        if item.DESCRIPTOR.name == "LogRecord" and item.HasField("body"):
            self._value(item.body)
        for kind, count in dropped.items():
            if count > 0:
                item.attributes.add(key=f"watchglass.dropped_{kind}_count").value.int_value = count

    def attributes(self, holder: Any) -> int:
        """Those of anything that has some; returns how many were dropped."""
        dropped = len(holder.attributes) - MAX_ENTRIES
        if dropped > 0:
            del holder.attributes[MAX_ENTRIES:]
            holder.dropped_attributes_count = min(2**32 - 1, holder.dropped_attributes_count + dropped)
            self.cuts["attributes dropped"] += dropped
        for attribute in holder.attributes:
            if len(attribute.key) * 4 > MAX_KEY_BYTES:
                key = attribute.key.encode()
                if len(key) > MAX_KEY_BYTES:
                    attribute.key = key[:MAX_KEY_BYTES].decode(errors="ignore")
                    self.cuts["keys cut"] += 1
            self._value(attribute.value)
        return max(0, dropped)

    def _value(self, value: Any) -> None:
        size = value.ByteSize()
        kind = value.WhichOneof("value")
        if kind == "array_value" and size > _LONG_ARRAY_BYTES:
            value.string_value = json_text(value)
            size, kind = value.ByteSize(), "string_value"
        if size <= self._limits.value_bytes or kind not in {"string_value", "bytes_value"}:
            return
        content = value.string_value.encode() if kind == "string_value" else value.bytes_value
        if len(content) <= self._limits.value_bytes:
            return
        kept = content[: self._limits.value_bytes].decode(errors="ignore")
        digest = hashlib.sha256(content).hexdigest()
        value.string_value = f"{kept}\n[cut by watchglass: {len(content)} bytes, sha256 {digest}]"
        self.cuts["values cut"] += 1
