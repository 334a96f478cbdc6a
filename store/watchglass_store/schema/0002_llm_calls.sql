-- One row per model, tool, retrieval, agent or embedding operation, whatever the client's convention. Writer: collector.
-- A span and its log events arrive apart and in any order: each writes a partial row and rows with one
-- (hour, trace_id, span_id, project) merge. Nullable means "this piece does not say"; anyLast skips NULL, so the last piece that says
-- wins. Nobody reads this table but to find calls by their text: `llm_calls` is the merged view of it.
-- Sorted by hour first: pages, rules and samples ask for a time, and merging on reading then stays within an hour. Whoever
-- asks by id names the hour as well (`llm_calls_by_time` has it), or leaves it to the bloom filter. A log event is put
-- under the hour of its own time, which nearly always is that of its call.
CREATE TABLE llm_call_parts (
    hour DateTime('UTC') DEFAULT toStartOfHour(toDateTime(assumeNotNull(start_time), 'UTC')) CODEC(Delta(4), ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    -- Part of the key, and its end: two tenants may send the same ids, and a look-up by ids stays a look-up by a prefix.
    project LowCardinality(String) COMMENT 'of the API key; empty = none' CODEC(ZSTD(1)),
    received_at SimpleAggregateFunction(max, DateTime64(3)) CODEC(Delta(8), ZSTD(1)),
    parent_span_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    start_time SimpleAggregateFunction(anyLast, Nullable(DateTime64(9))) CODEC(ZSTD(1)),
    duration_s SimpleAggregateFunction(anyLast, Nullable(Float64)) CODEC(ZSTD(1)),
    span_name SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    service_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    environment SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    service_version SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    claimed_project SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) COMMENT 'as the client says' CODEC(ZSTD(1)),
    convention SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    operation_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    provider_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    request_model SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    response_model SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    response_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    agent_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    tool_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    tool_call_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    tool_call_arguments SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    tool_call_result SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    input_messages SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    output_messages SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    system_instructions SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    tool_definitions SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    retrieval_documents SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    prompt_text SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    response_text SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    context_text SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    reference_text SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    output_schema SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(3)),
    -- Messages from log events, used where the span itself has none. Semantic conventions 1.28 to 1.36 send one event
    -- for each message: kind 'system' (message: JSON of its parts), 'input' or 'output' (JSON of the message); the view
    -- puts them in order and joins them. Later ones send one event for the call: kind 'input_messages',
    -- 'output_messages' or 'system_instructions', message: the whole JSON list. text: the prompt's or answer's plain text.
    event_messages SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(time_unix_nano UInt64, kind String, role String, message String, text String))) CODEC(ZSTD(3)),
    conversation_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    user_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    prompt_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    prompt_version SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    request_temperature SimpleAggregateFunction(anyLast, Nullable(Float64)) CODEC(ZSTD(1)),
    request_top_p SimpleAggregateFunction(anyLast, Nullable(Float64)) CODEC(ZSTD(1)),
    request_max_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_input_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_output_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_cache_read_input_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_cache_write_input_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_reasoning_output_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_counted SimpleAggregateFunction(anyLast, Nullable(UInt8)) CODEC(ZSTD(1)),
    finish_reasons SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1)),
    error_type SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    error_message SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    time_to_first_token_s SimpleAggregateFunction(anyLast, Nullable(Float64)) CODEC(ZSTD(1)),
    cost_usd SimpleAggregateFunction(anyLast, Nullable(Float64)) CODEC(ZSTD(1)),
    -- What takes the whole trace, and so comes later: 0012_assembly.sql. usage_counted above is of this kind too.
    root_span_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    depth SimpleAggregateFunction(anyLast, Nullable(UInt32)) CODEC(ZSTD(1)),
    assembled_conversation_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    assembled_user_id SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    assembled_cost_usd SimpleAggregateFunction(anyLast, Nullable(Float64)) COMMENT 'NaN = not known' CODEC(ZSTD(1)),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    -- Words of prompt, answer and tool arguments. `queries/search.py` has the same expression: a search must spell it alike.
    INDEX idx_text lowerUTF8(concat(ifNull(prompt_text, ''), '\n', ifNull(response_text, ''), '\n', ifNull(tool_call_arguments, ''), '\n', arrayStringConcat(event_messages.text, '\n'))) TYPE text(tokenizer = splitByNonAlpha)
) ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, trace_id, span_id, project)
TTL toDate(hour) + INTERVAL 30 DAY
-- Rows are wide and read by id: small granules keep a look-up from dragging in thousands of neighbours' texts.
SETTINGS index_granularity = 256, min_bytes_for_wide_part = 268435456, min_columns_to_activate_adaptive_write_buffer = 1, merge_max_block_size_bytes = 2097152, min_parts_to_merge_at_once = 8, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- The order calls arrived in: what an evaluator or a "newest first" page reads, so that their cost grows with the
-- rows they ask for and not with the table.
CREATE TABLE llm_calls_by_time (
    received_at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    start_time DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    hour DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'of the API key; empty = none',
    service_name LowCardinality(String),
    operation_name LowCardinality(String),
    conversation_id String CODEC(ZSTD(1)),
    INDEX idx_conversation_id conversation_id TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY received_at
TTL toDate(received_at) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Per-minute rollup of calls. Calls, errors and times are those of the spans, at once; tokens and cost come when their trace
-- is assembled. Writers: materialized views.
CREATE TABLE llm_calls_1m (
    minute DateTime CODEC(Delta(4), ZSTD(1)),
    service_name LowCardinality(String),
    environment LowCardinality(String),
    operation_name LowCardinality(String),
    provider_name LowCardinality(String),
    model LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    input_tokens SimpleAggregateFunction(sum, Int64),
    output_tokens SimpleAggregateFunction(sum, Int64),
    cost_usd SimpleAggregateFunction(sum, Float64),
    unpriced_calls SimpleAggregateFunction(sum, Int64) COMMENT 'calls whose usage counts and whose cost nobody knows',
    duration_s_sum SimpleAggregateFunction(sum, Float64),
    duration_s_sum_squares SimpleAggregateFunction(sum, Float64),
    duration_s_quantiles AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64),
    time_to_first_token_calls SimpleAggregateFunction(sum, UInt64),
    time_to_first_token_s_quantiles AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, service_name, environment, operation_name, provider_name, model, prompt_name, prompt_version)
TTL minute + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW llm_calls_by_time_mv TO llm_calls_by_time AS
SELECT p.received_at AS received_at, assumeNotNull(p.start_time) AS start_time, p.hour AS hour, p.trace_id AS trace_id,
       p.span_id AS span_id, p.project AS project, ifNull(p.service_name, '') AS service_name, ifNull(p.operation_name, '') AS operation_name,
       ifNull(p.conversation_id, '') AS conversation_id
FROM llm_call_parts AS p WHERE p.operation_name IS NOT NULL;

CREATE MATERIALIZED VIEW llm_calls_1m_mv TO llm_calls_1m AS
SELECT toStartOfMinute(assumeNotNull(p.start_time)) AS minute,
       ifNull(p.service_name, '') AS service_name, ifNull(p.environment, '') AS environment,
       ifNull(p.operation_name, '') AS operation_name, ifNull(p.provider_name, '') AS provider_name,
       coalesce(p.response_model, p.request_model, '') AS model,
       ifNull(p.prompt_name, '') AS prompt_name, ifNull(p.prompt_version, '') AS prompt_version,
       count() AS calls, countIf(ifNull(p.error_type, '') != '') AS errors,
       sumIf(ifNull(p.usage_input_tokens, 0), p.usage_counted = 1) AS input_tokens,
       sumIf(ifNull(p.usage_output_tokens, 0), p.usage_counted = 1) AS output_tokens,
       sumIf(ifNull(p.cost_usd, 0), p.usage_counted = 1) AS cost_usd,
       toInt64(countIf(p.usage_counted = 1 AND p.cost_usd IS NULL)) AS unpriced_calls,
       sum(ifNull(p.duration_s, 0)) AS duration_s_sum,
       sum(ifNull(p.duration_s, 0) * ifNull(p.duration_s, 0)) AS duration_s_sum_squares,
       quantilesTDigestStateIf(0.5, 0.95, 0.99)(assumeNotNull(p.duration_s), p.duration_s IS NOT NULL) AS duration_s_quantiles,
       countIf(p.time_to_first_token_s IS NOT NULL) AS time_to_first_token_calls,
       quantilesTDigestStateIf(0.5, 0.95, 0.99)(assumeNotNull(p.time_to_first_token_s), p.time_to_first_token_s IS NOT NULL) AS time_to_first_token_s_quantiles
FROM llm_call_parts AS p WHERE p.operation_name IS NOT NULL
GROUP BY minute, service_name, environment, operation_name, provider_name, model, prompt_name, prompt_version;

-- What everybody reads. Pieces merged, NULL text shown as '', event messages joined where the span carries none.
-- Numbers that were not sent stay NULL. Filter on `hour` (or `day`) as well as on start_time: the table is sorted by it.
CREATE VIEW llm_calls AS
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
