-- What pages ask of millions of rows (design/0022-pages-at-size.md).

-- Results of evaluators, one row each, a day at a time. FINAL over `scores` itself reads every day that is kept, whatever
-- the range: the same key could be in two days. It is not where the time is the call's own; what people and applications say
-- has the time at which they said it, and is left out.
CREATE VIEW scores_by_day AS
SELECT * FROM scores FINAL WHERE source NOT IN ('human', 'external')
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The rollup by hour, for what looks at many of them. Writer: materialized view.
CREATE TABLE llm_calls_1h (
    hour DateTime CODEC(Delta(4), ZSTD(1)),
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
    unpriced_calls SimpleAggregateFunction(sum, Int64),
    duration_s_sum SimpleAggregateFunction(sum, Float64),
    duration_s_sum_squares SimpleAggregateFunction(sum, Float64),
    duration_s_quantiles AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64),
    time_to_first_token_calls SimpleAggregateFunction(sum, UInt64),
    time_to_first_token_s_quantiles AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, service_name, environment, operation_name, provider_name, model, prompt_name, prompt_version)
TTL hour + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

INSERT INTO llm_calls_1h
SELECT toStartOfHour(m.minute) AS hour, m.service_name, m.environment, m.operation_name, m.provider_name, m.model, m.prompt_name,
       m.prompt_version, sum(m.calls), sum(m.errors), sum(m.input_tokens), sum(m.output_tokens), sum(m.cost_usd),
       sum(m.unpriced_calls), sum(m.duration_s_sum), sum(m.duration_s_sum_squares),
       quantilesTDigestMergeState(0.5, 0.95, 0.99)(m.duration_s_quantiles), sum(m.time_to_first_token_calls),
       quantilesTDigestMergeState(0.5, 0.95, 0.99)(m.time_to_first_token_s_quantiles)
FROM llm_calls_1m AS m
GROUP BY hour, m.service_name, m.environment, m.operation_name, m.provider_name, m.model, m.prompt_name, m.prompt_version;

CREATE MATERIALIZED VIEW llm_calls_1h_mv TO llm_calls_1h AS
SELECT toStartOfHour(m.minute) AS hour, m.service_name AS service_name, m.environment AS environment,
       m.operation_name AS operation_name, m.provider_name AS provider_name, m.model AS model, m.prompt_name AS prompt_name,
       m.prompt_version AS prompt_version, sum(m.calls) AS calls, sum(m.errors) AS errors, sum(m.input_tokens) AS input_tokens,
       sum(m.output_tokens) AS output_tokens, sum(m.cost_usd) AS cost_usd, sum(m.unpriced_calls) AS unpriced_calls,
       sum(m.duration_s_sum) AS duration_s_sum, sum(m.duration_s_sum_squares) AS duration_s_sum_squares,
       quantilesTDigestMergeState(0.5, 0.95, 0.99)(m.duration_s_quantiles) AS duration_s_quantiles,
       sum(m.time_to_first_token_calls) AS time_to_first_token_calls,
       quantilesTDigestMergeState(0.5, 0.95, 0.99)(m.time_to_first_token_s_quantiles) AS time_to_first_token_s_quantiles
FROM llm_calls_1m AS m
GROUP BY hour, service_name, environment, operation_name, provider_name, model, prompt_name, prompt_version;
