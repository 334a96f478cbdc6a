-- Every evaluation result. Writers: evaluators; the SDK's and people's feedback through the collector.
-- One visible row per (name, evaluator, evaluator_version, trace_id, span_id,
-- conversation_id, project): read with FINAL. Ids are made by clients: those of another project are another call's.
-- A score of a whole trace has no span_id; one of a whole session has a conversation_id and neither of the others.
CREATE TABLE scores (
    name LowCardinality(String),
    evaluator LowCardinality(String),
    evaluator_version LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    conversation_id String COMMENT 'the session that was scored; empty for scores of calls and traces' CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'key_project of the call; of feedback, the project of the API key that sent it' CODEC(ZSTD(1)),
    value Nullable(Float64) COMMENT 'NULL = unscored; error then says why' CODEC(ZSTD(1)),
    label LowCardinality(String),
    explanation String CODEC(ZSTD(3)),
    source LowCardinality(String) COMMENT 'code, model, judge, human or external',
    direction LowCardinality(String) COMMENT 'higher_is_better, lower_is_better or neutral',
    range Array(Float64) COMMENT '[lowest, highest], infinities allowed; empty = not stated',
    error String CODEC(ZSTD(1)),
    statistics Map(LowCardinality(String), Float64) COMMENT 'sums behind the value; added over rows they give the value over all of them' CODEC(ZSTD(1)),
    cost_usd Float64,
    duration_s Float64,
    call_time DateTime64(9) COMMENT 'start_time of the call that was scored, or of the first of its trace or session' CODEC(Delta(8), ZSTD(1)),
    created_at DateTime64(3) DEFAULT now64(3),
    service_name LowCardinality(String),
    environment LowCardinality(String),
    model LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_call_time call_time TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(created_at)
PARTITION BY toDate(call_time)
ORDER BY (name, evaluator, evaluator_version, trace_id, span_id, conversation_id, project)
TTL toDate(call_time) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- What the evaluators did. Append only. Writer: evaluators. A row with a trace_id is about that call, one without is
-- about a whole batch. A 'start' is written before the work and names the worker; when its worker has no later 'batch',
-- it died in between, and the calls received in [since, watermark] are then tried in ever smaller groups.
CREATE TABLE evaluation_log (
    time DateTime64(3) DEFAULT now64(3),
    evaluator LowCardinality(String),
    evaluator_version LowCardinality(String),
    shard LowCardinality(String) COMMENT 'i/n',
    worker String COMMENT 'one life of one worker process' CODEC(ZSTD(1)),
    event LowCardinality(String) COMMENT 'batch, start, error, quarantine, waiting, settings or backlog',
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'key_project of that call',
    calls UInt64 COMMENT 'calls that were eligible',
    scored UInt64,
    unscored UInt64,
    errors UInt64,
    skipped UInt64 COMMENT 'calls without a text that the evaluator needs, or with an error instead of an answer',
    since DateTime64(3) COMMENT 'start: when its first call was received',
    watermark DateTime64(3) COMMENT 'batch: calls received up to here are done; start: when its last call was received',
    duration_s Float64,
    cost_usd Float64,
    message String CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (evaluator, evaluator_version, time)
TTL toDate(time) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Golden answers by prompt. Writer: people and the SDK, through `watchglass references add`.
CREATE TABLE `references` (
    prompt_hash UInt64 DEFAULT cityHash64(prompt_text),
    prompt_text String CODEC(ZSTD(3)),
    reference_text String CODEC(ZSTD(3)),
    dataset LowCardinality(String),
    created_at DateTime64(3) DEFAULT now64(3),
    created_by String
) ENGINE = ReplacingMergeTree(created_at)
ORDER BY (prompt_hash, dataset);
