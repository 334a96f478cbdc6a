"""The collector's books: what became of each segment, and what the tables really hold."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store

_TABLES = {
    "traces": ("otel_traces",),
    "logs": ("otel_logs",),
    "metrics": tuple(
        f"otel_metrics_{kind}" for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    ),
}
"""Signal and the tables that its rows are in."""


def enter(
    store: Store, *, hour: datetime, signal: str, segment: str, received: int, stored: int, quarantined: int,
    rejected: int, damaged_regions: int,
) -> None:  # fmt: skip
    """Write down what became of a segment; a segment is written down once, however often this is called."""
    # Bytes, since the driver would ask for the columns first, and this is done for each segment.
    row = {
        "hour": int(hour.timestamp()), "signal": signal, "segment": segment, "received": received, "stored": stored,
        "quarantined": quarantined, "rejected": rejected, "damaged_regions": damaged_regions,
    }  # fmt: skip
    settings = {"insert_deduplication_token": f"ledger-{segment}"}
    store.raw_insert("collector_ledger", json.dumps(row).encode(), fmt="JSONEachRow", settings=settings)


def hours(store: Store) -> list[dict[str, Any]]:
    """The books by hour of arrival and signal, oldest first."""
    return store.query(
        "SELECT hour, signal, sum(received) AS received, sum(stored) AS stored, sum(quarantined) AS quarantined, "
        "sum(rejected) AS rejected, sum(damaged_regions) AS damaged_regions "
        "FROM collector_ledger GROUP BY hour, signal ORDER BY hour, signal"
    )


def entered(store: Store, segments: Sequence[str]) -> set[str]:
    """Those segments that are in the books already."""
    rows = store.query(
        "SELECT DISTINCT segment FROM collector_ledger WHERE segment IN {segments:Array(String)}",
        {"segments": list(segments)},
    )
    return {row["segment"] for row in rows}


def stored_in_retention(store: Store, days: int = 29) -> dict[str, int]:
    """What the books say was stored lately enough that no table has dropped it, less what was deleted, by signal."""
    rows = store.query(
        "SELECT signal, toInt64(sum(stored)) - toInt64(sum(deleted)) AS stored "
        "FROM collector_ledger WHERE hour > now() - INTERVAL {days:UInt32} DAY "
        "GROUP BY signal",
        {"days": days},
    )
    return {row["signal"]: int(row["stored"]) for row in rows}


def rows_in_tables(store: Store, signal: str) -> int:
    """Rows that the tables of a signal hold."""
    parts = [f"SELECT count() AS n FROM {table}" for table in _TABLES[signal]]
    return int(store.query(f"SELECT sum(n) AS n FROM ({' UNION ALL '.join(parts)})")[0]["n"])


def doubled_spans(store: Store) -> int:
    """Spans that are in otel_traces more than once."""
    return int(
        store.query("SELECT count() AS n FROM (SELECT 1 FROM otel_traces GROUP BY TraceId, SpanId HAVING count() > 1)")[
            0
        ]["n"]
    )
