"""From the application to a real OTLP endpoint: what arrives, and what happens when the endpoint is unwell."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

import watchglass

from .conftest import Answer, Sink


def test_a_span_arrives_with_its_resource_and_ids(sdk: Sink) -> None:
    with watchglass.span("answer", kind="agent") as outer, watchglass.span("look up", kind="tool") as inner:
        inner.set_output("found")
        ids = (outer.trace_id, outer.span_id, inner.span_id)
    assert watchglass.flush()
    assert sdk.span("answer").resource["service.name"] == "shop"
    assert sdk.span("answer").resource["deployment.environment.name"] == "test"
    assert sdk.span("answer").scope == "watchglass"
    child = sdk.span("look up")
    assert (child.trace_id, child.parent_span_id, child.span_id) == ids
    assert child.attributes["gen_ai.tool.call.result"] == "found"


def test_requests_are_gzipped_protobuf_with_the_configured_headers(sink: Sink) -> None:
    watchglass.init(sink.url, headers={"authorization": "Bearer abc"}, instrument=False)
    with watchglass.span("work"):
        watchglass.score("thumbs", value=1)
    assert watchglass.flush()
    assert {request.path for request in sink.requests} == {"/v1/traces", "/v1/logs"}
    for request in sink.requests:
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["content-encoding"] == "gzip"
        assert headers["authorization"] == "Bearer abc"


def test_a_score_arrives_as_an_evaluation_event_of_its_span(sdk: Sink) -> None:
    with watchglass.span("work") as span:
        watchglass.score("tone", value=0.5, label="fair", explanation="so so", source="human", evaluator="desk")
    assert watchglass.flush()
    (event,) = sdk.events
    assert event.name == "gen_ai.evaluation.result"
    assert (event.trace_id, event.span_id) == (span.trace_id, span.span_id)
    assert event.raw.time_unix_nano > 0
    assert event.resource["service.name"] == "shop"
    assert event.attributes == {
        "gen_ai.evaluation.name": "tone",
        "gen_ai.evaluation.score.value": 0.5,
        "gen_ai.evaluation.score.label": "fair",
        "gen_ai.evaluation.explanation": "so so",
        "watchglass.score.source": "human",
        "watchglass.evaluator.name": "desk",
    }


def test_a_collector_that_comes_late_gets_everything_in_order(new_sink: Callable[[int], Sink]) -> None:
    closed = Sink()
    closed.close()
    watchglass.init(closed.url, flush_interval_s=0.01, batch_size=10, instrument=False)
    for number in range(35):
        with watchglass.span(f"call {number}"):
            pass
    assert not watchglass.flush(0.2)
    late = new_sink(closed.port)
    assert watchglass.flush(20)
    assert [span.name for span in late.spans] == [f"call {number}" for number in range(35)]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_temporary_answer_is_tried_again(sdk: Sink, status: int) -> None:
    sdk.answers.append(Answer(status, {"Retry-After": "0"}))
    with watchglass.span("work"):
        pass
    assert watchglass.flush(20)
    assert [len(request.records) for request in sdk.requests] == [0, 1]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 302])
def test_a_refusal_drops_the_batch_with_one_warning(sdk: Sink, caplog: pytest.LogCaptureFixture, status: int) -> None:
    for number in range(3):
        sdk.answers.append(Answer(status, {"Location": f"{sdk.url}/elsewhere"}))
        with watchglass.span(f"lost {number}"):
            pass
        assert not watchglass.flush()
    with watchglass.span("kept"):
        pass
    assert watchglass.flush()
    assert [span.name for span in sdk.spans] == ["kept"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"HTTP {status}" in caplog.text


def test_partial_success_is_reported(sdk: Sink, caplog: pytest.LogCaptureFixture) -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    sdk.answers.append(Answer(body=answer.SerializeToString()))
    with watchglass.span("work"):
        pass
    assert not watchglass.flush()
    assert "the collector rejected them" in caplog.text


def test_a_span_that_cannot_be_encoded_does_not_take_others_with_it(sdk: Sink) -> None:
    """The application's own OpenTelemetry code may produce anything."""
    tracer = trace.get_tracer("the application")
    for name in ("good", "bad \ud800", "also good"):
        tracer.start_span(name).end()
    assert not watchglass.flush()
    assert sorted(span.name for span in sdk.spans) == ["also good", "good"]


def test_a_full_queue_drops_new_spans_counts_them_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    closed = Sink()
    closed.close()
    watchglass.init(closed.url, flush_interval_s=60, queue_size=5, batch_size=100, instrument=False)
    for _ in range(50):
        with watchglass.span("work"):
            pass
    from watchglass._internal import state

    assert state.client is not None
    counts = state.client.pipelines[0].counts  # type: ignore[attr-defined]  # the protocol is narrower
    assert (counts.accepted, counts.sent, counts.dropped) == (50, 0, 45)
    assert [record.message for record in caplog.records if "queue is full" in record.message] == [
        "watchglass drops spans: the queue is full (further drops are counted)"
    ]


def test_init_twice_keeps_the_first_and_says_so(sdk: Sink, caplog: pytest.LogCaptureFixture) -> None:
    watchglass.init("http://127.0.0.1:9")
    watchglass.init("http://127.0.0.1:9")
    with watchglass.span("work"):
        pass
    assert watchglass.flush()
    assert len(sdk.spans) == 1
    assert caplog.text.count("called again") == 1


def test_init_after_shutdown_sends_to_the_new_place_only(sdk: Sink, new_sink: Callable[[int], Sink]) -> None:
    other = new_sink(0)
    watchglass.shutdown()
    watchglass.init(other.url, flush_interval_s=0.05, instrument=False)
    with watchglass.span("work"):
        pass
    assert watchglass.flush()
    assert (len(sdk.spans), len(other.spans)) == (0, 1)


def test_shutdown_sends_what_is_left(sink: Sink) -> None:
    watchglass.init(sink.url, flush_interval_s=60, instrument=False)
    with watchglass.span("work"):
        pass
    watchglass.shutdown()
    assert len(sink.spans) == 1


def test_shutdown_does_not_wait_for_a_dead_collector() -> None:
    closed = Sink()
    closed.close()
    watchglass.init(closed.url, flush_interval_s=0.01, batch_size=1, instrument=False)
    for _ in range(200):
        with watchglass.span("work"):
            pass
    start = time.monotonic()
    watchglass.shutdown(timeout_s=30)
    assert time.monotonic() - start < 15


def test_disabled_does_nothing(sink: Sink) -> None:
    watchglass.init(sink.url, enabled=False)
    with watchglass.span("work") as span:
        assert span.trace_id == ""
    assert watchglass.flush()
    assert sink.requests == []
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def test_the_sampler_of_the_environment_is_honoured(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    watchglass.init(sink.url, instrument=False)
    with watchglass.span("work") as span:
        span.set_input("x")
    assert watchglass.flush()
    assert sink.requests == []
