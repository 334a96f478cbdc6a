-- How likely a call was to be scored: an estimate over all calls weighs each score by 1 / this.
ALTER TABLE scores ADD COLUMN selection_probability Float64 DEFAULT 1 COMMENT 'chance that this call was chosen to be scored' AFTER cost_usd;

-- What judges spent. Append only. Writer: evaluators. A 'reserve' is written before anything is sent and holds the most
-- it can cost; a 'settle' follows and holds what it did cost. One that is missing (its worker died) counts in full.
CREATE TABLE judge_ledger (
    time DateTime64(3),
    day Date COMMENT 'UTC day whose budget it uses: that of the reservation',
    request_id String CODEC(ZSTD(1)),
    event LowCardinality(String) COMMENT 'reserve or settle',
    evaluator LowCardinality(String),
    evaluator_version LowCardinality(String),
    trace_id String COMMENT 'the judged call; empty: a test whether the judge works' CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'key_project of that call',
    requests UInt32 COMMENT 'settle: requests sent',
    input_tokens UInt64,
    output_tokens UInt64,
    cost_usd Float64,
    outcome LowCardinality(String) COMMENT 'settle: valid, invalid, failed, unsent or released',
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, request_id)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Verdicts by what was judged, so that the same texts are judged once by each version. Writer: evaluators.
CREATE TABLE judge_verdicts (
    evaluator_version LowCardinality(String),
    input_hash String COMMENT 'SHA-256 of the texts, hexadecimal' CODEC(ZSTD(1)),
    time DateTime64(3),
    evaluator LowCardinality(String),
    trace_id String COMMENT 'the call it was made for' CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'key_project of that call',
    value Nullable(Float64) COMMENT 'NULL = the judge says that it cannot tell',
    choice LowCardinality(String) COMMENT 'most votes',
    method LowCardinality(String) COMMENT 'choice: the values of the verdicts; logprobs: weighed by their probabilities',
    agreement Float64 COMMENT 'share of the votes that gave this choice',
    votes Array(Tuple(model String, choice String, value Nullable(Float64))) CODEC(ZSTD(1)),
    explanation String CODEC(ZSTD(3)),
    cost_usd Float64
) ENGINE = ReplacingMergeTree(time)
PARTITION BY toYYYYMM(time)
ORDER BY (evaluator_version, input_hash)
TTL toDate(time) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- What each version of a judge is: rubric, models, settings, prompt. Writer: evaluators, whenever one is loaded.
CREATE TABLE judge_versions (
    evaluator LowCardinality(String),
    evaluator_version LowCardinality(String),
    time DateTime64(3),
    definition String COMMENT 'JSON' CODEC(ZSTD(3))
) ENGINE = ReplacingMergeTree(time)
PARTITION BY toYYYYMM(time)
ORDER BY (evaluator, evaluator_version)
TTL toDate(time) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
