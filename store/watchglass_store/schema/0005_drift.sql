-- What the drift monitors found. Append only. Writer: evaluators.
-- One row per look of one monitor at one group of calls: 'window' rows judge a finished window, 'live' rows the answers
-- since the last look, 'baseline' rows hold what a live detector compares with. A live row carries the detector's memory,
-- so that its result and how far it is are one insert.
CREATE TABLE drift_results (
    created_at DateTime64(3),
    monitor LowCardinality(String),
    monitor_version LowCardinality(String) COMMENT 'changes when the monitor settings do; a series of its own',
    kind LowCardinality(String) COMMENT 'window, live or baseline',
    method LowCardinality(String) COMMENT 'combined, psi, ks, wasserstein, evidently or conformal',
    target LowCardinality(String) COMMENT 'prompt_text, response_text or score:NAME',
    service_name LowCardinality(String) COMMENT 'empty = all; so for model and prompt_version',
    model LowCardinality(String),
    prompt_version LowCardinality(String),
    window_start DateTime64(3),
    window_end DateTime64(3),
    reference_start DateTime64(3),
    reference_end DateTime64(3),
    reference_calls UInt64 COMMENT 'calls compared with, after sampling',
    current_calls UInt64 COMMENT 'calls compared, after sampling',
    value Nullable(Float64) COMMENT 'p-value, distance or evidence; NULL = unscored, error then says why' CODEC(ZSTD(1)),
    value_kind LowCardinality(String) COMMENT 'p_value, distance or evidence',
    threshold Nullable(Float64) COMMENT 'alarm at or below it for a p-value, at or above it otherwise',
    alarm UInt8 COMMENT '1 = drift',
    statistics Map(LowCardinality(String), Float64) COMMENT 'the parts of the value',
    changes String COMMENT 'what changed, largest first: JSON list' CODEC(ZSTD(3)),
    error String CODEC(ZSTD(1)),
    versions Map(LowCardinality(String), String) COMMENT 'of the test and its features',
    duration_s Float64,
    state String COMMENT 'live and baseline: memory of the detector' CODEC(ZSTD(3)),
    report_html String COMMENT 'Evidently''s report, where asked for' CODEC(ZSTD(6))
) ENGINE = MergeTree
PARTITION BY toDate(window_end)
ORDER BY (monitor, monitor_version, service_name, model, prompt_version, window_end)
TTL toDate(window_end) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
