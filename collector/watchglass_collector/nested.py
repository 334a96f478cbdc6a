"""Attribute values that no column can hold become their JSON text, as the official exporter stores them.

Only requests in which `admission` saw such a value come here, so this may walk them in Python.
"""

import base64
import math
from collections.abc import Iterator
from typing import Any

import orjson

_NESTED = {"array_value", "kvlist_value"}


def flatten_values(request: Any) -> None:
    """Replace, in place, every map and every array that holds maps or arrays by its JSON text.

    Args:
        request: an official Export*ServiceRequest of traces, logs or metrics.
    """
    for attributes in attribute_lists(request):
        for attribute in attributes:
            _flatten(attribute.value)
    for envelope in getattr(request, "resource_logs", ()):
        for scope in envelope.scope_logs:
            for log_record in scope.log_records:
                _flatten(log_record.body)


def attribute_lists(request: Any) -> Iterator[Any]:
    """Every list of attributes in an official Export*ServiceRequest, wherever it is."""
    for signal in ("spans", "logs", "metrics"):
        for envelope in getattr(request, f"resource_{signal}", ()):
            yield envelope.resource.attributes
            for scope in getattr(envelope, f"scope_{signal}"):
                yield scope.scope.attributes
                yield from item_attribute_lists(scope)


def item_attribute_lists(scope: Any) -> Iterator[Any]:
    """Those of the spans, log records or data points in one scope envelope, with what belongs to them."""
    for span in getattr(scope, "spans", ()):
        yield span.attributes
        for annotation in (*span.events, *span.links):
            yield annotation.attributes
    for log_record in getattr(scope, "log_records", ()):
        yield log_record.attributes
    for metric in getattr(scope, "metrics", ()):
        for point in getattr(metric, metric.WhichOneof("data") or "gauge").data_points:
            yield point.attributes
            for exemplar in getattr(point, "exemplars", ()):
                yield exemplar.filtered_attributes


def _flatten(value: Any) -> None:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value" or (
        kind == "array_value" and any(element.WhichOneof("value") in _NESTED for element in value.array_value.values)
    ):
        value.string_value = json_text(value)


def json_text(value: Any) -> str:
    """The JSON text of an AnyValue."""
    return orjson.dumps(_plain(value)).decode()


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {item.key: _plain(item.value) for item in value.kvlist_value.values}
    if kind == "array_value":
        return [_plain(element) for element in value.array_value.values]
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value" and not math.isfinite(value.double_value):
        return str(value.double_value)
    return getattr(value, kind) if kind else None
