"""Inside an application that has OpenTelemetry of its own."""

from __future__ import annotations

import logging

import pytest
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import watchglass

from .conftest import Sink


def test_an_existing_provider_is_joined_not_replaced(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    hosts = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "host"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(hosts))
    trace.set_tracer_provider(provider)
    watchglass.init(sink.url, "other", instrument=False)
    with trace.get_tracer("host").start_as_current_span("request"), watchglass.span("answer"):
        pass
    assert watchglass.flush()
    assert trace.get_tracer_provider() is provider
    assert [span.name for span in hosts.get_finished_spans()] == ["answer", "request"]
    assert sink.span("answer").parent_span_id == sink.span("request").span_id
    assert sink.span("answer").resource["service.name"] == "host"
    assert "keeps service.name 'host'" in caplog.text


def test_the_hosts_flush_and_shutdown_reach_the_queue(sink: Sink) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    trace.set_tracer_provider(provider)
    watchglass.init(sink.url, flush_interval_s=60, instrument=False)
    with watchglass.span("first"):
        pass
    assert provider.force_flush()
    assert len(sink.spans) == 1
    with watchglass.span("second"):
        pass
    provider.shutdown()
    assert len(sink.spans) == 2
    with watchglass.span("after the host's shutdown"):
        pass


class Foreign(trace.TracerProvider):
    """A provider of another vendor, which no processor can be added to."""

    def get_tracer(self, *args: object, **named: object) -> trace.Tracer:
        return trace.NoOpTracer()


def test_a_foreign_provider_is_left_alone(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    foreign = Foreign()
    trace.set_tracer_provider(foreign)
    watchglass.init(sink.url, "shop", instrument=False)
    with watchglass.span("answer"):
        pass
    assert watchglass.flush()
    assert trace.get_tracer_provider() is foreign
    assert sink.span("answer").resource["service.name"] == "shop"
    assert "cannot join a Foreign" in caplog.text


def test_the_hosts_logs_are_not_sent_but_genai_events_are(sink: Sink) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    _logs.set_logger_provider(provider)
    watchglass.init(sink.url, instrument=False)
    logger = provider.get_logger("host")
    logger.emit(body="private")
    logger.emit(body="private", event_name="user.login")
    logger.emit(body="hello", event_name="gen_ai.user.message")
    logger.emit(body="old", attributes={"event.name": "gen_ai.choice"})
    provider.force_flush()
    assert [event.raw.body.string_value for event in sink.events] == ["hello", "old"]
    provider.shutdown()


def test_the_environments_resource_attributes_count(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=b,team=c")
    watchglass.init(sink.url, environment="ours", instrument=False)
    with watchglass.span("work"):
        pass
    assert watchglass.flush()
    resource = sink.span("work").resource
    assert (resource["service.name"], resource["deployment.environment.name"], resource["team"]) == ("a", "ours", "c")


def test_a_broken_processor_of_the_host_does_not_stop_ours(sdk: Sink) -> None:
    """Ours was added first here; the error of the other one reaches nobody through `observe`."""

    class Broken(SimpleSpanProcessor):
        def on_end(self, span: object) -> None:
            raise RuntimeError("host bug")

    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(Broken(InMemorySpanExporter()))

    @watchglass.observe
    def work() -> int:
        return 3

    assert work() == 3
    assert watchglass.flush()
    assert len(sdk.spans) == 1


def test_nothing_is_said_while_all_is_well(sdk: Sink, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), watchglass.span("work"):
        watchglass.score("s", value=1)
    assert watchglass.flush()
    assert caplog.records == []
