"""Queries of the Trace page: light columns of all spans, everything of the one that is looked at.

A trace is known by its id and the project of the API key that it came with, '' where there was none.
"""

from typing import Any

from watchglass_store import Store

#: Spans read of one trace; the page says so when there are more.
SPAN_LIMIT = 30_000
#: Bytes of one message list or text read; longer ones are cut, and the page says so.
TEXT_LIMIT = 1_000_000
#: Characters of one raw attribute.
ATTRIBUTE_LIMIT = 20_000


def spans(store: Store, trace_id: str, project: str) -> list[dict[str, Any]]:
    """Every span of a trace, at most `SPAN_LIMIT`, without its text.

    Keys: span_id, parent_span_id, name, service_name, start_ns, duration_s, failed (0 or 1), message.
    """
    return store.query(
        """
        WITH
            (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String}) AS first_start,
            (SELECT max(End) FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String}) AS last_start
        SELECT SpanId AS span_id, ParentSpanId AS parent_span_id, substringUTF8(SpanName, 1, 300) AS name,
               ServiceName AS service_name, toUnixTimestamp64Nano(Timestamp) AS start_ns,
               toFloat64(Duration) / 1e9 AS duration_s, StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS failed,
               substringUTF8(StatusMessage, 1, 300) AS message
        FROM otel_traces
        WHERE TraceId = {trace_id:String} AND Timestamp >= first_start - 1 AND Timestamp <= last_start + 2
          AND ResourceAttributes['watchglass.project'] = {project:String}
        ORDER BY Timestamp LIMIT {limit:UInt32}
        """,
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


def calls(store: Store, trace_id: str, project: str) -> list[dict[str, Any]]:
    """The trace's model, tool, retrieval, agent and embedding operations, at most `SPAN_LIMIT`, without their text."""
    return store.query(
        """
        SELECT span_id, parent_span_id, span_name AS name, service_name, environment,
               toUnixTimestamp64Nano(start_time) AS start_ns, duration_s, operation_name,
               if(response_model != '', response_model, request_model) AS model, tool_name, agent_name,
               time_to_first_token_s, usage_counted, usage_input_tokens, usage_output_tokens, cost_usd, error_type,
               user_id, conversation_id, prompt_name, prompt_version
        FROM llm_calls WHERE trace_id = {trace_id:String} AND key_project = {project:String}
        ORDER BY start_time LIMIT {limit:UInt32}
        """,
        {"trace_id": trace_id, "project": project, "limit": SPAN_LIMIT},
    )


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
