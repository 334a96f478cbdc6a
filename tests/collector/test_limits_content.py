import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.admission import Batch
from watchglass_collector.errors import Refusal, Refused
from watchglass_collector.limits_content import ContentLimits, survey_stage
from watchglass_collector.signals import LOGS, TRACES

MakeTraces = Callable[..., ExportTraceServiceRequest]
STAGE = survey_stage(ContentLimits(value_bytes=10_000, parts=50_000), max_items=1000)


def first(request: Any) -> Any:
    return request.resource_spans[0].scope_spans[0].spans[0]


def cut(request: ExportTraceServiceRequest) -> tuple[Any, str]:
    batch = STAGE(Batch(TRACES, request.SerializeToString()))
    return ExportTraceServiceRequest.FromString(batch.payload), batch.warning


def test_what_is_within_the_limits_passes_byte_for_byte(make_traces: MakeTraces) -> None:
    request = make_traces(500)
    span = first(request)
    span.flags = 257
    span.attributes.add(key="k" * 255).value.string_value = "\n\x0a\xc3\x28" * 1000
    for number in range(1000):
        span.attributes.add(key=f"a{number}").value.int_value = -number
        span.events.add(name="e").attributes.add(key="x").value.double_value = 0.5
    body = request.SerializeToString()
    batch = STAGE(Batch(TRACES, body))
    assert (batch.payload is body, batch.warning) == (True, "")


def test_a_long_value_keeps_its_beginning_its_length_and_its_hash(make_traces: MakeTraces) -> None:
    request = make_traces(2)
    text = "é" * 10_000
    first(request).attributes.add(key="prompt").value.string_value = text
    result, warning = cut(request)
    value = first(result).attributes[0].value.string_value
    assert value.startswith("é" * 5000 + "\n[cut by watchglass: 20000 bytes")
    assert hashlib.sha256(text.encode()).hexdigest() in value
    assert "1 values cut" in warning
    assert len(result.resource_spans[0].scope_spans[0].spans) == 2


def test_many_attributes_events_and_links(make_traces: MakeTraces) -> None:
    request = make_traces(1)
    span = first(request)
    for number in range(2000):
        span.attributes.add(key=f"a{number}").value.int_value = number
        span.events.add(name="e")
        span.links.add(trace_id=b"x" * 16)
    result, warning = cut(request)
    span = first(result)
    assert [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count] == [976] * 3
    assert (len(span.events), len(span.links), span.attributes[1023].key) == (1024, 1024, "a1023")
    kept = {attribute.key: attribute.value.int_value for attribute in span.attributes[1024:]}
    assert kept == {f"watchglass.dropped_{kind}_count": 976 for kind in ("attributes", "events", "links")}
    assert "976 events dropped" in warning


def test_a_long_key_is_cut(make_traces: MakeTraces) -> None:
    request = make_traces(1)
    first(request).attributes.add(key="ü" * 5000).value.int_value = 1
    request.resource_spans[0].resource.attributes.add(key="r" * 10_000)
    result, warning = cut(request)
    assert first(result).attributes[0].key == "ü" * 128
    assert result.resource_spans[0].resource.attributes[1].key == "r" * 256
    assert "2 keys cut" in warning


def test_a_long_array_is_text(make_traces: MakeTraces) -> None:
    request = make_traces(1)
    values = first(request).attributes.add(key="many").value.array_value.values
    for _ in range(40_000):
        values.add()
    result, _ = cut(request)
    assert first(result).attributes[0].value.string_value.startswith("[null,null,")


def test_a_long_log_body() -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "x" * 20_000
    batch = STAGE(Batch(LOGS, request.SerializeToString()))
    assert "values cut" in batch.warning
    assert len(batch.payload) < 11_000


def frame(tag: int, content: bytes) -> bytes:
    size, length = b"", len(content)
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([tag]) + size + bytes([length]) + content


@pytest.mark.parametrize("part", [b"\x4a\x00", b"\x5a\x00", b"\x6a\x00", frame(0x5A, b"\x1a\x00" * 6000)])
def test_more_parts_than_allowed_are_refused_before_they_are_read(part: bytes) -> None:
    body = frame(0x0A, frame(0x12, frame(0x12, part * 60_000 if len(part) < 9 else part * 20)))
    with pytest.raises(Refused, match="50000 attributes") as raised:
        STAGE(Batch(TRACES, body))
    assert raised.value.refusal is Refusal.TOO_LARGE


@pytest.mark.parametrize("body", [b"\x8a\x00\x00", b"\x0b\x0c", b"\x0a", b"\x0a\xff", b"\xff\xff\xff"])
def test_what_hides_or_is_broken_is_malformed(body: bytes) -> None:
    with pytest.raises(Refused) as raised:
        STAGE(Batch(TRACES, body))
    assert raised.value.refusal is Refusal.MALFORMED
