"""Metrics: every kind of data point, every column, and the metrics that real clients sent."""

import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from watchglass_collector import Collector
from watchglass_collector.admission import Batch, stages
from watchglass_collector.errors import Refused
from watchglass_collector.metrics import METRICS as INBOX
from watchglass_collector.signals import METRICS
from watchglass_collector.wire import POINTS
from watchglass_store import Store

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
NOW_NS = time.time_ns()
PROTOBUF = {"content-type": "application/x-protobuf"}
TRACE_ID, SPAN_ID = bytes(range(1, 17)), bytes(range(1, 9))


def make_request() -> tuple[ExportMetricsServiceRequest, Any]:
    request = ExportMetricsServiceRequest()
    envelope = request.resource_metrics.add(schema_url="https://schema/resource")
    envelope.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = envelope.scope_metrics.add(schema_url="https://schema/scope")
    scope.scope.name, scope.scope.version, scope.scope.dropped_attributes_count = "meter", "1.2", 3
    scope.scope.attributes.add(key="scoped").value.bool_value = True
    return request, scope.metrics


def add_point(metric: Any, kind: str, **values: Any) -> Any:
    point = getattr(metric, kind).data_points.add(
        start_time_unix_nano=NOW_NS - 5, time_unix_nano=NOW_NS, flags=1, **values
    )
    point.attributes.add(key="model").value.string_value = "gpt-4o"
    if kind != "summary":
        exemplar = point.exemplars.add(time_unix_nano=NOW_NS, as_int=9, span_id=SPAN_ID, trace_id=TRACE_ID)
        exemplar.filtered_attributes.add(key="user").value.int_value = 7
    return point


def insert(store: Store, request: ExportMetricsServiceRequest) -> None:
    store.raw_insert(INBOX.table, request.SerializeToString(), fmt="ProtobufSingle", settings=INBOX.settings())


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("gauge", {"as_int": -(2**40)}, {"Value": -float(2**40)}),
        ("gauge", {"as_double": 0.25}, {"Value": 0.25}),
        ("gauge", {}, {"Value": 0.0}),
        ("sum", {"as_int": 3}, {"Value": 3.0, "AggregationTemporality": 2, "IsMonotonic": True}),
        (
            "histogram",
            {"count": 6, "sum": 1.5, "bucket_counts": [1, 2, 3], "explicit_bounds": [0.1, 1.0], "min": 0.01, "max": 9},
            {
                "Count": 6, "Sum": 1.5, "BucketCounts": [1, 2, 3], "ExplicitBounds": [0.1, 1.0], "Min": 0.01,
                "Max": 9.0, "AggregationTemporality": 2,
            },
        ),
        (
            "exponential_histogram",
            {"count": 6, "sum": -1.5, "scale": -3, "zero_count": 4},
            {
                "Count": 6, "Sum": -1.5, "Scale": -3, "ZeroCount": 4, "PositiveOffset": -2,
                "PositiveBucketCounts": [1, 300], "NegativeOffset": 5, "NegativeBucketCounts": [2],
                "Min": 0.0, "Max": 0.0, "AggregationTemporality": 2,
            },
        ),
        (
            "summary",
            {"count": 6, "sum": 1.5},
            {"Count": 6, "Sum": 1.5, "ValueAtQuantiles.Quantile": [0.5, 0.99], "ValueAtQuantiles.Value": [1.0, 2.0]},
        ),
    ],
)  # fmt: skip
def test_every_column(viewed_store: Store, kind: str, values: dict[str, Any], expected: dict[str, Any]) -> None:
    request, metrics = make_request()
    metric = metrics.add(name="gen_ai.client.token.usage", description="Tokens", unit="{token}")
    point = add_point(metric, kind, **values)
    if "AggregationTemporality" in expected:
        getattr(metric, kind).aggregation_temporality = 2
    if kind == "sum":
        metric.sum.is_monotonic = True
    if kind == "exponential_histogram":
        point.positive.offset, point.negative.offset = -2, 5
        point.positive.bucket_counts.extend([1, 300])
        point.negative.bucket_counts.append(2)
    if kind == "summary":
        for quantile, value in ((0.5, 1.0), (0.99, 2.0)):
            point.quantile_values.add(quantile=quantile, value=value)
    insert(viewed_store, request)
    (row,) = viewed_store.query(
        f"SELECT *, toUnixTimestamp64Nano(StartTimeUnix) AS start_ns, toUnixTimestamp64Nano(TimeUnix) AS ns "
        f"FROM otel_metrics_{kind}"
    )
    common = {
        "ServiceName": "shop", "ResourceAttributes": {"service.name": "shop"}, "ScopeName": "meter",
        "ResourceSchemaUrl": "https://schema/resource", "ScopeSchemaUrl": "https://schema/scope", "ScopeVersion": "1.2",
        "ScopeAttributes": {"scoped": "true"}, "ScopeDroppedAttrCount": 3, "MetricName": metric.name,
        "MetricDescription": "Tokens", "MetricUnit": "{token}", "Attributes": {"model": "gpt-4o"}, "Flags": 1,
        "start_ns": NOW_NS - 5, "ns": NOW_NS,
    }  # fmt: skip
    exemplars = {
        "Exemplars.FilteredAttributes": [{"user": "7"}], "Exemplars.Value": [9.0],
        "Exemplars.SpanId": [SPAN_ID.hex()], "Exemplars.TraceId": [TRACE_ID.hex()],
    }  # fmt: skip
    wanted = common | expected | (exemplars if kind != "summary" else {})
    assert {name: row[name] for name in wanted} == wanted


def test_a_time_that_cannot_be_is_replaced_and_kept(viewed_store: Store) -> None:
    request, metrics = make_request()
    metrics.add(name="old").gauge.data_points.add(time_unix_nano=5, as_int=1)
    insert(viewed_store, request)
    (row,) = viewed_store.query("SELECT Attributes, TimeUnix > now() - 60 AS is_recent FROM otel_metrics_gauge")
    assert row == {"Attributes": {"watchglass.original_time_unix_nano": "5"}, "is_recent": 1}


def admit(body: bytes, max_items: int) -> Batch:
    batch = Batch(METRICS, body)
    for stage in stages(max_items):
        batch = stage(batch)
    return batch


def test_data_points_are_what_is_counted() -> None:
    request, metrics = make_request()
    for kind in POINTS:
        metric = metrics.add(name=kind)
        add_point(metric, kind)
        add_point(metric, kind)
    body = request.SerializeToString()
    assert admit(body, 10).items == 10
    assert admit(body, 10).payload == body
    with pytest.raises(Refused, match="more than 9 data points"):
        admit(body, 9)


@pytest.mark.parametrize("kind", POINTS)
def test_two_million_empty_points_are_refused(kind: str) -> None:
    request, metrics = make_request()
    getattr(metrics.add(), kind).SetInParent()
    request.resource_metrics[0].ClearField("resource")
    holder = ExportMetricsServiceRequest.DESCRIPTOR.file.pool.FindMessageTypeByName(
        "opentelemetry.proto.metrics.v1.Metric"
    )
    points = b"\x0a\x00" * 2_000_000
    body = points
    for number in (holder.fields_by_name[kind].number, 2, 2, 1):
        size, length = b"", len(body)
        while length > 0x7F:
            size += bytes([length & 0x7F | 0x80])
            length >>= 7
        body = bytes([number << 3 | 2]) + size + bytes([length]) + body
    with pytest.raises(Refused, match="more than 50000 data points"):
        admit(body, 50_000)


def test_nested_attribute_values_become_json_text() -> None:
    for kind in POINTS:
        request, metrics = make_request()
        point = add_point(metrics.add(name=kind), kind)
        point.attributes.add(key="k").value.kvlist_value.values.add(key="a").value.int_value = 1
        assert b'{"a":1}' in admit(request.SerializeToString(), 10).payload


def test_what_real_clients_sent_arrives_point_by_point(
    collector: Collector, drained: Callable[[], dict[str, int]], viewed_store: Store
) -> None:
    index = json.loads((CORPUS / "INDEX.json").read_text(encoding="utf-8"))
    wanted = {
        entry["file"]: entry["transport"]
        for entry in index
        if entry["signal"] == "metrics" and entry["transport"] in {"http/protobuf", "grpc"}
    }
    assert len(wanted) >= 20
    sent: dict[bytes, int] = {}
    with httpx.Client(base_url=collector.http_url) as client, grpc.insecure_channel(collector.grpc_target) as channel:
        export = channel.unary_unary(f"/{METRICS.grpc_service}/Export")
        for archive_path in CORPUS.glob("*.tar.xz"):
            with tarfile.open(archive_path) as archive:
                for member in archive.getmembers():
                    if member.name not in wanted:
                        continue
                    file = archive.extractfile(member)
                    assert file is not None
                    body = file.read()
                    sent[body] = admit(body, 50_000).items
                    if wanted[member.name] == "grpc":
                        assert ExportMetricsServiceResponse.FromString(export(body)).partial_success.error_message == ""
                    else:
                        assert client.post("/v1/metrics", content=body, headers=PROTOBUF).status_code == 200
    stats = drained()
    rows = sum(viewed_store.query(f"SELECT count() AS points FROM otel_metrics_{kind}")[0]["points"] for kind in POINTS)
    assert (rows, stats["stored"], stats["quarantined"]) == (sum(sent.values()), sum(sent.values()), 0)
