"""``span``: one unit of work, as a context manager."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from watchglass._internal import state
from watchglass._internal.guard import never_raises, warn_once
from watchglass._internal.kinds import KINDS

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan

    from watchglass._internal.runtime import Client


class Span:
    """A unit of work while it runs. Made by ``watchglass.span``; use it with ``with``."""

    __slots__ = ("_attributes", "_client", "_kind", "_name", "_otel", "_token")

    def __init__(self, name: str, kind: str, attributes: Mapping[str, Any] | None = None) -> None:
        self._name = name
        self._kind = KINDS.get(kind) if isinstance(kind, str) else None
        if self._kind is None:
            warn_once("kind", "watchglass: unknown kind of span, used as 'chain': allowed are %s", ", ".join(KINDS))
            self._kind = KINDS["chain"]
        self._attributes = attributes
        self._client: Client | None = None
        self._otel: OtelSpan | None = None
        self._token: Any = None

    def __enter__(self) -> Span:
        self._start()
        self._attach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._detach()
        if error is not None:
            self._record_error(error)
        self._end()

    @property
    def trace_id(self) -> str:
        """The trace's id as 32 hexadecimal digits; '' while nothing is recorded."""
        return f"{self._otel.get_span_context().trace_id:032x}" if self._otel is not None else ""

    @property
    def span_id(self) -> str:
        """The span's id as 16 hexadecimal digits; '' while nothing is recorded."""
        return f"{self._otel.get_span_context().span_id:016x}" if self._otel is not None else ""

    def set_input(self, value: object) -> None:
        """Record what goes in: any value; for kind ``llm``, text or messages; for ``retrieval``, the query."""
        self._describe(value, is_input=True)

    def set_output(self, value: object) -> None:
        """Record what came out: any value; for kind ``llm``, text or messages; for ``retrieval``, the documents."""
        self._describe(value, is_input=False)

    @never_raises(None)
    def set_attribute(self, name: str, value: object) -> None:
        """Record an OpenTelemetry attribute, such as ``gen_ai.request.model`` or ``gen_ai.usage.input_tokens``."""
        if self._client is not None and self._otel is not None and self._otel.is_recording():
            self._client.set_attribute(self._otel, name, value)

    @never_raises(None)
    def _describe(self, value: object, *, is_input: bool) -> None:
        if self._records_content and self._client is not None and self._otel is not None and self._kind is not None:
            describe = self._kind.describe_input if is_input else self._kind.describe_output
            self._otel.set_attributes(describe(self._client.to_plain(value)))

    @property
    def _records_content(self) -> bool:
        """Whether it is worth collecting input and output at all."""
        return (
            self._client is not None
            and self._client.settings.capture_content
            and self._otel is not None
            and self._otel.is_recording()
        )

    @never_raises(None)
    def _start(self) -> None:
        client = state.client
        if client is not None and self._otel is None and self._kind is not None:
            self._otel = client.start_span(self._name, self._kind, self._attributes)
            self._client = client

    def _attach(self) -> None:
        """Make this the current span of the running code."""
        if self._client is not None and self._otel is not None:
            self._token = self._client.attach(self._otel)

    def _detach(self) -> None:
        if self._client is not None and self._token is not None:
            token, self._token = self._token, None
            self._client.detach(token)

    @never_raises(None)
    def _record_error(self, error: BaseException) -> None:
        if self._client is not None and self._otel is not None:
            self._client.record_error(self._otel, error)

    @never_raises(None)
    def _end(self) -> None:
        if self._otel is not None:
            self._otel.end()


def span(name: str, kind: str = "chain", *, attributes: Mapping[str, Any] | None = None) -> Span:
    """Record a block of code as a span.

        with watchglass.span("answer", kind="agent") as span:
            span.set_input(question)
            span.set_output(reply := agent.run(question))

    An exception that leaves the block passes through unchanged and marks the span as an error.

    Args:
        name: What the block does, for people: few different values, no ids.
        kind: ``chain``, ``agent``, ``tool``, ``retrieval``, ``llm`` or ``embeddings``.
        attributes: OpenTelemetry attributes to start with.
    """
    return Span(name, kind, attributes)
