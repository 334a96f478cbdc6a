"""Attribute values that no column can hold become their JSON text, as the official exporter stores them.

Only requests in which `admission` saw such a value come here, so this may walk them in Python.
"""

import base64
import math
from collections.abc import Iterable
from typing import Any

import orjson

_NESTED = {"array_value", "kvlist_value"}


def flatten_values(request: Any) -> None:
    """Replace, in place, every map and every array that holds maps or arrays by its JSON text.

    Args:
        request: an official Export*ServiceRequest of traces or logs.
    """
    for envelope in (*getattr(request, "resource_spans", ()), *getattr(request, "resource_logs", ())):
        _flatten_attributes(envelope.resource.attributes)
        for scope in (*getattr(envelope, "scope_spans", ()), *getattr(envelope, "scope_logs", ())):
            _flatten_attributes(scope.scope.attributes)
            for span in getattr(scope, "spans", ()):
                _flatten_attributes(span.attributes)
                for annotation in (*span.events, *span.links):
                    _flatten_attributes(annotation.attributes)
            for log_record in getattr(scope, "log_records", ()):
                _flatten(log_record.body)
                _flatten_attributes(log_record.attributes)


def _flatten_attributes(attributes: Iterable[Any]) -> None:
    for attribute in attributes:
        _flatten(attribute.value)


def _flatten(value: Any) -> None:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value" or (
        kind == "array_value" and any(element.WhichOneof("value") in _NESTED for element in value.array_value.values)
    ):
        value.string_value = orjson.dumps(_plain(value)).decode()


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
