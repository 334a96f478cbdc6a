-- Calls without texts, sorted by minute (design/0022-pages-at-size.md). Merging pieces while they are read was most of what a page
-- took, as everything that came within an hour was spread over the whole of it. By minute, parts overlap only where one
-- ends and the next begins, and what no other part has is read without merging. All pieces of a call have its start_time, so
-- they are of one minute; a span that is sent again with another start is another row, as it is in `llm_calls` from another hour on.
DROP VIEW IF EXISTS llm_findings_calls_mv SYNC;

CREATE MATERIALIZED VIEW llm_findings_calls_mv TO llm_call_parts AS
SELECT f.hour AS hour, f.trace_id AS trace_id, f.span_id AS span_id, f.project AS project, toNullable(f.start_time) AS start_time,
       toNullable(f.conversation_id) AS assembled_conversation_id,
       toNullable(f.user_id) AS assembled_user_id, toNullable(f.root_span_id) AS root_span_id, toNullable(f.depth) AS depth,
       toNullable(f.usage_counted) AS usage_counted, toNullable(f.cost_usd) AS assembled_cost_usd
FROM llm_findings_inbox AS f WHERE f.sign = 1;

DROP VIEW IF EXISTS llm_figures SYNC;

DROP VIEW IF EXISTS llm_figure_parts_mv SYNC;

DROP TABLE IF EXISTS llm_figure_parts SYNC;

CREATE TABLE llm_figure_parts (
    hour DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    minute DateTime('UTC') COMMENT 'of start_time; the hour where that is not in it' CODEC(Delta(4), ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'of the API key; empty = none' CODEC(ZSTD(1)),
    received_at SimpleAggregateFunction(max, DateTime64(3)) CODEC(Delta(8), ZSTD(1)),
    start_time SimpleAggregateFunction(anyLast, Nullable(DateTime64(9))) CODEC(ZSTD(1)),
    duration_s SimpleAggregateFunction(anyLast, Nullable(Float64)) CODEC(ZSTD(1)),
    service_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    environment SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    service_version SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    operation_name SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    request_model SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    response_model SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    prompt_version SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    conversation_id SimpleAggregateFunction(anyLast, Nullable(String)) COMMENT 'as the assembly found, until then as the call says' CODEC(ZSTD(1)),
    user_id SimpleAggregateFunction(anyLast, Nullable(String)) COMMENT 'so is this' CODEC(ZSTD(1)),
    usage_input_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_output_tokens SimpleAggregateFunction(anyLast, Nullable(Int64)) CODEC(ZSTD(1)),
    usage_counted SimpleAggregateFunction(anyLast, Nullable(UInt8)) CODEC(ZSTD(1)),
    error_type SimpleAggregateFunction(anyLast, LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    time_to_first_token_s SimpleAggregateFunction(anyLast, Nullable(Float64)) CODEC(ZSTD(1)),
    counted_cost_usd SimpleAggregateFunction(anyLast, Nullable(Float64)) COMMENT 'where usage counts; NaN = not known' CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, minute, trace_id, span_id, project)
TTL toDate(hour) + INTERVAL 30 DAY
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1, min_parts_to_merge_at_once = 8, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- FINAL: pieces that were not merged yet come in their order.
INSERT INTO llm_figure_parts
SELECT p.hour,
       if(ifNull(toStartOfHour(p.start_time, 'UTC'), p.hour) = p.hour, toStartOfMinute(ifNull(p.start_time, p.hour)), p.hour),
       p.trace_id, p.span_id, p.project, p.received_at, p.start_time, p.duration_s, p.service_name, p.environment,
       p.service_version, p.operation_name, p.request_model, p.response_model, p.prompt_version,
       if(p.assembled_conversation_id IS NULL, nullIf(ifNull(p.conversation_id, ''), ''), p.assembled_conversation_id),
       if(p.assembled_user_id IS NULL, nullIf(ifNull(p.user_id, ''), ''), p.assembled_user_id),
       p.usage_input_tokens, p.usage_output_tokens, p.usage_counted, p.error_type, p.time_to_first_token_s,
       if(p.usage_counted = 1, coalesce(p.assembled_cost_usd, p.cost_usd), NULL)
FROM llm_call_parts AS p FINAL WHERE p.operation_name IS NOT NULL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- A piece is of a call, or from the assembly; texts and log events say nothing that is kept here. A start that is too far from now
-- to be kept is not within its hour, which then is all that counts.
CREATE MATERIALIZED VIEW llm_figure_parts_mv TO llm_figure_parts AS
SELECT p.hour AS hour,
       if(ifNull(toStartOfHour(p.start_time, 'UTC'), p.hour) = p.hour, toStartOfMinute(ifNull(p.start_time, p.hour)), p.hour) AS minute,
       p.trace_id AS trace_id, p.span_id AS span_id, p.project AS project, p.received_at AS received_at,
       p.start_time AS start_time, p.duration_s AS duration_s, p.service_name AS service_name, p.environment AS environment,
       p.service_version AS service_version, p.operation_name AS operation_name, p.request_model AS request_model,
       p.response_model AS response_model, p.prompt_version AS prompt_version,
       if(p.assembled_conversation_id IS NULL, nullIf(ifNull(p.conversation_id, ''), ''), p.assembled_conversation_id) AS conversation_id,
       if(p.assembled_user_id IS NULL, nullIf(ifNull(p.user_id, ''), ''), p.assembled_user_id) AS user_id,
       p.usage_input_tokens AS usage_input_tokens, p.usage_output_tokens AS usage_output_tokens,
       p.usage_counted AS usage_counted, p.error_type AS error_type, p.time_to_first_token_s AS time_to_first_token_s,
       if(p.usage_counted = 1, coalesce(p.assembled_cost_usd, p.cost_usd), NULL) AS counted_cost_usd
FROM llm_call_parts AS p WHERE p.operation_name IS NOT NULL OR p.usage_counted IS NOT NULL;

-- As `llm_calls`, with fewer columns. A text under a NULL is '' here, so it is not looked whether there is one.
CREATE VIEW llm_figures AS
SELECT hour, minute, trace_id, span_id, p.project AS key_project, received_at, assumeNotNull(p.start_time) AS start_time,
       ifNull(p.duration_s, 0) AS duration_s, ifNull(p.service_name, '') AS service_name,
       ifNull(p.environment, '') AS environment, ifNull(p.service_version, '') AS service_version,
       ifNull(p.operation_name, '') AS operation_name, ifNull(p.request_model, '') AS request_model,
       ifNull(p.response_model, '') AS response_model, ifNull(p.prompt_version, '') AS prompt_version,
       assumeNotNull(p.conversation_id) AS conversation_id, assumeNotNull(p.user_id) AS user_id,
       usage_input_tokens, usage_output_tokens, ifNull(p.usage_counted, 0) AS usage_counted,
       ifNull(p.error_type, '') AS error_type, time_to_first_token_s,
       if(p.usage_counted = 1 AND NOT isNaN(p.counted_cost_usd), p.counted_cost_usd, NULL) AS counted_cost_usd
FROM llm_figure_parts AS p FINAL
WHERE p.operation_name IS NOT NULL
SETTINGS do_not_merge_across_partitions_select_final = 1;
