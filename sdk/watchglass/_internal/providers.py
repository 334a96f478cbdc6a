"""OpenTelemetry providers: the host's where it has them, otherwise ours; and the processors that feed our queues."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol, cast

from opentelemetry import _logs as logs_api
from opentelemetry import trace as trace_api
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import (
    LoggerProvider,
    LogRecordProcessor,
    ReadableLogRecord,
    ReadWriteLogRecord,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from watchglass._internal.guard import never_raises, warn_once
from watchglass._internal.runtime import SCOPE, context_attributes
from watchglass._internal.settings import Settings

RECORD_BYTES = 500
"""Rough size of a record without its text."""


class Sink(Protocol):
    """Where finished records go: a pipeline, or the memory of a test."""

    def put(self, record: object, size: int) -> None:
        """Take a record of about ``size`` bytes; never blocks."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put so far is sent."""

    def close(self, timeout_s: float) -> bool:
        """Flush and stop."""


class SpanFeed(SpanProcessor):
    """Copies ``watchglass.context`` onto every span that starts, and queues every sampled span that ends."""

    def __init__(self, sink: Sink, close_timeout_s: float) -> None:
        self._sink = sink
        self._close_timeout_s = close_timeout_s

    @never_raises(None)
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Called by the provider in the application's thread."""
        if attributes := context_attributes(parent_context):
            span.set_attributes(attributes)

    @never_raises(None)
    def on_end(self, span: ReadableSpan) -> None:
        """Called by the provider in the application's thread."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._sink.put(span, _size(span.attributes) + RECORD_BYTES * (1 + len(span.events)))

    @never_raises(None)
    def shutdown(self) -> None:
        """Called when the host shuts its provider down."""
        self._sink.close(self._close_timeout_s)

    @never_raises(False)
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Called when the host flushes its provider."""
        return self._sink.flush(timeout_millis / 1000)


class EventFeed(LogRecordProcessor):
    """Queues GenAI events, and nothing else that the application logs."""

    def __init__(self, sink: Sink, close_timeout_s: float) -> None:
        self._sink = sink
        self._close_timeout_s = close_timeout_s

    @never_raises(None)
    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Called by the provider in the application's thread."""
        if not _is_genai_event(log_record):
            return
        record = copy.copy(log_record.log_record)
        record.context = Context()  # the application's may hold a whole request
        scope = log_record.instrumentation_scope
        resource = log_record.resource or Resource.get_empty()
        frozen = ReadableLogRecord(record, resource=resource, instrumentation_scope=scope, limits=log_record.limits)
        self._sink.put(frozen, _size(record.attributes) + RECORD_BYTES)

    @never_raises(None)
    def shutdown(self) -> None:
        """Called when the host shuts its provider down."""
        self._sink.close(self._close_timeout_s)

    @never_raises(False)
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Called when the host flushes its provider."""
        return self._sink.flush(timeout_millis / 1000)


def resource(settings: Settings) -> Resource:
    """Describe the application: our settings over OTEL_RESOURCE_ATTRIBUTES."""
    ours = {"service.name": settings.service_name, "deployment.environment.name": settings.environment}
    return Resource.create({key: text for key, text in ours.items() if text})


def attach_spans(settings: Settings, feed: SpanFeed) -> trace_api.TracerProvider:
    """Add a feed to the global tracer provider, which is made when the host has none."""
    provider: Any = trace_api.get_tracer_provider()
    if hasattr(provider, "add_span_processor"):
        _compare_service_name(settings, getattr(provider, "resource", None))
    else:
        is_unset = isinstance(provider, trace_api.ProxyTracerProvider)
        if not is_unset:
            name = type(provider).__qualname__
            warn_once("provider", "watchglass cannot join a %s: it sends no spans of the application's own", name)
        provider = TracerProvider(resource=resource(settings), shutdown_on_exit=False)
        if is_unset:
            trace_api.set_tracer_provider(provider)
    provider.add_span_processor(feed)
    return cast(trace_api.TracerProvider, provider)


def attach_events(settings: Settings, feed: EventFeed) -> logs_api.LoggerProvider:
    """Add a feed to the global logger provider, which is made when the host has none."""
    provider: Any = logs_api.get_logger_provider()
    if not hasattr(provider, "add_log_record_processor"):
        is_unset = isinstance(provider, ProxyLoggerProvider)
        provider = LoggerProvider(resource=resource(settings), shutdown_on_exit=False)
        if is_unset:
            logs_api.set_logger_provider(provider)
    provider.add_log_record_processor(feed)
    return cast(logs_api.LoggerProvider, provider)


def encoded_spans(spans: Sequence[Any]) -> bytes:
    """Encode spans as the body of an OTLP request."""
    return encode_spans(spans).SerializeToString()


def encoded_events(events: Sequence[Any]) -> bytes:
    """Encode events as the body of an OTLP request."""
    return encode_logs(events).SerializeToString()


def rejected_spans(answer: bytes) -> int:
    """Read from the answer how many spans the collector did not accept."""
    return ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans


def rejected_events(answer: bytes) -> int:
    """Read from the answer how many events the collector did not accept."""
    return ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records


def _compare_service_name(settings: Settings, host: Resource | None) -> None:
    name = host.attributes.get("service.name") if host is not None else None
    if settings.service_name and settings.service_name != name:
        warn_once("service_name", "watchglass keeps service.name %r of the existing TracerProvider", name)


def _is_genai_event(record: ReadWriteLogRecord) -> bool:
    scope = record.instrumentation_scope
    attributes = record.log_record.attributes or {}
    name = record.log_record.event_name or attributes.get("event.name")
    return (scope is not None and scope.name == SCOPE) or (isinstance(name, str) and name.startswith("gen_ai."))


def _size(attributes: Any) -> int:
    """Characters of text in a record's attributes."""
    return sum(_weight(value) for value in attributes.values()) if attributes else 0


def _weight(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(_weight, value))
    return _size(value) if isinstance(value, dict) else 8
