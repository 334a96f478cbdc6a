-- Who may write and ask, per project: append-only versions of each key, the latest wins. The secret itself is nowhere.
-- Writer: watchglass keys.
CREATE TABLE api_keys (
    id String COMMENT 'names the key to people and in the audit log',
    version DateTime64(6) DEFAULT now64(6),
    project String,
    name String COMMENT 'what it is for',
    scopes Array(LowCardinality(String)) COMMENT 'ingest, query, admin',
    prefix String COMMENT 'first characters of the secret, to recognise it by',
    sha256 String COMMENT 'of the secret, hexadecimal',
    created_at DateTime64(3),
    expires_at Nullable(DateTime64(3)),
    revoked UInt8 DEFAULT 0,
    author String
) ENGINE = MergeTree ORDER BY (id, version);
