"""Queries of the Health page: what came in, what became of it, how late it was, and what it takes on disk."""

from datetime import datetime
from typing import Any

from watchglass_store import Store
from watchglass_store.queries.pages import milliseconds

#: Whole days behind a forecast of growth.
GROWTH_DAYS = 7


def ingest(store: Store, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The collector's books by hour and signal: n_received, n_stored, n_quarantined, n_rejected, n_damaged."""
    return store.query(
        """
        SELECT hour, signal, toInt64(sum(received)) AS n_received, toInt64(sum(stored)) AS n_stored,
               toInt64(sum(quarantined)) AS n_quarantined, toInt64(sum(rejected)) AS n_rejected,
               toInt64(sum(damaged_regions)) AS n_damaged
        FROM collector_ledger WHERE hour >= toDateTime(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
            AND hour < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
        GROUP BY hour, signal ORDER BY hour, signal LIMIT 20000
        """,
        {"since_ms": milliseconds(since), "until_ms": milliseconds(until)},
    )


def lag(store: Store, since: datetime, until: datetime, bucket_s: int) -> list[dict[str, Any]]:
    """Seconds from a call's start to its arrival, by bucket of arrival: bucket (Unix seconds), n, lag_s ([p50, p95]).

    A call that is told when it starts, or a client whose clock runs ahead, counts as zero.
    """
    return store.query(
        """
        SELECT toInt64(intDiv(toUnixTimestamp(toDateTime(received_at)), {bucket_s:UInt32}) * {bucket_s:UInt32})
                   AS bucket,
               toInt64(count()) AS n,
               quantilesTDigest(0.5, 0.95)(greatest(0,
                   (toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(toDateTime64(start_time, 3))) / 1000))
                   AS lag_s
        FROM llm_calls_by_time WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
            AND received_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
        GROUP BY bucket ORDER BY bucket LIMIT 2000
        """,
        {"since_ms": milliseconds(since), "until_ms": milliseconds(until), "bucket_s": bucket_s},
    )


def evaluation_failures(store: Store, since: datetime, until: datetime, *, limit: int = 20) -> list[dict[str, Any]]:
    """Why evaluations failed, most frequent first: evaluator, event ('error', 'quarantine'), why, n, last_time."""
    return store.query(
        """
        SELECT evaluator, event, substringUTF8(message, 1, 300) AS why, toInt64(count()) AS n, max(time) AS last_time
        FROM evaluation_log WHERE event IN ('error', 'quarantine')
            AND time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
            AND time < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
        GROUP BY evaluator, event, why ORDER BY n DESC, evaluator, why LIMIT {limit:UInt32}
        """,
        {"since_ms": milliseconds(since), "until_ms": milliseconds(until), "limit": limit},
    )


def disk(store: Store) -> list[dict[str, Any]]:
    """What each table takes: name, n_rows, n_bytes, parts, ttl_days (None = kept for ever), largest first."""
    return store.query(
        r"""
        SELECT t.name AS name, toInt64(p.n_rows) AS n_rows, toInt64(p.n_bytes) AS n_bytes,
               toInt64(p.n_parts) AS n_parts,
               toInt64OrNull(extract(t.create_table_query, 'TTL [^\n]*?(?:INTERVAL |toIntervalDay\()(\d+)')) AS ttl_days
        FROM system.tables AS t INNER JOIN (
            SELECT table, sum(rows) AS n_rows, sum(bytes_on_disk) AS n_bytes, count() AS n_parts FROM system.parts
            WHERE active AND database = currentDatabase() GROUP BY table
        ) AS p ON p.table = t.name
        WHERE t.database = currentDatabase() ORDER BY n_bytes DESC, name LIMIT 200
        """
    )


def daily_bytes(store: Store) -> list[dict[str, Any]]:
    """Bytes of each table's last `GROWTH_DAYS` whole UTC days: name, day (date), n_bytes; only tables cut by day."""
    return store.query(
        """
        SELECT table AS name, toDate(partition) AS day, toInt64(sum(bytes_on_disk)) AS n_bytes FROM system.parts
        WHERE active AND database = currentDatabase() AND match(partition, '^\\d{4}-\\d{2}-\\d{2}$')
            AND toDateOrZero(partition) < toDate(now(), 'UTC')
            AND toDateOrZero(partition) >= toDate(now(), 'UTC') - {days:UInt8}
        GROUP BY name, day ORDER BY name, day LIMIT 5000
        """,
        {"days": GROWTH_DAYS},
    )
