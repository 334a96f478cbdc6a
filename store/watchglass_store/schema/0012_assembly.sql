-- What putting traces together needs and leaves behind (design/0012-assembly.md). Text is in none of these tables.

-- The skeleton of every trace, in order of arrival: one row for each span, one for each call made of a span, one for each
-- log event about a call. Writer: materialized views.
CREATE TABLE llm_trace_pieces (
    received_at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    trace_key Int64 COMMENT 'reinterpretAsInt64(cityHash64(trace_id, project)): the ids of another project are another trace' CODEC(ZSTD(1)),
    kind Enum8('span' = 1, 'call' = 2, 'event' = 3),
    hour DateTime('UTC') COMMENT 'call, event: where its piece of llm_call_parts is' CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String),
    parent_span_id String CODEC(ZSTD(1)),
    start_time DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    duration_s Float64 CODEC(ZSTD(1)),
    scope LowCardinality(String) COMMENT 'span: the instrumentation',
    conversation_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    service_name LowCardinality(String),
    environment LowCardinality(String),
    convention LowCardinality(String),
    operation_name LowCardinality(String),
    provider_name LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    response_id String CODEC(ZSTD(1)),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    usage_input_tokens Int64 DEFAULT -1 COMMENT '-1 = not sent; so for the others' CODEC(ZSTD(1)),
    usage_output_tokens Int64 DEFAULT -1 CODEC(ZSTD(1)),
    usage_cache_read_input_tokens Int64 DEFAULT -1 CODEC(ZSTD(1)),
    usage_cache_write_input_tokens Int64 DEFAULT -1 CODEC(ZSTD(1)),
    cost_usd Float64 DEFAULT nan COMMENT 'as the client says; NaN = it does not' CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY received_at
TTL toDate(received_at) + INTERVAL 30 DAY
SETTINGS min_parts_to_merge_at_once = 8, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW llm_trace_pieces_mv TO llm_trace_pieces AS
SELECT now64(3) AS received_at, reinterpretAsInt64(cityHash64(p.trace_id, p.project)) AS trace_key,
       if(p.operation_name IS NULL, 'event', 'call') AS kind, p.hour AS hour, p.trace_id AS trace_id, p.span_id AS span_id,
       p.project AS project, ifNull(p.parent_span_id, '') AS parent_span_id, ifNull(p.start_time, toDateTime64(0, 9)) AS start_time,
       ifNull(p.duration_s, 0) AS duration_s, ifNull(p.conversation_id, '') AS conversation_id,
       ifNull(p.user_id, '') AS user_id, ifNull(p.service_name, '') AS service_name, ifNull(p.environment, '') AS environment,
       ifNull(p.convention, '') AS convention, ifNull(p.operation_name, '') AS operation_name,
       ifNull(p.provider_name, '') AS provider_name, ifNull(p.request_model, '') AS request_model,
       ifNull(p.response_model, '') AS response_model, ifNull(p.response_id, '') AS response_id,
       ifNull(p.prompt_name, '') AS prompt_name, ifNull(p.prompt_version, '') AS prompt_version,
       ifNull(p.usage_input_tokens, -1) AS usage_input_tokens, ifNull(p.usage_output_tokens, -1) AS usage_output_tokens,
       ifNull(p.usage_cache_read_input_tokens, -1) AS usage_cache_read_input_tokens,
       ifNull(p.usage_cache_write_input_tokens, -1) AS usage_cache_write_input_tokens, ifNull(p.cost_usd, nan) AS cost_usd
FROM llm_call_parts AS p WHERE p.operation_name IS NOT NULL OR notEmpty(p.event_messages);

-- What was found out about calls, batch by batch: the journal of the assembly. One insert is one batch, in one partition,
-- so a batch is there whole or not at all; its number is its insert token, so only one assembler can have written it.
-- Writer: the assembly.
CREATE TABLE llm_findings (
    written_at DateTime64(3) COMMENT 'one for a batch' CODEC(Delta(8), ZSTD(1)),
    batch UInt64 CODEC(ZSTD(1)),
    writer String CODEC(ZSTD(1)),
    trace_key Int64 DEFAULT reinterpretAsInt64(cityHash64(trace_id, project)) CODEC(ZSTD(1)),
    sign Int8 COMMENT '1 = found; -1 = takes back what an earlier batch counted',
    hour DateTime('UTC') CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String),
    start_time DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    service_name LowCardinality(String),
    environment LowCardinality(String),
    operation_name LowCardinality(String),
    provider_name LowCardinality(String),
    model LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    conversation_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    root_span_id String CODEC(ZSTD(1)),
    depth UInt32 CODEC(ZSTD(1)),
    usage_counted UInt8,
    usage_input_tokens Int64 CODEC(ZSTD(1)),
    usage_output_tokens Int64 CODEC(ZSTD(1)),
    cost_usd Float64 COMMENT 'NaN = no price' CODEC(ZSTD(1)),
    moved_events UInt32 COMMENT 'log events that were stored under another hour, and are now under this one too'
) ENGINE = MergeTree
PARTITION BY toDate(written_at)
ORDER BY (written_at, batch, trace_key)
TTL toDate(written_at) + INTERVAL 33 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- A batch goes through here, with its number as token, to the calls and to the rollup: however often it is sent, once.
CREATE TABLE llm_findings_inbox AS llm_findings ENGINE = Null;

CREATE MATERIALIZED VIEW llm_findings_calls_mv TO llm_call_parts AS
SELECT f.hour AS hour, f.trace_id AS trace_id, f.span_id AS span_id, f.project AS project,
       toNullable(f.conversation_id) AS assembled_conversation_id,
       toNullable(f.user_id) AS assembled_user_id, toNullable(f.root_span_id) AS root_span_id, toNullable(f.depth) AS depth,
       toNullable(f.usage_counted) AS usage_counted, toNullable(f.cost_usd) AS assembled_cost_usd
FROM llm_findings_inbox AS f WHERE f.sign = 1;

CREATE MATERIALIZED VIEW llm_findings_1m_mv TO llm_calls_1m AS
SELECT toStartOfMinute(f.start_time) AS minute, f.service_name AS service_name, f.environment AS environment,
       f.operation_name AS operation_name, f.provider_name AS provider_name, f.model AS model,
       f.prompt_name AS prompt_name, f.prompt_version AS prompt_version,
       sum(f.sign * greatest(f.usage_input_tokens, 0)) AS input_tokens,
       sum(f.sign * greatest(f.usage_output_tokens, 0)) AS output_tokens,
       sum(if(isNaN(f.cost_usd), 0, f.sign * f.cost_usd)) AS cost_usd,
       sum(toInt64(if(isNaN(f.cost_usd), f.sign, 0))) AS unpriced_calls
FROM llm_findings_inbox AS f WHERE f.usage_counted = 1
GROUP BY minute, service_name, environment, operation_name, provider_name, model, prompt_name, prompt_version;

-- Which assembler is at work, and how far. Append only. Writer: the assembly.
CREATE TABLE llm_assembly_log (
    time DateTime64(3) DEFAULT now64(3),
    event LowCardinality(String) COMMENT 'alive: somebody is at work, or stands by. gone: it ended. applied: a batch is in the calls and the rollup',
    worker String COMMENT 'one data directory' CODEC(ZSTD(1)),
    is_standing_by UInt8,
    since DateTime64(3) COMMENT 'alive: since when without a gap',
    batch UInt64,
    watermark DateTime64(3) COMMENT 'pieces received up to here were looked at',
    traces UInt64 COMMENT 'applied: in the batch; so for the others',
    calls UInt64,
    unpriced UInt64 COMMENT 'calls whose usage counts and whose model has no price'
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY time
TTL toDate(time) + INTERVAL 33 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Prices that a person set: append-only versions, the latest of each (provider, model, valid_from, above_input_tokens) wins,
-- the versions are the audit trail. They come before the shipped ones. Writer: `watchglass prices`.
CREATE TABLE prices (
    provider String COMMENT 'empty = whoever serves the model',
    model String,
    valid_from Date,
    above_input_tokens UInt64 COMMENT 'for calls with more input tokens than this',
    version DateTime64(3) DEFAULT now64(3),
    input_usd Float64 COMMENT 'for a million tokens; so for the others, NULL = no price for such tokens',
    output_usd Nullable(Float64),
    cache_read_usd Nullable(Float64),
    cache_write_usd Nullable(Float64),
    deleted UInt8 DEFAULT 0,
    author String
) ENGINE = MergeTree ORDER BY (model, provider, valid_from, above_input_tokens, version);
