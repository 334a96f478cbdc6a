"""How OTLP protobuf becomes rows: ClickHouse reads the bytes itself and views unnest them.

Serialized `Export*ServiceRequest` messages concatenate into one valid message, so a whole segment is one
`INSERT … FORMAT ProtobufSingle` into a Null table whose nested columns have the proto's shape. A materialized view
turns that into `otel_traces` or `otel_logs`, with the texts the OpenTelemetry Collector's clickhouseexporter writes.

The schema below is OTLP with two cuts: fields that no column holds, and `AnyValue`s deeper than an array of scalars
(ClickHouse columns cannot recurse). `watchglass_collector.admission` replaces those by JSON text beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from string import Template

_SCALARS = (
    "string_value String, bool_value Nullable(Bool), int_value Nullable(Int64), "
    "double_value Nullable(Float64), bytes_value String"
)
_ANY = f"Tuple({_SCALARS}, array_value Tuple(values Array(Tuple({_SCALARS}))))"
ATTRIBUTES = f"Array(Tuple(key String, value {_ANY}))"
RESOURCE = f"Tuple(attributes {ATTRIBUTES})"
_SCOPE = f"Tuple(name String, version String, attributes {ATTRIBUTES})"

COMMON_PROTO = """syntax = "proto3";
message Scalar {
  oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; bytes bytes_value = 7; }
}
message ArrayValue { repeated Scalar values = 1; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; bytes bytes_value = 7;
  }
}
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; }
"""  # noqa: E501


Redact = Callable[[str], str]
"""From the SQL of a text to the SQL of that text without what must not be stored."""


def keep(text: str) -> str:
    """Redact nothing."""
    return text


@dataclass(frozen=True, slots=True)
class InboxView:
    """One materialized view that unnests what comes into an inbox."""

    name: str
    rows: str
    """Name of the table that it writes."""
    statement: str
    """CREATE statement."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where one signal's bytes are inserted, and how ClickHouse is told to read them."""

    table: str
    """Name of the Null table."""
    proto: str
    """The .proto text, given with each insert as `format_schema`."""
    ddl: str
    """CREATE TABLE statement."""
    views: Callable[[Redact], tuple[InboxView, ...]]
    """The views that unnest it."""

    def settings(self) -> dict[str, str]:
        """ClickHouse settings that every insert into this inbox needs."""
        return {
            # Costs more than it saves where many wide views are planned for each insert (design/0004).
            "query_plan_merge_expressions": "0",
            "format_schema_source": "string",
            "format_schema": self.proto,
            "format_schema_message_name": "Request",
            "output_format_json_escape_forward_slashes": "0",
            "max_partitions_per_insert_block": "0",
            "async_insert": "0",
            "insert_deduplicate": "1",
            # A block is not merged before it is written: a fifth of what `llm_call_parts` costs, and rows of one key
            # meet at the next merge, or where they are read, as those of two inserts do.
            "optimize_on_insert": "0",
            # The text index is made by the next merge: 13 µs less for a call of 120 words. Search reads the new ones.
            "exclude_materialize_skip_indexes_on_insert": "idx_text",
            "deduplicate_blocks_in_dependent_materialized_views": "1",
        }


# One scalar element of an array as a JSON token. A view is planned anew for each insert, and that costs by the number
# of functions in it, so the texts below have as few as will do.
_JSON_TOKEN = """coalesce(toString(e.int_value), toString(e.double_value), toString(e.bool_value),
            toJSONString(if(notEmpty(e.bytes_value), base64Encode(e.bytes_value), e.string_value)))"""


def _text_lambda(redact: Redact) -> str:
    # An AnyValue as the text clickhouseexporter stores: scalars plain, arrays as JSON. The commonest case comes first,
    # and the lambda takes columns rather than the tuple: a third less time in all.
    array = f"concat('[', arrayStringConcat(arrayMap(e -> {_JSON_TOKEN}, a), ','), ']')"
    return f"""(s, i, d, b, y, a) -> multiIf(notEmpty(s), {redact("s")},
        notEmpty(a), {redact(array)},
        coalesce({redact("toString(i)")}, toString(d), toString(b), base64Encode(y)))"""


def attribute_map(attributes: str, redact: Redact = keep) -> str:
    """SQL: Array(KeyValue) as Map(String, String)."""
    value = f"{attributes}.value"
    return (
        f"mapFromArrays({attributes}.key, arrayMap({_text_lambda(redact)}, {value}.string_value, {value}.int_value, "
        f"{value}.double_value, {value}.bool_value, {value}.bytes_value, {value}.array_value.values))"
    )


def _text(value: str, redact: Redact) -> str:
    """SQL: one AnyValue as text."""
    columns = ("string_value", "int_value", "double_value", "bool_value", "bytes_value", "array_value.values")
    return f"arrayMap({_text_lambda(redact)}, {', '.join(f'[{value}.{column}]' for column in columns)})[1]"


# Rows outside of retention would be deleted as they are written, and a far future would never be. So a time that cannot
# be is replaced by the time of arrival, and kept as an attribute.
IS_PLAUSIBLE = """time_unix_nano BETWEEN toUInt64(toUnixTimestamp64Nano(now64(9) - INTERVAL 719 HOUR))
                     AND toUInt64(toUnixTimestamp64Nano(now64(9) + INTERVAL 1 DAY)) AS is_plausible"""
_TIMESTAMP = "if(is_plausible, fromUnixTimestamp64Nano(toInt64(time_unix_nano)), now64(9)) AS Timestamp"
_ORIGINAL_TIME = "map('watchglass.original_time_unix_nano', toString(time_unix_nano))"
WITH_ORIGINAL_TIME = f"if(is_plausible, attributes, mapConcat(attributes, {_ORIGINAL_TIME}))"


def hex_id(column: str, length: int) -> str:
    """SQL: an id as lower-case hex, '' when it has the wrong length."""
    return f"if(length({column}) = {length}, lower(hex({column})), '')"


_SPAN = (
    "Tuple(trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32, "
    f"start_time_unix_nano UInt64, end_time_unix_nano UInt64, attributes {ATTRIBUTES}, "
    f"events Array(Tuple(time_unix_nano UInt64, name String, attributes {ATTRIBUTES})), "
    f"links Array(Tuple(trace_id String, span_id String, trace_state String, attributes {ATTRIBUTES})), "
    "status Tuple(message String, code Int32))"
)

_TRACES_VIEW = Template("""CREATE MATERIALIZED VIEW otel_inbox_traces_mv TO otel_traces AS
WITH s.start_time_unix_nano AS time_unix_nano, $is_plausible, $attributes AS attributes
SELECT
    $timestamp,
    lower(hex(s.trace_id)) AS TraceId, lower(hex(s.span_id)) AS SpanId, $parent_id AS ParentSpanId,
    s.trace_state AS TraceState, $span_name AS SpanName,
    transform(s.kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    resource['service.name'] AS ServiceName, resource AS ResourceAttributes,
    ss.scope.name AS ScopeName, ss.scope.version AS ScopeVersion, $with_original_time AS SpanAttributes,
    if(s.end_time_unix_nano > s.start_time_unix_nano, s.end_time_unix_nano - s.start_time_unix_nano, 0) AS Duration,
    transform(s.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode, $status_message AS StatusMessage,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), s.events.time_unix_nano) AS `Events.Timestamp`,
    s.events.name AS `Events.Name`, arrayMap(a -> $nested, s.events.attributes) AS `Events.Attributes`,
    arrayMap(i -> $link_trace_id, s.links.trace_id) AS `Links.TraceId`,
    arrayMap(i -> $link_span_id, s.links.span_id) AS `Links.SpanId`,
    s.links.trace_state AS `Links.TraceState`, arrayMap(a -> $nested, s.links.attributes) AS `Links.Attributes`
FROM (SELECT resource, ss, arrayJoin(ss.spans) AS s FROM
     (SELECT $resource AS resource, arrayJoin(rs.scope_spans) AS ss FROM
     (SELECT arrayJoin(resource_spans) AS rs FROM otel_inbox_traces)))""")  # noqa: E501


def _traces_views(redact: Redact) -> tuple[InboxView, ...]:
    statement = _TRACES_VIEW.substitute(
        parent_id=hex_id("s.parent_span_id", 8),
        is_plausible=IS_PLAUSIBLE,
        timestamp=_TIMESTAMP,
        with_original_time=WITH_ORIGINAL_TIME,
        attributes=attribute_map("s.attributes", redact),
        status_message=redact("s.status.message"),
        span_name=redact("s.name"),
        nested=attribute_map("a", redact),
        link_trace_id=hex_id("i", 16),
        link_span_id=hex_id("i", 8),
        resource=attribute_map("rs.resource.attributes", redact),
    )
    return (InboxView("otel_inbox_traces_mv", "otel_traces", statement),)


TRACES = Inbox(
    table="otel_inbox_traces",
    views=_traces_views,
    proto=COMMON_PROTO
    + """message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4; }
message Status { string message = 2; int32 code = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  repeated Event events = 11; repeated Link links = 13; Status status = 15;
}
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Request { repeated ResourceSpans resource_spans = 1; }
""",
    ddl=(
        f"CREATE TABLE otel_inbox_traces (resource_spans Array(Tuple(resource {RESOURCE}, "
        f"scope_spans Array(Tuple(scope {_SCOPE}, spans Array({_SPAN})))))) ENGINE = Null"
    ),
)

_LOG_RECORD = (
    "Tuple(time_unix_nano UInt64, observed_time_unix_nano UInt64, severity_number Int32, severity_text String, "
    f"body {_ANY}, attributes {ATTRIBUTES}, flags UInt32, trace_id String, span_id String, event_name String)"
)

_LOGS_VIEW = Template("""CREATE MATERIALIZED VIEW otel_inbox_logs_mv TO otel_logs AS
WITH if(l.time_unix_nano > 0, l.time_unix_nano, l.observed_time_unix_nano) AS time_unix_nano, $is_plausible,
     $attributes AS attributes
SELECT
    $timestamp,
    $trace_id AS TraceId, $span_id AS SpanId, toUInt8(l.flags) AS TraceFlags,
    l.severity_text AS SeverityText, toUInt8(l.severity_number) AS SeverityNumber,
    resource['service.name'] AS ServiceName, $body AS Body,
    resource_url AS ResourceSchemaUrl, resource AS ResourceAttributes,
    sl.schema_url AS ScopeSchemaUrl, sl.scope.name AS ScopeName, sl.scope.version AS ScopeVersion,
    $scope AS ScopeAttributes, $with_original_time AS LogAttributes, l.event_name AS EventName
FROM (SELECT resource, resource_url, sl, arrayJoin(sl.log_records) AS l FROM
     (SELECT $resource AS resource, rl.schema_url AS resource_url, arrayJoin(rl.scope_logs) AS sl FROM
     (SELECT arrayJoin(resource_logs) AS rl FROM otel_inbox_logs)))""")


def _logs_views(redact: Redact) -> tuple[InboxView, ...]:
    statement = _LOGS_VIEW.substitute(
        trace_id=hex_id("l.trace_id", 16),
        span_id=hex_id("l.span_id", 8),
        body=_text("l.body", redact),
        scope=attribute_map("sl.scope.attributes", redact),
        is_plausible=IS_PLAUSIBLE,
        timestamp=_TIMESTAMP,
        with_original_time=WITH_ORIGINAL_TIME,
        attributes=attribute_map("l.attributes", redact),
        resource=attribute_map("rl.resource.attributes", redact),
    )
    return (InboxView("otel_inbox_logs_mv", "otel_logs", statement),)


LOGS = Inbox(
    table="otel_inbox_logs",
    views=_logs_views,
    proto=COMMON_PROTO
    + """message LogRecord {
  fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; int32 severity_number = 2; string severity_text = 3;
  AnyValue body = 5; repeated KeyValue attributes = 6; fixed32 flags = 8; bytes trace_id = 9; bytes span_id = 10;
  string event_name = 12;
}
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message Request { repeated ResourceLogs resource_logs = 1; }
""",
    ddl=(
        f"CREATE TABLE otel_inbox_logs (resource_logs Array(Tuple(resource {RESOURCE}, schema_url String, scope_logs "
        f"Array(Tuple(scope {_SCOPE}, schema_url String, log_records Array({_LOG_RECORD})))))) ENGINE = Null"
    ),
)
