"""How OTLP metrics become rows: one inbox, and a view for each of the five kinds of data point."""

from string import Template
from typing import Final

from watchglass_collector.inbox import (
    ATTRIBUTES,
    COMMON_PROTO,
    IS_PLAUSIBLE,
    RESOURCE,
    WITH_ORIGINAL_TIME,
    Inbox,
    InboxView,
    Redact,
    attribute_map,
    hex_id,
)

_TIMES = "start_time_unix_nano UInt64, time_unix_nano UInt64"
_EXEMPLARS = (
    f"exemplars Array(Tuple(filtered_attributes {ATTRIBUTES}, time_unix_nano UInt64, as_double Nullable(Float64), "
    "as_int Nullable(Int64), span_id String, trace_id String))"
)
_POINT = f"attributes {ATTRIBUTES}, {_TIMES}, flags UInt32"
_BUCKETS = "Tuple(offset Int32, bucket_counts Array(UInt64))"
_NUMBERS = f"data_points Array(Tuple({_POINT}, {_EXEMPLARS}, as_double Nullable(Float64), as_int Nullable(Int64)))"
_DISTRIBUTION = f"{_POINT}, {_EXEMPLARS}, count UInt64, sum Float64, min Float64, max Float64"
_METRIC = (
    f"Tuple(name String, description String, unit String, gauge Tuple({_NUMBERS}), "
    f"sum Tuple({_NUMBERS}, aggregation_temporality Int32, is_monotonic Bool), "
    f"histogram Tuple(data_points Array(Tuple({_DISTRIBUTION}, bucket_counts Array(UInt64), "
    "explicit_bounds Array(Float64))), aggregation_temporality Int32), "
    f"exponential_histogram Tuple(data_points Array(Tuple({_DISTRIBUTION}, scale Int32, zero_count UInt64, "
    f"positive {_BUCKETS}, negative {_BUCKETS})), aggregation_temporality Int32), "
    f"summary Tuple(data_points Array(Tuple({_POINT}, count UInt64, sum Float64, "
    "quantile_values Array(Tuple(quantile Float64, value Float64))))))"
)
_SCOPE = f"Tuple(name String, version String, attributes {ATTRIBUTES}, dropped_attributes_count UInt32)"

_PROTO = (
    COMMON_PROTO.replace(
        "message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; }",
        "message Scope {\n  string name = 1; string version = 2; repeated KeyValue attributes = 3; "
        "uint32 dropped_attributes_count = 4;\n}",
    )
    + """message Exemplar {
  fixed64 time_unix_nano = 2; oneof value { double as_double = 3; sfixed64 as_int = 6; } bytes span_id = 4;
  bytes trace_id = 5; repeated KeyValue filtered_attributes = 7;
}
message NumberDataPoint {
  fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
  repeated Exemplar exemplars = 5; repeated KeyValue attributes = 7; uint32 flags = 8;
}
message HistogramDataPoint {
  fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5;
  repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; repeated Exemplar exemplars = 8;
  repeated KeyValue attributes = 9; uint32 flags = 10; double min = 11; double max = 12;
}
message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
message ExponentialHistogramDataPoint {
  repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  double sum = 5; sint32 scale = 6; fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9;
  uint32 flags = 10; repeated Exemplar exemplars = 11; double min = 12; double max = 13;
}
message ValueAtQuantile { double quantile = 1; double value = 2; }
message SummaryDataPoint {
  fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5;
  repeated ValueAtQuantile quantile_values = 6; repeated KeyValue attributes = 7; uint32 flags = 8;
}
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum { repeated NumberDataPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
message Histogram { repeated HistogramDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message ExponentialHistogram {
  repeated ExponentialHistogramDataPoint data_points = 1; int32 aggregation_temporality = 2;
}
message Summary { repeated SummaryDataPoint data_points = 1; }
message Metric {
  string name = 1; string description = 2; string unit = 3; Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9;
  ExponentialHistogram exponential_histogram = 10; Summary summary = 11;
}
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message Request { repeated ResourceMetrics resource_metrics = 1; }
"""
)

_TEMPORALITY = "m.$kind.aggregation_temporality AS AggregationTemporality"
_NUMBER = "coalesce(p.as_double, toFloat64(p.as_int), 0) AS Value"
_TOTALS = "p.count AS Count, p.sum AS Sum"
_EXTREMES = "p.min AS Min, p.max AS Max"
_KINDS: Final = {
    "gauge": (_NUMBER, "$exemplars"),
    "sum": (_NUMBER, "$exemplars", _TEMPORALITY, "m.sum.is_monotonic AS IsMonotonic"),
    "histogram": (
        _TOTALS, "p.bucket_counts AS BucketCounts, p.explicit_bounds AS ExplicitBounds", "$exemplars", _EXTREMES,
        _TEMPORALITY,
    ),
    "exponential_histogram": (
        _TOTALS, "p.scale AS Scale, p.zero_count AS ZeroCount",
        "p.positive.offset AS PositiveOffset, p.positive.bucket_counts AS PositiveBucketCounts",
        "p.negative.offset AS NegativeOffset, p.negative.bucket_counts AS NegativeBucketCounts", "$exemplars",
        _EXTREMES, _TEMPORALITY,
    ),
    "summary": (
        _TOTALS, "p.quantile_values.quantile AS `ValueAtQuantiles.Quantile`",
        "p.quantile_values.value AS `ValueAtQuantiles.Value`",
    ),
}  # fmt: skip
"""Kind of data point and the columns that it alone has."""

_VIEW = """CREATE MATERIALIZED VIEW otel_inbox_metrics_${kind}_mv TO otel_metrics_$kind AS
WITH p.time_unix_nano AS time_unix_nano, $is_plausible, $attributes AS attributes
SELECT
    resource AS ResourceAttributes, resource_url AS ResourceSchemaUrl, scope.name AS ScopeName,
    scope.version AS ScopeVersion, $scope AS ScopeAttributes, scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope_url AS ScopeSchemaUrl, resource['service.name'] AS ServiceName, m.name AS MetricName,
    m.description AS MetricDescription, m.unit AS MetricUnit, $with_original_time AS Attributes,
    fromUnixTimestamp64Nano(toInt64(p.start_time_unix_nano)) AS StartTimeUnix,
    if(is_plausible, fromUnixTimestamp64Nano(toInt64(time_unix_nano)), now64(9)) AS TimeUnix, p.flags AS Flags,
    $columns
FROM (SELECT resource, resource_url, scope, scope_url, m, arrayJoin(m.$kind.data_points) AS p FROM
     (SELECT resource, resource_url, sm.scope AS scope, sm.schema_url AS scope_url, arrayJoin(sm.metrics) AS m FROM
     (SELECT $resource AS resource, rm.schema_url AS resource_url, arrayJoin(rm.scope_metrics) AS sm FROM
     (SELECT arrayJoin(resource_metrics) AS rm FROM otel_inbox_metrics))))"""

_EXEMPLAR_COLUMNS = Template("""
    arrayMap(a -> $nested, p.exemplars.filtered_attributes) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), p.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap((d, i) -> coalesce(d, toFloat64(i), 0), p.exemplars.as_double, p.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(i -> $span_id, p.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(i -> $trace_id, p.exemplars.trace_id) AS `Exemplars.TraceId`""")


def _views(redact: Redact) -> tuple[InboxView, ...]:
    exemplars = _EXEMPLAR_COLUMNS.substitute(
        nested=attribute_map("a", redact), span_id=hex_id("i", 8), trace_id=hex_id("i", 16)
    )
    texts = {
        "is_plausible": IS_PLAUSIBLE,
        "attributes": attribute_map("p.attributes", redact),
        "scope": attribute_map("scope.attributes", redact),
        "with_original_time": WITH_ORIGINAL_TIME,
        "resource": attribute_map("rm.resource.attributes", redact),
    }
    made = []
    for kind, parts in _KINDS.items():
        columns = Template(", ".join(parts)).substitute(exemplars=exemplars, kind=kind)
        statement = Template(_VIEW).substitute(texts, kind=kind, columns=columns)
        made.append(InboxView(f"otel_inbox_metrics_{kind}_mv", f"otel_metrics_{kind}", statement))
    return tuple(made)


METRICS: Final = Inbox(
    table="otel_inbox_metrics",
    proto=_PROTO,
    ddl=(
        f"CREATE TABLE otel_inbox_metrics (resource_metrics Array(Tuple(resource {RESOURCE}, schema_url String, "
        f"scope_metrics Array(Tuple(scope {_SCOPE}, schema_url String, metrics Array({_METRIC})))))) ENGINE = Null"
    ),
    views=_views,
)
