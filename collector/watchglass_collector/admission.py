"""What a request must be before it is spooled: a list of small stages, none of which touches a healthy span in Python.

Each stage takes a batch and returns it, changed or not, or raises `Refused`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.message import DecodeError

from watchglass_collector import wire
from watchglass_collector.errors import Refusal, Refused
from watchglass_collector.framing import exceeds
from watchglass_collector.nested import flatten_values
from watchglass_collector.signals import Signal

_ONLY_VALID_SPANS: Final = re.compile(rb"(?:\x12\x1c\x0a\x10(?!\x00{16}).{16}\x12\x08(?!\x00{8}).{8})*", re.DOTALL)
"""A scope whose spans have valid ids and nothing else, as `wire.Shape.ids` serializes it."""
_COUNT_FIRST_ABOVE_BYTES: Final = 1024**2
"""Below this, the C parser cannot take much memory for counting, whatever the bytes are."""
_INVALID_IDS: Final = "a trace_id must be 16 bytes and a span_id 8, not all of them zero"


@dataclass(frozen=True, slots=True)
class Batch:
    """One request on its way to the spool."""

    signal: Signal
    payload: bytes
    """A serialized Export*ServiceRequest."""
    items: int = 0
    """Spans, log records or data points to be stored."""
    rejected: int = 0
    """Items left out for good, with `warning` saying why."""
    warning: str = ""


Stage = Callable[[Batch], Batch]


def stages(max_items: int) -> Sequence[Stage]:
    """What every request goes through, in order."""

    def bounded(batch: Batch) -> Batch:
        return count_items(batch, max_items)

    return (bounded, check_values)


def count_items(batch: Batch, max_items: int) -> Batch:
    """Count spans or log records, refuse too many, leave out spans whose ids are invalid."""
    shape = batch.signal.shape
    too_many = Refused(Refusal.TOO_LARGE, f"more than {max_items} {shape.counted} in one request")
    if len(batch.payload) > _COUNT_FIRST_ABOVE_BYTES and exceeds(batch.payload, max_items, shape.path):
        raise too_many
    request = _parse(shape.ids, batch)
    envelopes = getattr(request, shape.resources)
    if len(envelopes) > max_items:
        raise too_many
    items, are_valid = 0, True
    for envelope in envelopes:
        scopes = getattr(envelope, shape.scopes)
        if len(scopes) > max_items:
            raise too_many
        for scope in scopes:
            items += _count(getattr(scope, shape.items), max_items)
            if batch.signal.needs_ids and are_valid:
                scope.DiscardUnknownFields()
                are_valid = _ONLY_VALID_SPANS.fullmatch(scope.SerializeToString()) is not None
        if items > max_items:
            raise too_many
    batch = replace(batch, items=items)
    return batch if are_valid else _leave_out_invalid_ids(batch)


def _count(items: Sequence[Any], enough: int) -> int:
    """Spans, log records, or data points of metrics. More than `enough` metrics are too many whatever they hold."""
    if len(items) > enough or not hasattr(items[0] if items else None, wire.POINTS[0]):
        return len(items)
    return sum(len(getattr(metric, kind).data_points) for metric in items for kind in wire.POINTS)


def _leave_out_invalid_ids(batch: Batch) -> Batch:
    shape = batch.signal.shape
    request = _parse(shape.full, batch)
    rejected = 0
    for envelope in getattr(request, shape.resources):
        for scope in getattr(envelope, shape.scopes):
            items = getattr(scope, shape.items)
            valid = [item for item in items if _has_valid_ids(item)]
            rejected += len(items) - len(valid)
            if len(valid) < len(items):
                del items[:]
                items.extend(valid)
    warning = f"{rejected} {shape.items} rejected: {_INVALID_IDS}"
    return replace(
        batch,
        payload=request.SerializeToString(),
        items=batch.items - rejected,
        rejected=batch.rejected + rejected,
        warning=f"{warning}; {batch.warning}" if batch.warning else warning,
    )


def _has_valid_ids(span: Any) -> bool:
    return len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id)


def check_values(batch: Batch) -> Batch:
    """Refuse what is not protobuf or holds text that is not UTF-8; replace nested values by their JSON text."""
    if not _has_nested_values(_parse(batch.signal.shape.merged, batch)):
        return batch
    request = _parse(batch.signal.shape.full, batch)
    flatten_values(request)
    return replace(batch, payload=request.SerializeToString())


def _has_nested_values(merged: Any) -> bool:
    """Whether any value in a merged request is a map, or an array that holds maps or arrays."""
    if hasattr(merged, "resource_logs"):
        envelope = merged.resource_logs
        scope = envelope.scope_logs
        values = [scope.log_records.body, scope.log_records.attributes.value]
    elif hasattr(merged, "resource_metrics"):
        envelope = merged.resource_metrics
        scope = envelope.scope_metrics
        points = [getattr(scope.metrics, kind).data_points for kind in wire.POINTS]
        values = [point.attributes.value for point in points]
        values += [point.exemplars.filtered_attributes.value for point in points if hasattr(point, "exemplars")]
    else:
        envelope = merged.resource_spans
        scope = envelope.scope_spans
        values = [holder.attributes.value for holder in (scope.spans, scope.spans.events, scope.spans.links)]
    values += [scope.scope.attributes.value, envelope.resource.attributes.value]
    return any(
        value.HasField("kvlist_value")
        or value.array_value.values.HasField("kvlist_value")
        or value.array_value.values.HasField("array_value")
        for value in values
    )


def _parse(message: type[Any], batch: Batch) -> Any:
    try:
        return message.FromString(batch.payload)
    except DecodeError as error:
        raise Refused(Refusal.MALFORMED, f"not a valid OTLP {batch.signal.name} request: {error}") from None
