-- Whose data were deleted, for as long as telemetry about them may still come: it is dropped. Writer: watchglass delete.
CREATE TABLE deletions (
    id String,
    time DateTime64(3),
    user_id String COMMENT 'gone with this row; audit_log has only its hash',
    author String
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY id
TTL toDateTime(time) + INTERVAL 30 DAY;

-- The traces that went with them: pieces that come late, and do not name the user, go too. Writer: watchglass delete, collector.
CREATE TABLE deleted_traces (
    deletion_id String,
    gone_trace_id String CODEC(ZSTD(1)),
    project LowCardinality(String) COMMENT 'of the API key; the same id in another project is another trace',
    time DateTime64(3)
) ENGINE = ReplacingMergeTree(time)
PARTITION BY toYYYYMM(time)
ORDER BY (deletion_id, gone_trace_id, project)
TTL toDateTime(time) + INTERVAL 30 DAY;
