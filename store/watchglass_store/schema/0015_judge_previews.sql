-- Verdicts that somebody asked for to try a rubric; none of them is a score. Append only. Writer: evaluators.
CREATE TABLE judge_previews (
    request_id String,
    time DateTime64(3),
    worker String COMMENT 'which worker wrote it; of two that take a request, the first asks the judge',
    outcome LowCardinality(String) COMMENT 'taken, judged (one call), refused (the whole request) or done',
    trace_id String COMMENT 'judged: the call' CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'key_project of that call',
    value Nullable(Float64) COMMENT 'judged: NULL = no verdict, or one without a value',
    verdict String,
    explanation String CODEC(ZSTD(3)),
    reason String COMMENT 'why there is no value, or why the request was refused',
    cost_usd Float64
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (request_id, time)
TTL toDate(time) + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
