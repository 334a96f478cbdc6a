-- Rules a person edits: append-only versions, the latest wins, the versions are the audit trail. Writer: whoever edits.
CREATE TABLE alert_rules (
    name String,
    version DateTime64(3) DEFAULT now64(3),
    definition String COMMENT 'the rule as JSON, as the validator accepts it' CODEC(ZSTD(1)),
    deleted UInt8 DEFAULT 0,
    author String
) ENGINE = MergeTree ORDER BY (name, version);

CREATE TABLE silences (
    id String,
    version DateTime64(3) DEFAULT now64(3),
    matchers Map(String, String) COMMENT 'label -> value; all must match',
    starts_at DateTime64(3),
    ends_at DateTime64(3),
    comment String,
    author String,
    deleted UInt8 DEFAULT 0
) ENGINE = MergeTree ORDER BY (id, version);

-- State transitions with their notifications in the same row (one insert is the transaction), the evaluated slots,
-- and what became of each delivery. Append only. Writer: alerts.
CREATE TABLE alert_events (
    time DateTime64(3) DEFAULT now64(3) COMMENT 'when it was written',
    kind LowCardinality(String) COMMENT 'transition, slot or delivery',
    event_id String COMMENT 'deterministic: rule, labels, slot, state; a delivery repeats its transition id',
    rule String,
    labels Map(String, String),
    slot DateTime COMMENT 'the scheduled evaluation time',
    late UInt8 COMMENT '1 = evaluated after a downtime',
    state LowCardinality(String) COMMENT 'inactive, pending, firing, no_data or error',
    previous_state LowCardinality(String),
    change LowCardinality(String) COMMENT 'opened: it fired. closed: it resolved. Empty: neither',
    reason String,
    severity LowCardinality(String),
    value Nullable(Float64),
    value_low Nullable(Float64) COMMENT '95 % interval',
    value_high Nullable(Float64),
    sample_size UInt64,
    threshold Float64,
    since DateTime COMMENT 'when the current state began',
    open_since DateTime COMMENT 'when it fired; 1970 = not open. Missing data and errors leave an open alert open',
    recovering_since DateTime COMMENT 'since when a firing alert is without its condition; 1970 = not',
    engine String COMMENT 'which engine process wrote it',
    notifications Array(Tuple(id String, channel String, message String)),
    notification_id String COMMENT 'delivery rows: which notification',
    channel LowCardinality(String),
    outcome LowCardinality(String) COMMENT 'delivery rows: sending, delivered, retry, silenced, inhibited, dropped or failed',
    attempt UInt32,
    next_attempt DateTime64(3) COMMENT 'delivery rows that are not final',
    receipt String COMMENT 'delivered rows: what the channel needs to answer in the same thread; its own format',
    error String
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
-- Engines ask for the last hour of all rules, at every slot.
ORDER BY (kind, toStartOfHour(time), rule, time)
TTL toDate(time) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Who changed what, when, before and after. Append only. Writer: all.
CREATE TABLE audit_log (
    time DateTime64(3) DEFAULT now64(3),
    actor String,
    action LowCardinality(String),
    object String,
    before String CODEC(ZSTD(1)),
    after String CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY time;
