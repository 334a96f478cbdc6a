"""Who sends telemetry, how its spans are understood, and what each client leaves out."""

from dataclasses import dataclass
from datetime import datetime

from watchglass_store import Store
from watchglass_store.queries.pages import milliseconds

NEWEST, OF_ONE = 50_000, 100
"""Calls looked at: of the newest those of each service and operation, so that a busy service hides no other. What a
client leaves out takes no more than that to see, and the texts of each must be read."""

# Field -> (which calls are expected to have it, how to tell that this one has not).
_ANSWERED = "error_type = '' AND operation_name IN ('chat', 'text_completion', 'generate_content')"
_MODEL = "error_type = '' AND operation_name IN ('chat', 'text_completion', 'generate_content', 'embeddings')"
_FIELDS = {
    "prompt": (_ANSWERED, "prompt_text = ''"),
    "answer": (_ANSWERED, "response_text = '' AND position(output_messages, '\"tool_call\"') = 0"),
    "model": (_MODEL, "request_model = '' AND response_model = ''"),
    "provider": (_MODEL, "provider_name = ''"),
    "input tokens": (_MODEL, "usage_input_tokens IS NULL"),
    "output tokens": (_ANSWERED, "usage_output_tokens IS NULL"),
    "finish reason": (_ANSWERED, "empty(finish_reasons)"),
    "session": ("1", "conversation_id = ''"),
    "user": ("1", "user_id = ''"),
    "tool arguments": ("operation_name = 'execute_tool'", "tool_call_arguments = ''"),
    "tool result": ("error_type = '' AND operation_name = 'execute_tool'", "tool_call_result = ''"),
    "documents": ("error_type = '' AND operation_name = 'retrieval'", "retrieval_documents = ''"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """What one client of one service sent.

    Attributes:
        service_name: As the client's resource says.
        scope: The instrumentation scope; '' where spans have none or are gone already.
        sdk: `telemetry.sdk.name` and `telemetry.sdk.language` of the resource: `opentelemetry python`.
        convention: The convention that read the spans.
        calls: Among those looked at (`NEWEST`, `OF_ONE`).
        last_received: When the newest of them came.
        missing: Field -> share, 0 to 1, of the calls that should have it and do not; None where no call should have it.
    """

    service_name: str
    scope: str
    sdk: str
    convention: str
    calls: int
    last_received: datetime
    missing: dict[str, float | None]


def sources(store: Store, since: datetime) -> list[Source]:
    """Each client that sent a call since then, those with most calls first.

    Args:
        store: Any store; readers suffice.
        since: Timezone-aware; compared with the time of arrival.
    """
    shares = ", ".join(
        f"if(countIf({wanted}) = 0, NULL, countIf({wanted} AND ({lacks})) / countIf({wanted})) AS missing_{place}"
        for place, (wanted, lacks) in enumerate(_FIELDS.values())
    )
    rows = store.query(
        f"""
        WITH newest AS (
            SELECT hour, trace_id, span_id, project, start_time FROM (
                SELECT * FROM llm_calls_by_time
                WHERE received_at >= fromUnixTimestamp64Milli({{since_ms:Int64}}, 'UTC')
                ORDER BY received_at DESC LIMIT {NEWEST})
            ORDER BY received_at DESC LIMIT {OF_ONE} BY service_name, operation_name)
        SELECT c.service_name AS service_name, s.scope AS scope, s.sdk AS sdk, c.convention AS convention,
            toInt64(count()) AS calls, max(c.received_at) AS last_received, {shares}
        FROM (
            SELECT * FROM llm_calls
            WHERE (hour, trace_id, span_id, key_project) IN (SELECT hour, trace_id, span_id, project FROM newest)
        ) AS c
        LEFT ANY JOIN (
            SELECT TraceId AS trace_id, SpanId AS span_id,
                ResourceAttributes['watchglass.project'] AS key_project, ScopeName AS scope, trim(concat(
                ResourceAttributes['telemetry.sdk.name'], ' ', ResourceAttributes['telemetry.sdk.language'])) AS sdk
            FROM otel_traces
            WHERE Timestamp >= (SELECT min(start_time) FROM newest)
                AND (TraceId, SpanId) IN (SELECT trace_id, span_id FROM newest)
        ) AS s USING (trace_id, span_id, key_project)
        GROUP BY service_name, scope, sdk, convention
        ORDER BY calls DESC, service_name, scope, convention
        """,
        {"since_ms": milliseconds(since)},
    )
    return [
        Source(
            **{name: row[name] for name in ("service_name", "scope", "sdk", "convention", "calls", "last_received")},
            missing={field: row[f"missing_{place}"] for place, field in enumerate(_FIELDS)},
        )
        for row in rows
    ]
