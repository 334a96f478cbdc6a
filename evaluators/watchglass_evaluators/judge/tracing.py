"""Every request to a judge as an OTLP span of the service watchglass-judge, linked to the call that it judged.

The spans hold model, tokens and cost, and none of the captured text. Losing one hurts nobody: they are sent in the
background and dropped where the collector is away.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import httpx
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from watchglass_evaluators.evaluator import Call
from watchglass_evaluators.judge.client import EndpointError, Reply
from watchglass_evaluators.judge.rubrics import PREFIX
from watchglass_evaluators.slot import JUDGE_SERVICE

_TIMEOUT_S = 5.0


class Answered(Protocol):
    """Takes what came back."""

    def answered(self, reply: Reply, cost_usd: float) -> None:
        """Note a reply and what it cost."""
        ...


class Tracer(Protocol):
    """Makes a span around one request."""

    def span(self, rubric: str, model: str, call: Call, host: str) -> AbstractContextManager[Answered]:
        """Return a span about one question to one model about one call."""
        ...


class NoTracer:
    """Traces nothing."""

    @contextmanager
    def span(self, rubric: str, model: str, call: Call, host: str) -> Iterator[Answered]:
        """Return a span that goes nowhere."""
        del rubric, model, call, host
        yield self

    def answered(self, reply: Reply, cost_usd: float) -> None:
        """Forget it."""


class OtlpTracer:
    """Sends spans to a collector."""

    def __init__(self, url: str) -> None:
        """Make a tracer; its thread ends with the process, or with `close`.

        Args:
            url: OTLP/HTTP address, for example http://127.0.0.1:4318.
        """
        self._provider = TracerProvider(resource=Resource({"service.name": JUDGE_SERVICE}), shutdown_on_exit=True)
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(f"{url}/v1/traces")))
        self._tracer = self._provider.get_tracer("watchglass.judge")

    @contextmanager
    def span(self, rubric: str, model: str, call: Call, host: str) -> Iterator[Answered]:
        """Return a span about one question to one model about one call."""
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.evaluation.name": PREFIX + rubric,
            "server.address": host,
        }
        span = self._tracer.start_span(
            f"chat {model}", kind=SpanKind.CLIENT, attributes=attributes, links=_links(call), record_exception=False
        )
        try:
            yield _Open(span)
        except EndpointError as error:
            span.set_attribute("error.type", error.kind)
            span.set_status(Status(StatusCode.ERROR, str(error)))
            raise
        finally:
            span.end()

    def close(self) -> None:
        """Send what is left and end."""
        self._provider.shutdown()


class _Open:
    def __init__(self, span: Span) -> None:
        self._span = span

    def answered(self, reply: Reply, cost_usd: float) -> None:
        values = {
            "gen_ai.response.model": reply.model,
            "gen_ai.usage.input_tokens": reply.input_tokens,
            "gen_ai.usage.output_tokens": reply.output_tokens,
            "gen_ai.usage.cost": cost_usd,
        }
        for key, value in values.items():
            if value is not None and value != "":
                self._span.set_attribute(key, value)


class _Exporter(SpanExporter):
    """OTLP over HTTP to one address, without the environment's proxies."""

    def __init__(self, url: str) -> None:
        self._url = url

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            answer = httpx.post(
                self._url,
                content=encode_spans(spans).SerializeToString(),
                headers={"content-type": "application/x-protobuf"},
                timeout=_TIMEOUT_S,
                trust_env=False,
                follow_redirects=False,
            )
        except httpx.HTTPError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if answer.is_success else SpanExportResult.FAILURE


def _links(call: Call) -> list[Link]:
    try:
        context = SpanContext(int(call.trace_id, 16), int(call.span_id, 16), True, TraceFlags(TraceFlags.SAMPLED))
    except ValueError:
        return []
    return [Link(context)] if context.is_valid else []
