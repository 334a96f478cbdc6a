-- Which release of the application made a call: `service.version` of its resource, so that two can be compared.
ALTER TABLE llm_call_parts ADD COLUMN service_version SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)) AFTER environment;

-- As in 0002_llm_calls.sql, and the new column, and `key_project`: what parts calls whose ids are the same.
CREATE OR REPLACE VIEW llm_calls AS
WITH
    arraySort(event_messages) AS events,
    arrayFilter(m -> m.kind = 'input', events) AS input_events,
    arrayFilter(m -> m.kind = 'output', events) AS output_events,
    arrayFilter(m -> m.kind = 'system', events) AS system_events,
    arrayFirst(m -> m.kind = 'input_messages', events) AS input_details,
    arrayFirst(m -> m.kind = 'output_messages', events) AS output_details,
    arrayFirst(m -> m.kind = 'system_instructions', events) AS system_details
SELECT
    hour, toDate(hour) AS day, trace_id, span_id, ifNull(parent_span_id, '') AS parent_span_id, received_at,
    assumeNotNull(p.start_time) AS start_time, ifNull(p.duration_s, 0) AS duration_s, ifNull(p.span_name, '') AS span_name,
    ifNull(p.service_name, '') AS service_name, ifNull(p.environment, '') AS environment,
    ifNull(p.service_version, '') AS service_version,
    if(p.project != '', p.project, ifNull(p.claimed_project, '')) AS project, p.project AS key_project,
    ifNull(p.convention, '') AS convention, ifNull(p.operation_name, '') AS operation_name,
    ifNull(p.provider_name, '') AS provider_name, ifNull(p.request_model, '') AS request_model,
    ifNull(p.response_model, '') AS response_model, ifNull(p.response_id, '') AS response_id,
    ifNull(p.agent_name, '') AS agent_name, ifNull(p.tool_name, '') AS tool_name, ifNull(p.tool_call_id, '') AS tool_call_id,
    ifNull(p.tool_call_arguments, '') AS tool_call_arguments, ifNull(p.tool_call_result, '') AS tool_call_result,
    coalesce(p.input_messages, nullIf(input_details.message, ''), if(empty(input_events), '', concat('[', arrayStringConcat(input_events.message, ','), ']'))) AS input_messages,
    coalesce(p.output_messages, nullIf(output_details.message, ''), if(empty(output_events), '', concat('[', arrayStringConcat(output_events.message, ','), ']'))) AS output_messages,
    coalesce(p.system_instructions, nullIf(system_details.message, ''), if(empty(system_events), '', concat('[', arrayStringConcat(system_events.message, ','), ']'))) AS system_instructions,
    ifNull(p.tool_definitions, '') AS tool_definitions, ifNull(p.retrieval_documents, '') AS retrieval_documents,
    coalesce(p.prompt_text, nullIf(input_details.text, ''), arrayLast(m -> m.role = 'user' AND m.text != '', input_events).text) AS prompt_text,
    coalesce(p.response_text, nullIf(output_details.text, ''), arrayStringConcat(arrayFilter(t -> t != '', output_events.text), '\n')) AS response_text,
    ifNull(p.context_text, '') AS context_text, ifNull(p.reference_text, '') AS reference_text,
    ifNull(p.output_schema, '') AS output_schema,
    coalesce(p.assembled_conversation_id, p.conversation_id, '') AS conversation_id,
    coalesce(p.assembled_user_id, p.user_id, '') AS user_id,
    ifNull(p.prompt_name, '') AS prompt_name, ifNull(p.prompt_version, '') AS prompt_version,
    request_temperature, request_top_p, request_max_tokens, usage_input_tokens, usage_output_tokens,
    usage_cache_read_input_tokens, usage_cache_write_input_tokens, usage_reasoning_output_tokens,
    ifNull(p.usage_counted, 0) AS usage_counted,
    if(notEmpty(p.finish_reasons), arraySort(p.finish_reasons), arraySort(arrayDistinct(arrayFilter(r -> r != '', arrayMap(m -> JSONExtractString(m.message, 'finish_reason'), output_events))))) AS finish_reasons,
    ifNull(p.error_type, '') AS error_type, ifNull(p.error_message, '') AS error_message,
    time_to_first_token_s, if(isNaN(coalesce(p.assembled_cost_usd, p.cost_usd)), NULL, coalesce(p.assembled_cost_usd, p.cost_usd)) AS cost_usd,
    coalesce(p.root_span_id, p.span_id) AS root_span_id, depth
FROM llm_call_parts AS p FINAL
WHERE p.operation_name IS NOT NULL
-- The partition is made from the key, so no call is in two of them.
SETTINGS do_not_merge_across_partitions_select_final = 1;
