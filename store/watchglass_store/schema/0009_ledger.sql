-- What became of each segment of the collector's spool: one row for each, written before the segment is deleted, so that
-- received = stored + pending + quarantined + rejected can be shown for every hour. Writer: collector.
CREATE TABLE collector_ledger (
    hour DateTime CODEC(Delta(4), ZSTD(1)),
    signal LowCardinality(String),
    segment String CODEC(ZSTD(1)),
    received UInt64,
    stored UInt64,
    quarantined UInt64,
    rejected UInt64,
    damaged_regions UInt64,
    deleted UInt64 COMMENT 'rows that a deletion took away; segment is then its id'
) ENGINE = MergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, signal)
TTL hour + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
