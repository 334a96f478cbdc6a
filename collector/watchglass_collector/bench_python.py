"""The yardstick in Python: finished rows of the benchmark's requests, made span by span with generated classes.

What collectors in Python do: a message object for each span, a dict for each row, and a client's column-wise insert.
The rows are those that the inbox and the views make, `otel_traces` and `llm_call_parts`; a test compares them.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES: Final = ("Unset", "Ok", "Error")
_TEXTS: Final = {
    "operation_name": "gen_ai.operation.name",
    "provider_name": "gen_ai.provider.name",
    "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "input_messages": "gen_ai.input.messages",
    "output_messages": "gen_ai.output.messages",
    "conversation_id": "session.id",
    "user_id": "user.id",
}
_COUNTS: Final = {
    "request_max_tokens": "gen_ai.request.max_tokens",
    "usage_input_tokens": "gen_ai.usage.input_tokens",
    "usage_output_tokens": "gen_ai.usage.output_tokens",
}

Row = dict[str, Any]


def python_rows(body: bytes) -> tuple[Sequence[Row], Sequence[Row]]:
    """Rows of `otel_traces` and of `llm_call_parts` for one request."""
    spans, calls = [], []
    received_at = datetime.now(UTC)
    for envelope in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _map(envelope.resource.attributes)
        for scope in envelope.scope_spans:
            for span in scope.spans:
                row = _span(span, scope.scope, resource)
                spans.append(row)
                calls.append(_call(row, received_at))
    return spans, calls


def _span(span: Any, scope: Any, resource: dict[str, str]) -> Row:
    return {
        "Timestamp": datetime.fromtimestamp(span.start_time_unix_nano / 1e9, UTC),
        "TraceId": span.trace_id.hex(),
        "SpanId": span.span_id.hex(),
        "ParentSpanId": span.parent_span_id.hex(),
        "TraceState": span.trace_state,
        "SpanName": span.name,
        "SpanKind": _KINDS[span.kind],
        "ServiceName": resource.get("service.name", ""),
        "ResourceAttributes": resource,
        "ScopeName": scope.name,
        "ScopeVersion": scope.version,
        "SpanAttributes": _map(span.attributes),
        "Duration": span.end_time_unix_nano - span.start_time_unix_nano,
        "StatusCode": _STATUSES[span.status.code],
        "StatusMessage": span.status.message,
    }


def _call(row: Row, received_at: datetime) -> Row:
    attributes = row["SpanAttributes"]
    is_error = row["StatusCode"] == "Error"
    users = [message for message in json.loads(attributes["gen_ai.input.messages"]) if message["role"] == "user"]
    answers = json.loads(attributes["gen_ai.output.messages"])
    return {
        "trace_id": row["TraceId"],
        "span_id": row["SpanId"],
        "received_at": received_at,
        "parent_span_id": row["ParentSpanId"],
        "start_time": row["Timestamp"],
        "duration_s": row["Duration"] / 1e9,
        "span_name": row["SpanName"],
        "service_name": row["ServiceName"],
        "environment": row["ResourceAttributes"]["deployment.environment.name"],
        "convention": "otel_genai",
        **{column: attributes[key] for column, key in _TEXTS.items()},
        **{column: int(attributes[key]) for column, key in _COUNTS.items()},
        "request_temperature": float(attributes["gen_ai.request.temperature"]),
        "prompt_text": _text(users[-1]),
        "response_text": "\n".join(map(_text, answers)),
        "finish_reasons": json.loads(attributes["gen_ai.response.finish_reasons"]),
        "error_type": "_OTHER" if is_error else None,
        "error_message": row["StatusMessage"] if is_error else None,
    }


def _text(message: dict[str, Any]) -> str:
    return "\n".join(part["content"] for part in message["parts"] if part["type"] == "text")


def _map(attributes: Any) -> dict[str, str]:
    return {attribute.key: _plain(attribute.value) for attribute in attributes}


def _plain(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return json.dumps([_plain(element) for element in value.array_value.values])
    return str(getattr(value, kind))
