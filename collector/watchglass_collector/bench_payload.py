"""What the benchmark sends: chat spans as the official GenAI instrumentation makes them, about 2.5 KB each."""

import json
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_TEXT: Final = (
    "the a of to and you your is in for that it on with order refund account customer please when was will not are "
    "have this be as we can from after been shipping invoice address delivery payment card charged twice tracking "
    "number email confirmation support ticket week yesterday warehouse returned package cancel subscription plan "
    "upgrade billing cycle password reset login error screenshot browser update policy window days business hours "
    "replacement damaged item photo courier signature neighbour pickup store credit voucher discount expired code"
)
_WORDS: Final = _TEXT.split()
_KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES: Final = ("Unset", "Ok", "Error")


def payloads(numbers: random.Random, requests: int, spans: int) -> Sequence[bytes]:
    """Serialized requests; no two spans have the same ids."""
    return [_request(numbers, spans).SerializeToString() for _ in range(requests)]


def _text(numbers: random.Random, words: int) -> str:
    # Few words make most of a text, as in any language.
    return " ".join(_WORDS[int(len(_WORDS) * numbers.random() ** 2)] for _ in range(words))


def _request(numbers: random.Random, spans: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add()
    _set(envelope.resource.attributes, {
        "service.name": "support-assistant", "service.version": "1.4.2", "deployment.environment.name": "production",
        "telemetry.sdk.language": "python", "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.version": "1.45.2",
    })  # fmt: skip
    scope = envelope.scope_spans.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.genai.openai", "1.3b0"
    for _ in range(spans):
        start_ns = time.time_ns() - numbers.randrange(10**12)
        span = scope.spans.add(
            trace_id=numbers.randbytes(16), span_id=numbers.randbytes(8), parent_span_id=numbers.randbytes(8),
            name="chat gpt-4o-mini", kind=Span.SPAN_KIND_CLIENT, flags=257, start_time_unix_nano=start_ns,
            end_time_unix_nano=start_ns + numbers.randrange(3 * 10**8, 6 * 10**9),
        )  # fmt: skip
        if numbers.random() < 0.02:
            span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "RateLimitError"
        _set(span.attributes, _attributes(numbers))
    return request


def _attributes(numbers: random.Random) -> dict[str, Any]:
    system = {"role": "system", "parts": [{"type": "text", "content": "You are the assistant of a web shop."}]}
    question = {"role": "user", "parts": [{"type": "text", "content": _text(numbers, 120)}]}
    answer = {"role": "assistant", "parts": [{"type": "text", "content": _text(numbers, 110)}], "finish_reason": "stop"}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 512,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{numbers.randbytes(12).hex()}",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": numbers.randrange(100, 900),
        "gen_ai.usage.output_tokens": numbers.randrange(50, 400),
        "server.address": "api.openai.com",
        "server.port": 443,
        "session.id": numbers.randbytes(8).hex(),
        "user.id": f"user-{numbers.randrange(5000)}",
        "gen_ai.input.messages": json.dumps([system, question]),
        "gen_ai.output.messages": json.dumps([answer]),
    }


def _set(attributes: Any, values: dict[str, Any]) -> None:
    fields = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    for key, content in values.items():
        value = attributes.add(key=key).value
        if isinstance(content, list):
            for element in content:
                value.array_value.values.add().string_value = element
        else:
            setattr(value, fields[type(content)], content)


def python_rows(body: bytes) -> Iterator[dict[str, Any]]:
    """The same rows that the inbox's view makes of a request, decoded with generated classes."""
    for envelope in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _map(envelope.resource.attributes)
        for scope in envelope.scope_spans:
            for span in scope.spans:
                yield {
                    "Timestamp": datetime.fromtimestamp(span.start_time_unix_nano / 1e9, UTC),
                    "TraceId": span.trace_id.hex(),
                    "SpanId": span.span_id.hex(),
                    "ParentSpanId": span.parent_span_id.hex(),
                    "TraceState": span.trace_state,
                    "SpanName": span.name,
                    "SpanKind": _KINDS[span.kind],
                    "ServiceName": resource.get("service.name", ""),
                    "ResourceAttributes": resource,
                    "ScopeName": scope.scope.name,
                    "ScopeVersion": scope.scope.version,
                    "SpanAttributes": _map(span.attributes),
                    "Duration": span.end_time_unix_nano - span.start_time_unix_nano,
                    "StatusCode": _STATUSES[span.status.code],
                    "StatusMessage": span.status.message,
                }


def _map(attributes: Any) -> dict[str, str]:
    return {attribute.key: _plain(attribute.value) for attribute in attributes}


def _plain(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return json.dumps([_plain(element) for element in value.array_value.values])
    return str(getattr(value, kind))
