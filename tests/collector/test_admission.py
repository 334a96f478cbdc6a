import contextlib
import json
import resource
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from watchglass_collector.admission import Batch, stages
from watchglass_collector.errors import Refusal, Refused
from watchglass_collector.signals import LOGS, SIGNALS, TRACES, Signal

MakeTraces = Callable[..., ExportTraceServiceRequest]


def admit(signal: Signal, body: bytes, max_items: int = 50_000) -> Batch:
    batch = Batch(signal, body)
    for stage in stages(max_items):
        batch = stage(batch)
    return batch


def attribute_texts(batch: Batch) -> dict[str, str]:
    request = ExportTraceServiceRequest.FromString(batch.payload)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    return {attribute.key: attribute.value.string_value for attribute in attributes}


def field(number: int, content: bytes) -> bytes:
    length, size = len(content), b""
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def test_a_healthy_request_is_counted_and_passed_on_byte_for_byte(make_traces: MakeTraces) -> None:
    body = make_traces(7).SerializeToString()
    batch = admit(TRACES, body)
    assert batch.payload is body
    assert (batch.items, batch.rejected, batch.warning) == (7, 0, "")


def test_an_empty_request_is_fine() -> None:
    assert admit(TRACES, b"").items == 0
    assert admit(LOGS, b"").items == 0


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [(b"", b"12345678"), (bytes(16), b"12345678"), (b"x" * 15, b"12345678"), (b"x" * 17, b"12345678"),
     (b"x" * 16, b""), (b"x" * 16, bytes(8)), (b"x" * 16, b"1234567"), (b"x" * 32, b"12345678")],
)  # fmt: skip
def test_a_span_with_invalid_ids_is_left_out_and_its_neighbours_stay(
    make_traces: MakeTraces, trace_id: bytes, span_id: bytes
) -> None:
    request = make_traces(3)
    span = request.resource_spans[0].scope_spans[0].spans[1]
    span.trace_id, span.span_id = trace_id, span_id
    batch = admit(TRACES, request.SerializeToString())
    assert (batch.items, batch.rejected) == (2, 1)
    assert "16 bytes" in batch.warning
    kept = ExportTraceServiceRequest.FromString(batch.payload).resource_spans[0].scope_spans[0].spans
    assert all(len(span.trace_id) == 16 and any(span.span_id) for span in kept)


def test_a_log_record_needs_no_ids() -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(trace_id=b"short")
    batch = admit(LOGS, request.SerializeToString())
    assert (batch.items, batch.rejected) == (1, 0)


def test_nested_values_become_json_text_and_scalars_stay(make_traces: MakeTraces) -> None:
    request = make_traces(1)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="plain").value.string_value = "text"
    attributes.add(key="scalars").value.array_value.values.add().int_value = 1
    message = attributes.add(key="messages").value.array_value.values.add().kvlist_value.values
    message.add(key="role").value.string_value = 'us"er\u2028\x00'
    parts = message.add(key="parts").value.array_value.values
    for value in (
        AnyValue(int_value=-(2**63)),
        AnyValue(double_value=0.5),
        AnyValue(double_value=float("nan")),
        AnyValue(bool_value=False),
        AnyValue(bytes_value=b"\xff\x00"),
        AnyValue(),
    ):
        parts.add().CopyFrom(value)
    attributes.add(key="empty").value.kvlist_value.SetInParent()
    matrix = attributes.add(key="matrix").value.array_value.values.add().array_value.values
    matrix.add().int_value = 3
    texts = attribute_texts(admit(TRACES, request.SerializeToString()))
    assert texts["plain"] == "text"
    assert texts["scalars"] == ""
    expected = [{"role": 'us"er\u2028\x00', "parts": [-(2**63), 0.5, "nan", False, "/wA=", None]}]
    assert json.loads(texts["messages"]) == expected
    assert texts["empty"] == "{}"
    assert texts["matrix"] == "[[3]]"


@pytest.mark.parametrize("place", ["span", "event", "link", "scope", "resource", "body", "log"])
def test_nested_values_are_found_wherever_they_are(make_traces: MakeTraces, place: str) -> None:
    traces, logs = make_traces(2), ExportLogsServiceRequest()
    envelope = traces.resource_spans[0]
    span = envelope.scope_spans[0].spans[1]
    record = logs.resource_logs.add().scope_logs.add().log_records.add()
    holders: dict[str, Any] = {
        "span": span, "event": span.events.add(), "link": span.links.add(), "scope": envelope.scope_spans[0].scope,
        "resource": envelope.resource, "log": record,
    }  # fmt: skip
    value = record.body if place == "body" else holders[place].attributes.add(key="k").value
    value.kvlist_value.values.add(key="a").value.int_value = 1
    request: Any = logs if place in {"body", "log"} else traces
    signal = LOGS if place in {"body", "log"} else TRACES
    batch = admit(signal, request.SerializeToString())
    assert b'{"a":1}' in batch.payload
    assert admit(signal, batch.payload).payload is batch.payload


@pytest.mark.parametrize(("depth", "is_accepted"), [(40, True), (60, False), (10_000, False)])
def test_deep_values(make_traces: MakeTraces, depth: int, is_accepted: bool) -> None:
    value = field(1, b"x")
    for _ in range(depth):
        value = field(5, field(1, value))
    span = field(1, b"t" * 16) + field(2, b"s" * 8) + field(9, field(1, b"key") + field(2, value))
    body = field(1, field(2, field(2, span)))
    if is_accepted:
        assert json.loads(attribute_texts(admit(TRACES, body))["key"])
    else:
        with pytest.raises(Refused):
            admit(TRACES, body)


def test_text_that_is_not_utf8_is_refused(make_traces: MakeTraces) -> None:
    body = make_traces(1).SerializeToString().replace(b"chat", b"ch\xff\xfe")
    with pytest.raises(Refused, match="UTF-8"):
        admit(TRACES, body)


def test_nul_and_bidi_text_is_not_our_business(make_traces: MakeTraces) -> None:
    request = make_traces(1)
    request.resource_spans[0].scope_spans[0].spans[0].name = "a\x00b\u202e<script>"
    assert admit(TRACES, request.SerializeToString()).items == 1


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_two_million_empty_messages_are_refused_at_little_memory(signal: Signal, levels: int) -> None:
    body = bytes([8 * (1 if levels == 1 else 2) + 2, 0]) * 2_000_000
    for number in (2, 1)[2 - (levels - 1) :] if levels > 1 else ():
        body = field(number, body)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused) as refused:
        admit(signal, body)
    assert refused.value.refusal is Refusal.TOO_LARGE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 50 * 1024


def test_as_many_as_allowed_and_one_more(make_traces: MakeTraces) -> None:
    body = make_traces(100).SerializeToString()
    assert admit(TRACES, body, max_items=100).items == 100
    with pytest.raises(Refused, match="more than 99 spans"):
        admit(TRACES, body, max_items=99)


@given(st.binary(max_size=400), st.sampled_from(SIGNALS))
def test_any_bytes_are_admitted_or_refused(body: bytes, signal: Signal) -> None:
    with contextlib.suppress(Refused):
        assert admit(signal, body).items <= 400


@given(data=st.data())
def test_a_damaged_request_is_admitted_or_refused(data: st.DataObject) -> None:
    attribute = field(9, field(1, b"key") + field(2, field(5, field(1, field(1, b"text")))))
    span = field(2, field(1, b"t" * 16) + field(2, b"s" * 8) + field(5, b"name") + attribute)
    body = bytearray(field(1, field(2, span + span)))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        batch = admit(TRACES, bytes(body))
    except Refused:
        return
    assert batch.items + batch.rejected <= 50_000
