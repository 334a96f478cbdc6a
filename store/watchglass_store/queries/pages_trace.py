"""Queries of the Trace page: light columns of all spans, everything of the one that is looked at.

A trace is known by its id and the project of the API key that it came with, '' where there was none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchglass_store import Store

#: Columns of equal length by name: a trace has tens of thousands of spans, and most are looked at one column at a time.
Columns = Mapping[str, Sequence[Any]]

#: Spans read of one trace; the page says so when there are more.
SPAN_LIMIT = 30_000
#: Bytes of one message list or text read; longer ones are cut, and the page says so.
TEXT_LIMIT = 1_000_000
#: Characters of one raw attribute.
ATTRIBUTE_LIMIT = 20_000
#: What is known of each span, and how. `failed` is 0 or 1.
SPAN_COLUMNS = {
    "span_id": "SpanId",
    "parent_span_id": "ParentSpanId",
    "name": "substringUTF8(SpanName, 1, 300)",
    "service_name": "ServiceName",
    "start_ns": "toUnixTimestamp64Nano(Timestamp)",
    "duration_s": "toFloat64(Duration) / 1e9",
    "failed": "StatusCode IN ('Error', 'STATUS_CODE_ERROR')",
}
#: What is known of each call; token counts, cost and first token are None where nobody said.
CALL_COLUMNS = {
    "name": "span_name",
    "start_ns": "toUnixTimestamp64Nano(start_time)",
    **{
        name: name
        for name in (
            "span_id", "parent_span_id", "service_name", "environment", "duration_s", "operation_name",
            "time_to_first_token_s", "usage_counted", "usage_input_tokens", "usage_output_tokens", "cost_usd",
            "error_type", "user_id", "conversation_id", "prompt_name", "prompt_version",
        )
    },
}  # fmt: skip


def spans(store: Store, trace_id: str, project: str) -> Columns:
    """Every span of a trace, at most `SPAN_LIMIT`, without its text: columns `SPAN_COLUMNS`."""
    return store.query_columns(
        f"""
        WITH
            (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {{trace_id:String}}) AS first_start,
            (SELECT max(End) FROM otel_traces_trace_id_ts WHERE TraceId = {{trace_id:String}}) AS last_start
        SELECT {_selected(SPAN_COLUMNS)}
        FROM otel_traces
        WHERE TraceId = {{trace_id:String}} AND Timestamp >= first_start - 1 AND Timestamp <= last_start + 2
          AND ResourceAttributes['watchglass.project'] = {{project:String}}
        ORDER BY Timestamp LIMIT {{limit:UInt32}}
        """,
        tuple(SPAN_COLUMNS),
        {"trace_id": trace_id, "project": project, "limit": SPAN_LIMIT},
    )


def projects(store: Store, trace_id: str) -> list[str]:
    """The projects, 20 at most, that sent spans with a trace id; ids are made by clients."""
    rows = store.query(
        """
        WITH (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String}) AS first_start
        SELECT DISTINCT ResourceAttributes['watchglass.project'] AS project FROM otel_traces
        WHERE TraceId = {trace_id:String} AND Timestamp >= first_start - 1 ORDER BY project LIMIT 20
        """,
        {"trace_id": trace_id},
    )
    return [row["project"] for row in rows]


def calls(store: Store, trace_id: str, project: str) -> Columns:
    """The model, tool, retrieval, agent and embedding operations of a trace, without their text: `CALL_COLUMNS`."""
    return store.query_columns(
        f"""
        SELECT {_selected(CALL_COLUMNS)}
        FROM llm_calls WHERE trace_id = {{trace_id:String}} AND key_project = {{project:String}}
        ORDER BY start_time LIMIT {{limit:UInt32}}
        """,
        tuple(CALL_COLUMNS),
        {"trace_id": trace_id, "project": project, "limit": SPAN_LIMIT},
    )


def _selected(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def call(store: Store, trace_id: str, span_id: str, project: str) -> dict[str, Any] | None:
    """One operation with its text, each cut to `TEXT_LIMIT`; `text_bytes` is the longest text's true length."""
    texts = (
        "input_messages",
        "output_messages",
        "system_instructions",
        "tool_definitions",
        "retrieval_documents",
        "tool_call_arguments",
        "tool_call_result",
        "prompt_text",
        "response_text",
        "reference_text",
        "error_message",
    )
    cut = ", ".join(f"substring({text}, 1, {{limit:UInt32}}) AS cut_{text}" for text in texts)
    longest = ", ".join(f"length({text})" for text in texts)
    rows = store.query(
        f"""
        SELECT {cut}, toInt64(greatest({longest})) AS text_bytes, service_name, environment,
               toUnixTimestamp64Nano(start_time) AS start_ns, operation_name, provider_name, request_model,
               response_model, response_id, convention, agent_name, tool_name, tool_call_id, conversation_id, user_id,
               prompt_name, prompt_version, request_temperature, request_top_p, request_max_tokens,
               usage_input_tokens, usage_output_tokens, usage_cache_read_input_tokens, usage_cache_write_input_tokens,
               usage_reasoning_output_tokens, finish_reasons, error_type, time_to_first_token_s, duration_s, cost_usd
        FROM llm_calls
        WHERE trace_id = {{trace_id:String}} AND span_id = {{span_id:String}} AND key_project = {{project:String}}
        LIMIT 1
        """,
        {"trace_id": trace_id, "span_id": span_id, "project": project, "limit": TEXT_LIMIT},
    )
    return {key.removeprefix("cut_"): value for key, value in rows[0].items()} if rows else None


def attributes(store: Store, trace_id: str, span_id: str, project: str) -> dict[str, Any] | None:
    """One span as it was received: attributes, resource, scope, status and events; values cut to `ATTRIBUTE_LIMIT`."""
    rows = store.query(
        """
        WITH (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String}) AS first_start
        SELECT mapApply((k, v) -> (k, substringUTF8(v, 1, {limit:UInt32})), SpanAttributes) AS span_attributes,
               mapApply((k, v) -> (k, substringUTF8(v, 1, {limit:UInt32})), ResourceAttributes) AS resource_attributes,
               ScopeName AS scope_name, ScopeVersion AS scope_version, SpanKind AS span_kind,
               StatusCode AS status_code, substringUTF8(StatusMessage, 1, {limit:UInt32}) AS status_message,
               arraySlice(`Events.Name`, 1, 100) AS event_names,
               arrayMap(e -> mapApply((k, v) -> (k, substringUTF8(v, 1, {limit:UInt32})), e),
                        arraySlice(`Events.Attributes`, 1, 100)) AS event_attributes
        FROM otel_traces
        WHERE TraceId = {trace_id:String} AND SpanId = {span_id:String} AND Timestamp >= first_start - 1
          AND ResourceAttributes['watchglass.project'] = {project:String} LIMIT 1
        """,
        {"trace_id": trace_id, "span_id": span_id, "project": project, "limit": ATTRIBUTE_LIMIT},
    )
    return rows[0] if rows else None


def scores(store: Store, trace_id: str, project: str) -> list[dict[str, Any]]:
    """Every score of a trace, at most 1000; value None = unscored, error says why."""
    return store.query(
        """
        SELECT span_id, name, evaluator, evaluator_version, value, label, substringUTF8(explanation, 1, 4000) AS why,
               source, direction, range, substringUTF8(error, 1, 1000) AS problem, created_at
        FROM (
            SELECT * FROM scores WHERE trace_id = {trace_id:String} AND project = {project:String}
            ORDER BY scores.created_at DESC
            LIMIT 1 BY name, evaluator, evaluator_version, trace_id, span_id, conversation_id, project
        )
        ORDER BY name, evaluator, evaluator_version, span_id LIMIT 1000
        """,
        {"trace_id": trace_id, "project": project},
    )
