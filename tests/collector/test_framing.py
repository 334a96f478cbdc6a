"""Counting without parsing: what is counted, what ends it, and that nothing beside makes it long."""

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.framing import DATA_POINTS, exceeds


def traces(envelopes, spans):
    request = ExportTraceServiceRequest()
    for _ in range(envelopes):
        envelope = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.40.0")
        envelope.resource.attributes.add(key="service.name").value.string_value = "shop"
        scope = envelope.scope_spans.add(schema_url=envelope.schema_url)
        scope.scope.name = "client"
        for _ in range(spans):
            scope.spans.add(name="chat", trace_id=b"t" * 16)
    return request.SerializeToString()


@pytest.mark.parametrize(("envelopes", "spans"), [(1, 100), (100, 1)])
def test_items_and_envelopes_are_counted_exactly(envelopes, spans):
    body, total = traces(envelopes, spans), envelopes * (2 + spans)
    assert not exceeds(body, total)
    assert exceeds(body, total - 1)


def test_the_points_of_metrics_are_counted_with_what_holds_them():
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s", description="d")
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, 2
    for _ in range(10):
        metric.sum.data_points.add(as_int=1)
    body = request.SerializeToString()
    assert not exceeds(body, 14, DATA_POINTS)
    assert exceeds(body, 13, DATA_POINTS)


def test_many_fields_beside_are_too_many():
    unknown = b"\x78\x00"  # field 15, 0
    assert not exceeds(unknown * 40, 10)
    assert exceeds(unknown * 41, 10)


@pytest.mark.parametrize("body", [b"\x00", b"\xff" * 3, b"\x0f", b"\x0a\xff"])
def test_what_is_not_protobuf_is_left_to_the_parser(body):
    assert not exceeds(body, 10)
