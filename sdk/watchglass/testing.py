"""For the tests of applications: what the SDK would send, in memory and with the same ids on every run.

    with watchglass.testing.capture() as captured:
        answer("What is a watch glass?")
    assert captured.spans[0].name == "answer"
    assert captured.scores[0].value == 1.0

Nothing is sent, no global provider is touched, and ``watchglass.init`` need not have been called.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import StatusCode

from watchglass._internal import settings, state
from watchglass._internal.providers import EventFeed, SpanFeed
from watchglass._internal.runtime import Client

__all__ = ["Captured", "CapturedScore", "CapturedSpan", "capture"]


@dataclass(frozen=True, slots=True)
class CapturedSpan:
    """A finished span."""

    name: str
    trace_id: str
    """32 hexadecimal digits: 00…01 for the first trace, 00…02 for the second."""
    span_id: str
    """16 hexadecimal digits: 00…01 for the first span."""
    parent_span_id: str
    """'' for the first span of a trace."""
    attributes: dict[str, Any]
    is_error: bool


@dataclass(frozen=True, slots=True)
class CapturedScore:
    """A score."""

    name: str
    value: float | None
    label: str
    explanation: str
    trace_id: str
    """The span that it is about."""
    span_id: str
    attributes: dict[str, Any]
    """Everything that is sent, source and evaluator included."""


class Captured:
    """What was recorded so far, in the order in which spans ended and scores were given."""

    def __init__(self) -> None:
        self._spans = _Memory()
        self._events = _Memory()

    @property
    def spans(self) -> list[CapturedSpan]:
        """The finished spans."""
        return [_span(span) for span in self._spans.records]

    @property
    def scores(self) -> list[CapturedScore]:
        """The scores."""
        return [_score(event) for event in self._events.records]


class _Memory:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def put(self, record: object, size: int) -> None:
        self.records.append(record)

    def flush(self, timeout_s: float) -> bool:
        return True

    def wind_down(self, timeout_s: float) -> None:
        return None

    def close(self, timeout_s: float) -> bool:
        return True


class _SequentialIds(IdGenerator):
    """Counts from 1."""

    def __init__(self) -> None:
        self._traces = itertools.count(1)
        self._spans = itertools.count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


@contextlib.contextmanager
def capture(*, capture_content: bool = True, max_text_chars: int | None = None) -> Iterator[Captured]:
    """Record what happens inside a ``with`` block instead of sending it.

    Args:
        capture_content: As for ``watchglass.init``.
        max_text_chars: As for ``watchglass.init``.
    """
    captured = Captured()
    found = settings.resolve({"capture_content": capture_content, "max_text_chars": max_text_chars}, os.environ)
    tracers = TracerProvider(resource=Resource.get_empty(), id_generator=_SequentialIds(), shutdown_on_exit=False)
    loggers = LoggerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    tracers.add_span_processor(SpanFeed(captured._spans, 0))
    loggers.add_log_record_processor(EventFeed(captured._events, 0))
    before, state.client = state.client, Client.build(found, tracers, loggers, (captured._spans, captured._events))
    try:
        yield captured
    finally:
        state.client = before


def _span(span: ReadableSpan) -> CapturedSpan:
    return CapturedSpan(
        name=span.name,
        trace_id=f"{span.context.trace_id:032x}" if span.context is not None else "",
        span_id=f"{span.context.span_id:016x}" if span.context is not None else "",
        parent_span_id=f"{span.parent.span_id:016x}" if span.parent is not None else "",
        attributes=dict(span.attributes or {}),
        is_error=span.status.status_code is StatusCode.ERROR,
    )


def _score(event: ReadableLogRecord) -> CapturedScore:
    record = event.log_record
    attributes: dict[str, Any] = dict(record.attributes or {})
    return CapturedScore(
        name=attributes["gen_ai.evaluation.name"],
        value=attributes.get("gen_ai.evaluation.score.value"),
        label=attributes.get("gen_ai.evaluation.score.label", ""),
        explanation=attributes.get("gen_ai.evaluation.explanation", ""),
        trace_id=f"{record.trace_id or 0:032x}",
        span_id=f"{record.span_id or 0:016x}",
        attributes=attributes,
    )
