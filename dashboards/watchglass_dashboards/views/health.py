"""Health: whether everything that was sent arrived, how late, what clients leave out, and what it takes on disk."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.spool import spool
from watchglass_dashboards.ui import charts, format
from watchglass_dashboards.ui.course import buckets, column
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.forecast import forecast
from watchglass_dashboards.ui.layout import card, fresh_line, kpi, nothing
from watchglass_dashboards.ui.palette import categories, ink
from watchglass_dashboards.ui.text import clean
from watchglass_dashboards.ui.zoom import zoomable
from watchglass_store.queries import pages_health as queries
from watchglass_store.queries import sources as source_queries
from watchglass_store.queries.pages import Freshness

_HOUR_S = 3600
_AHEAD_DAYS = 30


def page() -> None:
    """Draw the page."""
    fresh, now = fresh_line(), datetime.now(UTC)
    scope = selection().scope(now)
    # The books are by the hour: a part of one that was zoomed into is shown with the whole hour.
    since = scope.start.replace(minute=0) if selection().between else scope.start
    with st.skeleton(height=500):
        books = read(queries.ingest, since, scope.end)
    _numbers(fresh, books)
    left, right = st.columns(2, gap="small")
    with left:
        _received(books, scope.start, scope.end)
    with right:
        _lag(scope.start, scope.end, selection().bucket_s)
    _sources(now)
    left, right = st.columns([1.4, 1], gap="small")
    with left:
        _disk()
    with right:
        _failures(scope.start, scope.end)


def _numbers(fresh: Freshness, books: Sequence[Mapping[str, Any]]) -> None:
    received, stored = sum(row["n_received"] for row in books), sum(row["n_stored"] for row in books)
    lost = sum(row["n_quarantined"] + row["n_rejected"] for row in books)
    waiting = spool()
    with st.grid(5, min_column_width=160, gap="small"):
        kpi("Received", format.count(received), f"spans, log records and data points · {format.count(stored)} stored")
        kpi(
            "Quarantined or refused", format.count(lost), "kept aside: watchglass quarantine" if lost else "nothing was"
        )
        kpi("Ingest lag", format.seconds(fresh.lag_s), "median from start to arrival, newest 200 calls")
        if waiting is None:
            kpi("Spool", format.size(None), "is on the collector's machine")
        else:
            kpi("Spool", format.size(waiting.bytes),
                f"{waiting.segments:,} segments wait, the oldest for {format.seconds(waiting.oldest_s)}")  # fmt: skip
        failed = f"{fresh.evaluation_errors:,} evaluations failed in 24 h"
        kpi("Calls to evaluate", format.count(fresh.backlog if fresh.scored_through else None),
            failed if fresh.scored_through else "no evaluator ran in 24 h")  # fmt: skip


def _received(books: Sequence[Mapping[str, Any]], start: datetime, end: datetime) -> None:
    shown = [
        {
            "time": row["hour"].replace(tzinfo=UTC),
            "signal": clean(row["signal"], 40),
            "received": row["n_received"],
            "stored": row["n_stored"],
            "quarantined": row["n_quarantined"],
            "rejected": row["n_rejected"],
        }
        for row in books
    ]
    with card("Received", "per hour, by signal", rows=shown, key="received"):
        if not shown:
            nothing("Nothing arrived in this time range.")
            return
        times = buckets(int(start.timestamp()), int(end.timestamp()), _HOUR_S)
        lines = per_signal(shown, times)
        zoomable(charts.stacked(times, lines, "items", categories(len(lines)), ink()), key="books")


def per_signal(rows: Sequence[Mapping[str, Any]], times_s: Sequence[int]) -> dict[str, list[float | None]]:
    """What was received as a line for each signal."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        found.setdefault(row["signal"], {})[int(row["time"].timestamp())] = row["received"]
    return {name: [line.get(time) for time in times_s] for name, line in sorted(found.items())}


def _lag(start: datetime, end: datetime, bucket_s: int) -> None:
    rows = read(queries.lag, start, end, bucket_s)
    shown = [{"time": datetime.fromtimestamp(row["bucket"], UTC), "calls": row["n"], "p50_s": row["lag_s"][0],
              "p95_s": row["lag_s"][1]} for row in rows]  # fmt: skip
    with card("Ingest lag", "from a call's start to its arrival", rows=shown, key="lag"):
        if not shown:
            nothing("No call arrived in this time range.")
            return
        times = buckets(int(start.timestamp()), int(end.timestamp()), bucket_s)
        lag = {name: column(rows, times, "lag_s", at) for at, name in enumerate(("p50", "p95"))}
        lines, unit = charts.in_readable_unit(lag)
        colours = ink()
        zoomable(charts.lines(times, lines, unit, (colours.primary, colours.second), colours), key="lag")


def _sources(now: datetime) -> None:
    found = read(source_queries.sources, now.replace(minute=0, second=0, microsecond=0) - timedelta(days=1))
    shown = [
        {
            "service": clean(source.service_name, 80) or "(not named)",
            "client": clean(source.scope or source.sdk, 80) or None,
            "convention": clean(source.convention, 40) or None,
            "calls": source.calls,
            "last": source.last_received.replace(tzinfo=UTC),
            **{field: None if share is None else 100 * share for field, share in source.missing.items()},
        }
        for source in found
    ]
    config = st.column_config
    looked_at = f"newest {format.count(source_queries.OF_ONE)} of each service and operation"
    with card("What clients leave out", f"share of the calls that should have it, last 24 h, {looked_at}",
              rows=shown, key="sources"):  # fmt: skip
        if not shown:
            nothing("No call in the last 24 hours.")
            return
        fields = [name for name in shown[0] if name not in ("service", "client", "convention", "calls", "last")]
        st.dataframe(
            shown,
            hide_index=True,
            placeholder=format.GAP,
            key="table_sources",
            column_config={
                "service": config.TextColumn("Service", pinned=True),
                "client": config.TextColumn("Client"),
                "convention": config.TextColumn("Convention"),
                "calls": config.NumberColumn("Calls seen", format="localized"),
                "last": config.DatetimeColumn("Last", format="distance"),
                **{field: config.NumberColumn(f"no {field}", format="%.0f %%") for field in fields},
            },
        )


def growth(
    days: Sequence[int], size_bytes: int, ttl_days: int | None
) -> tuple[float | None, float | None, float | None]:
    """What a table will take in `_AHEAD_DAYS` days if it goes on as in the last whole days, bytes: low, middle, high.

    A table that drops its old days does not grow beyond the days it keeps.

    Args:
        days: Bytes of each of the last whole days.
        size_bytes: What it takes now.
        ttl_days: Days kept; None = for ever.
    """
    kept = _AHEAD_DAYS if ttl_days is None else ttl_days
    ahead = forecast(
        [float(day) for day in days], kept if ttl_days is not None and kept <= _AHEAD_DAYS else _AHEAD_DAYS
    )
    if ahead is None:
        return None, None, None
    base = 0.0 if ttl_days is not None and ttl_days <= _AHEAD_DAYS else float(size_bytes)
    return base + ahead.low, base + ahead.middle, base + ahead.high


def _disk() -> None:
    by_table: dict[str, list[int]] = {}
    for row in read(queries.daily_bytes):
        by_table.setdefault(row["name"], []).append(row["n_bytes"])
    shown = []
    for row in read(queries.disk):
        low, middle, high = growth(by_table.get(row["name"], []), row["n_bytes"], row["ttl_days"])
        megabytes = [None if value is None else value / 1e6 for value in (row["n_bytes"], low, middle, high)]
        shown.append(
            {
                "table": clean(row["name"], 80),
                "rows": row["n_rows"],
                "mb": megabytes[0],
                "parts": row["n_parts"],
                "kept": row["ttl_days"],
                "in_30_days_low": megabytes[1],
                "in_30_days": megabytes[2],
                "in_30_days_high": megabytes[3],
            }
        )
    config = st.column_config
    with card(
        "Disk",
        "MB by table; in 30 days if it goes on as in the last 7 whole days, 95 % interval",
        rows=shown,
        key="disk",
    ):
        st.dataframe(shown, hide_index=True, placeholder=format.GAP, key="table_disk", column_config={
            "table": config.TextColumn("Table"),
            "rows": config.NumberColumn("Rows", format="localized"),
            "mb": config.NumberColumn("MB", format="%.1f"),
            "parts": config.NumberColumn("Parts"),
            "kept": config.NumberColumn("Days kept"),
            "in_30_days_low": config.NumberColumn("From", format="%.1f"),
            "in_30_days": config.NumberColumn("In 30 days, MB", format="%.1f"),
            "in_30_days_high": config.NumberColumn("To", format="%.1f"),
        })  # fmt: skip


def _failures(start: datetime, end: datetime) -> None:
    rows = read(queries.evaluation_failures, start, end)
    shown = [{"evaluator": clean(row["evaluator"], 60), "what": clean(row["event"], 20), "times": row["n"],
              "why": clean(row["why"], 300)} for row in rows]  # fmt: skip
    with card("Evaluations that failed", "by reason", rows=shown, key="failures"):
        if not shown:
            st.caption("None in this time range.")
            return
        st.dataframe(shown, hide_index=True, key="table_failures", column_config={
            "evaluator": st.column_config.TextColumn("Evaluator"), "what": st.column_config.TextColumn("What"),
            "times": st.column_config.NumberColumn("Times"), "why": st.column_config.TextColumn("Why", width="large"),
        })  # fmt: skip
