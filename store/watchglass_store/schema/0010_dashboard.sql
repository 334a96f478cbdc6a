-- Who may use the dashboard: append-only versions of each user, the latest wins. Writer: the dashboard, `watchglass users`.
CREATE TABLE dashboard_users (
    name String,
    version DateTime64(6) DEFAULT now64(6),
    role LowCardinality(String) COMMENT 'viewer, annotator, editor or admin',
    password String COMMENT 'scrypt hash with its salt; never the password',
    password_version DateTime64(6) COMMENT 'when the password was set: sessions older than this have ended',
    disabled UInt8 DEFAULT 0,
    author String
) ENGINE = MergeTree ORDER BY (name, version);

-- A list that somebody wants to see again: a page's address by name. Writer: the dashboard.
CREATE TABLE saved_views (
    id String,
    version DateTime64(6) DEFAULT now64(6),
    page LowCardinality(String),
    name String,
    query String COMMENT 'the query part of the address',
    deleted UInt8 DEFAULT 0,
    author String
) ENGINE = MergeTree ORDER BY (id, version);
