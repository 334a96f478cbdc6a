-- What a page asks of another part, which alone can do it. Append only; a request that nobody takes within minutes is void.
-- Writer: the dashboard.
CREATE TABLE page_requests (
    id String,
    time DateTime64(3) DEFAULT now64(3),
    kind LowCardinality(String) COMMENT 'channel_test: send a message through a channel. judge_preview: ask a judge about a few calls',
    target String COMMENT 'the name of the channel, of the rubric',
    content String COMMENT 'JSON, by kind; empty where the target says it all' CODEC(ZSTD(3)),
    author String
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (kind, time)
TTL toDate(time) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- What became of the test messages that pages asked for: taken, then answered. Append only. Writer: alerts.
CREATE TABLE channel_tests (
    request_id String,
    time DateTime64(3),
    engine String COMMENT 'which engine process wrote it; of two that take a request, the first sends',
    outcome LowCardinality(String) COMMENT 'sending, delivered or refused',
    reason String COMMENT 'why it was refused; no secret'
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (request_id, time)
TTL toDate(time) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
