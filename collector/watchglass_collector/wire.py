"""OTLP message classes for each job, all derived from the official descriptors.

Three readings of one wire format, so that protobuf's C parser answers what would otherwise cost Python per span:

* `full`: the official classes. Only requests that need repair are read with them.
* `merged`: every repeated message declared singular. Protobuf merges singular messages, so a request of any size
  becomes one message of each kind. Reading it checks the wire format and all UTF-8 at no memory beyond the bytes, and
  "does any attribute of any span hold a map?" is one `HasField`.
* `ids`: nothing but envelopes, items and their ids, to count items and to find malformed ids.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from watchglass_collector.framing import DATA_POINTS, ITEMS, FramePath

_MODULES: Final = (
    common_pb2,
    resource_pb2,
    trace_pb2,
    logs_pb2,
    metrics_pb2,
    trace_service_pb2,
    logs_service_pb2,
    metrics_service_pb2,
)
_COMMON: Final = ".opentelemetry.proto.common.v1"
POINTS: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
"""Fields of a Metric, one of which holds its data points."""
_Field = descriptor_pb2.FieldDescriptorProto


@dataclass(frozen=True, slots=True)
class Shape:
    """The message classes and field names of one signal."""

    full: type[Message]
    """The official Export*ServiceRequest."""
    merged: type[Message]
    """The same with every repeated message merged into one."""
    ids: type[Message]
    """Envelopes, items and ids only."""
    response: type[Message]
    """The official Export*ServiceResponse."""
    resources: str
    """Field of the request that repeats the resource envelopes."""
    scopes: str
    """Field of a resource envelope that repeats the scope envelopes."""
    items: str
    """Field of a scope envelope that repeats spans, log records or metrics."""
    path: FramePath
    """Field numbers that lead to what is counted."""
    counted: str
    """What is counted and stored as a row, in words."""
    rejected: str
    """Field of the response's partial_success that counts what was not taken."""


def _keep_fields(message: descriptor_pb2.DescriptorProto, names: tuple[str, ...]) -> None:
    kept = [field for field in message.field if field.name in names]
    for field in kept:
        field.ClearField("oneof_index")
        field.ClearField("proto3_optional")
    del message.oneof_decl[:]
    del message.field[:]
    message.field.extend(kept)


def _merge(message: descriptor_pb2.DescriptorProto) -> None:
    """Declare what repeats as singular, and what can only be one of several as independent."""
    for field in message.field:
        field.ClearField("oneof_index")
        field.ClearField("proto3_optional")
        if field.type == _Field.TYPE_MESSAGE:
            field.label = _Field.LABEL_OPTIONAL
    del message.oneof_decl[:]
    for nested in message.nested_type:
        _merge(nested)


def _merge_any_value(common: descriptor_pb2.FileDescriptorProto) -> None:
    """Cut the recursion of AnyValue: what is deeper than an array of scalars is only seen to be there."""
    messages = {message.name: message for message in common.message_type}
    common.message_type.add().name = "Nested"
    element = common.message_type.add()
    element.CopyFrom(messages["AnyValue"])
    element.name = "Element"
    for field in element.field:
        if field.name in {"array_value", "kvlist_value"}:
            field.type_name = f"{_COMMON}.Nested"
    for field in messages["AnyValue"].field:
        if field.name == "kvlist_value":
            field.type_name = f"{_COMMON}.Nested"
    messages["ArrayValue"].field[0].type_name = f"{_COMMON}.Element"


def _merged_file(file: descriptor_pb2.FileDescriptorProto) -> None:
    for message in file.message_type:
        _merge(message)
        if message.name == "Resource":
            _keep_fields(message, ("attributes", "dropped_attributes_count"))
    if file.package == _COMMON.removeprefix("."):
        _merge_any_value(file)


def _ids_file(file: descriptor_pb2.FileDescriptorProto) -> None:
    kept = {
        "Span": ("trace_id", "span_id"),
        "LogRecord": (),
        "ScopeSpans": ("spans",),
        "ScopeLogs": ("log_records",),
        "ResourceSpans": ("scope_spans",),
        "ResourceLogs": ("scope_logs",),
        "Metric": POINTS,
        "NumberDataPoint": (),
        "HistogramDataPoint": (),
        "ExponentialHistogramDataPoint": (),
        "SummaryDataPoint": (),
        "ScopeMetrics": ("metrics",),
        "ResourceMetrics": ("scope_metrics",),
    }
    for message in file.message_type:
        if message.name in kept:
            _keep_fields(message, kept[message.name])


def _pool(edit: Callable[[descriptor_pb2.FileDescriptorProto], None]) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in _MODULES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        edit(file)
        pool.Add(file)
    return pool


def _from(pool: descriptor_pool.DescriptorPool, official: type[Message]) -> type[Message]:
    descriptor: Any = pool.FindMessageTypeByName(official.DESCRIPTOR.full_name)
    return message_factory.GetMessageClass(descriptor)


_MERGED: Final = _pool(_merged_file)
_IDS: Final = _pool(_ids_file)

TRACES: Final = Shape(
    full=trace_service_pb2.ExportTraceServiceRequest,
    merged=_from(_MERGED, trace_service_pb2.ExportTraceServiceRequest),
    ids=_from(_IDS, trace_service_pb2.ExportTraceServiceRequest),
    response=trace_service_pb2.ExportTraceServiceResponse,
    resources="resource_spans",
    scopes="scope_spans",
    items="spans",
    path=ITEMS,
    counted="spans",
    rejected="rejected_spans",
)
LOGS: Final = Shape(
    full=logs_service_pb2.ExportLogsServiceRequest,
    merged=_from(_MERGED, logs_service_pb2.ExportLogsServiceRequest),
    ids=_from(_IDS, logs_service_pb2.ExportLogsServiceRequest),
    response=logs_service_pb2.ExportLogsServiceResponse,
    resources="resource_logs",
    scopes="scope_logs",
    items="log_records",
    path=ITEMS,
    counted="log records",
    rejected="rejected_log_records",
)
METRICS: Final = Shape(
    full=metrics_service_pb2.ExportMetricsServiceRequest,
    merged=_from(_MERGED, metrics_service_pb2.ExportMetricsServiceRequest),
    ids=_from(_IDS, metrics_service_pb2.ExportMetricsServiceRequest),
    response=metrics_service_pb2.ExportMetricsServiceResponse,
    resources="resource_metrics",
    scopes="scope_metrics",
    items="metrics",
    path=DATA_POINTS,
    counted="data points",
    rejected="rejected_data_points",
)
