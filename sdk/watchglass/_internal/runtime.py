"""The client that ``init`` makes: the only place where spans, events and context meet OpenTelemetry."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace
from opentelemetry.context import Context, attach, create_key, detach, get_current, get_value, set_value
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from watchglass._internal.context import ATTRIBUTES
from watchglass._internal.kinds import Kind
from watchglass._internal.plain import cut, encodable, to_plain, to_text, type_name
from watchglass._internal.settings import Settings

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.trace import Tracer, TracerProvider

SCOPE = "watchglass"
MAX_NAME_CHARS = 1000
MAX_STACKTRACE_CHARS = 8000

_CONTEXT_KEY = create_key("watchglass")


class Pipeline(Protocol):
    """Takes finished records off the application's hands."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put so far is sent or given up; False when that takes longer."""

    def wind_down(self, timeout_s: float) -> None:
        """Take no more records and send what is queued without patience. Returns at once."""

    def close(self, timeout_s: float) -> bool:
        """Wind down, wait for it and stop. False when records had to be dropped. Safe to call twice."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a running SDK consists of."""

    settings: Settings
    tracer: Tracer
    event_logger: Logger
    pipelines: tuple[Pipeline, ...]

    @staticmethod
    def build(
        settings: Settings, tracers: TracerProvider, loggers: LoggerProvider, pipelines: tuple[Pipeline, ...]
    ) -> Client:
        """Make the client of a pair of providers."""
        try:
            release = version("watchglass")
        except PackageNotFoundError:  # copied into the application instead of installed
            release = ""
        return Client(settings, tracers.get_tracer(SCOPE, release), loggers.get_logger(SCOPE, release), pipelines)

    def start_span(self, name: object, kind: Kind, attributes: Mapping[str, Any] | None) -> Span:
        """Start a span under the current one."""
        shown = to_text(name, MAX_NAME_CHARS)
        initial: dict[str, Any] = {"gen_ai.operation.name": kind.operation}
        if kind.name_attribute:
            initial[kind.name_attribute] = shown
        span_kind = SpanKind.CLIENT if kind.is_client else SpanKind.INTERNAL
        span = self.tracer.start_span(shown, kind=span_kind, attributes=initial)
        if isinstance(attributes, Mapping) and span.is_recording():
            for key, value in attributes.items():
                self.set_attribute(span, key, value)
        return span

    def set_attribute(self, span: Span, name: str, value: object) -> None:
        """Set an attribute: numbers, booleans and lists of text as they are, anything else as text."""
        if isinstance(value, bool | int | float):
            fits = not isinstance(value, int) or -(2**63) <= value < 2**63
            span.set_attribute(str(name), value if fits else str(value))
        elif isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            span.set_attribute(str(name), [self.to_text(item) for item in value])
        elif value is not None:
            span.set_attribute(str(name), self.to_text(value))

    def record_error(self, span: Span, error: BaseException) -> None:
        """Mark a span as failed; leaving a generator early and a successful exit are no failures."""
        if isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return
        kind = type_name(type(error))
        span.set_attribute("error.type", kind)
        if not self.settings.capture_content:  # messages of exceptions quote what they failed on
            span.set_status(Status(StatusCode.ERROR, kind))
            return
        try:
            message = encodable(cut(str(error), MAX_STACKTRACE_CHARS))
            lines = "".join(traceback.format_exception(error))
        except Exception as failure:
            message = lines = f"<unreadable {kind}: {type_name(type(failure))}>"
        span.set_status(Status(StatusCode.ERROR, f"{kind}: {message}"))
        stacktrace = encodable(lines[-MAX_STACKTRACE_CHARS:])
        details = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stacktrace}
        span.add_event("exception", details)

    def attach(self, span: Span) -> Token[Context]:
        """Make a span the current one."""
        return attach(trace.set_span_in_context(span))

    def attach_context(self, values: Mapping[str, object]) -> Token[Context]:
        """Make ``watchglass.context`` values current, on top of those in force."""
        attributes = {**context_attributes(get_current())}
        for name, value in values.items():
            if name == "reference" and not self.settings.capture_content:
                continue
            limit = self.settings.max_text_chars if name == "reference" else MAX_NAME_CHARS
            attributes.update(dict.fromkeys(ATTRIBUTES[name], to_text(value, limit)))
        return attach(set_value(_CONTEXT_KEY, attributes))

    def detach(self, token: Token[Context]) -> None:
        """Undo ``attach``."""
        detach(token)

    def current_ids(self) -> tuple[int, int]:
        """Return trace id and span id of the current span, zeros where there is none."""
        current = trace.get_current_span().get_span_context()
        return (current.trace_id, current.span_id)

    def prompt_attributes(self) -> dict[str, str]:
        """Return name and version of the prompt that ``watchglass.context`` says is in use."""
        names = ATTRIBUTES["prompt_name"] + ATTRIBUTES["prompt_version"]
        return {name: text for name, text in context_attributes(get_current()).items() if name in names}

    def emit_event(self, name: str, attributes: Mapping[str, Any], trace_id: int, span_id: int) -> None:
        """Send a log event about a span, which may have ended long ago."""
        about = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        context = trace.set_span_in_context(NonRecordingSpan(about))
        self.event_logger.emit(timestamp=time.time_ns(), context=context, event_name=name, attributes=attributes)

    def to_plain(self, value: object) -> Any:
        """Bound a captured value."""
        return to_plain(value, self.settings.max_text_chars)

    def to_text(self, value: object) -> str:
        """Bound a captured text."""
        return to_text(value, self.settings.max_text_chars)


def context_attributes(context: Context | None) -> Mapping[str, str]:
    """Return the span attributes that ``watchglass.context`` put into an OpenTelemetry context."""
    values = get_value(_CONTEXT_KEY, context)
    return values if isinstance(values, dict) else {}
