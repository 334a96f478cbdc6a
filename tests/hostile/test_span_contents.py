"""Hostile inputs 40 to 53, less 45 to 47: what spans hold."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from watchglass_store import Store
from watchglass_store.queries.api_keys import create_key

from .conftest import Start, Target, good_request, span_of

Send = Callable[..., dict[str, Any]]


@pytest.fixture
def send(target: Target, hostile_store: Store) -> Send:
    """send(request) -> its one row."""

    def run(request: Any) -> dict[str, Any]:
        with target.counts("received"):
            assert target.post(request.SerializeToString()).status_code == 200
        target.drained()
        trace_id = span_of(request).trace_id.hex()
        (row,) = hostile_store.query("SELECT * FROM otel_traces WHERE TraceId = {id:String}", {"id": trace_id})
        return row

    return run


def test_40_a_value_of_5_megabytes(target: Target, send: Send) -> None:
    request = good_request()
    text = "abcde" * 1_000_000
    span_of(request).attributes.add(key="prompt").value.string_value = text
    value = send(request)["SpanAttributes"]["prompt"]
    assert value.startswith("abcde")
    assert len(value) < 1_000_200
    assert f"5000000 bytes, sha256 {hashlib.sha256(text.encode()).hexdigest()}" in value


def test_41_a_hundred_thousand_attributes_events_links(target: Target, hostile_store: Store) -> None:
    request = good_request()
    span = span_of(request)
    for number in range(100_000):
        span.attributes.add(key=f"a{number}").value.int_value = number
        span.events.add(name="e")
        span.links.add(span_id=b"12345678")
    answer = target.post(request.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 0)
    assert "98976 events dropped" in partial.error_message
    target.drained()
    (row,) = hostile_store.query(
        "SELECT length(SpanAttributes) AS attributes, length(Events.Name) AS events, length(Links.SpanId) AS links, "
        "SpanAttributes['watchglass.dropped_attributes_count'] AS dropped FROM otel_traces WHERE TraceId = {id:String}",
        {"id": span.trace_id.hex()},
    )
    assert row == {"attributes": 1027, "events": 1024, "links": 1024, "dropped": "98976"}


def test_42_strange_keys(send: Send) -> None:
    request = good_request()
    keys = ["", "a.b", "'; DROP TABLE otel_traces --", "`x`", "line\nbreak", "{x:String}", '"']
    for key in keys:
        span_of(request).attributes.add(key=key).value.string_value = key
    span_of(request).attributes.add(key="k" * 1_000_000).value.int_value = 1
    attributes = send(request)["SpanAttributes"]
    assert {key: attributes[key] for key in keys} == {key: key for key in keys}
    assert attributes["k" * 256] == "1"


def test_43_one_key_two_types(send: Send) -> None:
    request = good_request()
    span_of(request).attributes.add(key="a").value.int_value = 1
    span_of(request).attributes.add(key="a").value.string_value = "x"
    assert send(request)["SpanAttributes"]["a"] in {"1", "x"}


@pytest.mark.parametrize(("begun", "ended"), [(10**18, 1), (1, 2**63), (0, 0), (2**63, 2**63), (2**64 - 1, 2**64 - 1)])
def test_44_times(send: Send, begun: int, ended: int) -> None:
    request = good_request()
    span_of(request).start_time_unix_nano, span_of(request).end_time_unix_nano = begun, ended
    assert send(request)["SpanAttributes"]["watchglass.original_time_unix_nano"] == str(begun)


@pytest.mark.parametrize("tokens", [-1, 2**63 - 1, "NaN"])
def test_48_absurd_usage(send: Send, target: Target, hostile_store: Store, tokens: Any) -> None:
    request = good_request()
    span = span_of(request)
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    value = span.attributes.add(key="gen_ai.usage.input_tokens").value
    if isinstance(tokens, str):
        value.string_value = tokens
    else:
        value.int_value = tokens
    send(request)
    (row,) = hostile_store.query(
        "SELECT usage_input_tokens FROM llm_calls WHERE trace_id = {id:String}", {"id": span.trace_id.hex()}
    )
    assert row["usage_input_tokens"] is None


@pytest.mark.parametrize("text", ["{", "[" * 10_000, '{"role":1}', "[[[]]]", "null", "3" * 2_000_000])
def test_49_messages_that_are_none(send: Send, text: str) -> None:
    request = good_request()
    span_of(request).attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    span_of(request).attributes.add(key="gen_ai.input.messages").value.string_value = text
    assert send(request)["SpanAttributes"]["gen_ai.input.messages"].startswith(text[:1000])


def test_50_a_claim_to_another_project(start: Start, hostile_store: Store) -> None:
    now = datetime.now(UTC)
    key = create_key(hostile_store, project="mine", scopes=["ingest"], name="", author="", now=now)
    target = start(auth="required")
    request = good_request()
    for name in ("watchglass.project", "tenant"):
        request.resource_spans[0].resource.attributes.add(key=name).value.string_value = "victim"
    assert target.post(request.SerializeToString(), x_api_key=key.secret).status_code == 200
    target.drained()
    (row,) = hostile_store.query(
        "SELECT ResourceAttributes['watchglass.project'] AS project FROM otel_traces WHERE TraceId = {id:String}",
        {"id": span_of(request).trace_id.hex()},
    )
    assert row["project"] == "mine"


@pytest.mark.parametrize(
    "text",
    ["http://169.254.169.254/latest", "file:///etc/passwd", "a\r\nERROR forged\x1b[31m", "\u202egnp.exe", "\u200b",
     "a" + "\u0301" * 10_000],
)  # fmt: skip
def test_51_52_53_text_is_kept_as_it_is(send: Send, text: str) -> None:
    request = good_request()
    span_of(request).name = text
    span_of(request).attributes.add(key="url.template").value.string_value = text
    row = send(request)
    assert (row["SpanName"], row["SpanAttributes"]["url.template"]) == (text, text)
