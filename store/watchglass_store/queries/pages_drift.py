"""Queries of the Drift page: what the monitors last said, and one of them over time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchglass_store import Store
from watchglass_store.queries.pages import milliseconds


@dataclass(frozen=True, slots=True)
class Watched:
    """One series of results: a version of a monitor, and the group it watches ('' = not split by it)."""

    monitor: str
    version: str
    service_name: str
    model: str
    prompt_version: str


_GROUP = "monitor, monitor_version, service_name, model, prompt_version"


def monitors(store: Store, since: datetime, *, limit: int = 200) -> list[dict[str, Any]]:
    """The last result of each group of each monitor's newest version; alarms first, then the newest.

    Args:
        store: The store.
        since: From when on alarms are counted and series are known; older monitors are gone from the list.
        limit: Most rows.

    Returns:
        Rows with monitor, version, service_name, model, prompt_version, kind, method, target, last_value (None =
        unscored, last_error says why), last_threshold, last_alarm, last_end_ms, value_kind, last_reference_calls,
        last_current_calls, n_results, n_alarms, n_unscored.
    """
    return store.query(
        f"""
        SELECT monitor, monitor_version AS version, service_name, model, prompt_version,
               argMax(kind, at) AS kind, argMax(method, at) AS method, argMax(target, at) AS target,
               argMax(tuple(value), at).1 AS last_value, argMax(tuple(threshold), at).1 AS last_threshold,
               toInt64(argMax(alarm, at)) AS last_alarm, argMax(value_kind, at) AS value_kind,
               argMax(error, at) AS last_error, toUnixTimestamp64Milli(max(window_end)) AS last_end_ms,
               toInt64(argMax(reference_calls, at)) AS last_reference_calls,
               toInt64(argMax(current_calls, at)) AS last_current_calls,
               toInt64(count()) AS n_results, toInt64(sum(alarm)) AS n_alarms,
               toInt64(countIf(value IS NULL)) AS n_unscored
        FROM (SELECT *, (window_end, created_at) AS at FROM drift_results
              WHERE kind != 'baseline' AND window_end >= fromUnixTimestamp64Milli({{since_ms:Int64}}, 'UTC'))
        WHERE (monitor, monitor_version) IN (
            SELECT monitor, argMax(monitor_version, created_at) FROM drift_results WHERE kind != 'baseline'
            GROUP BY monitor
        )
        GROUP BY {_GROUP}
        ORDER BY last_alarm DESC, last_end_ms DESC, {_GROUP} LIMIT {{limit:UInt32}}
        """,
        {"since_ms": milliseconds(since), "limit": limit},
    )


def results(store: Store, watched: Watched, until: datetime, *, limit: int = 300) -> list[dict[str, Any]]:
    """The last results of a series that end before a time, oldest first.

    Rows: end_ms, start_ms (Unix), value, threshold, is_alarm, n_reference, n_current, reason (why there is no value).
    """
    rows = store.query(
        f"""
        SELECT toUnixTimestamp64Milli(window_end) AS end_ms, toUnixTimestamp64Milli(window_start) AS start_ms, value,
               threshold, toInt64(alarm) AS is_alarm, toInt64(reference_calls) AS n_reference,
               toInt64(current_calls) AS n_current, error AS reason
        FROM drift_results WHERE {_SERIES} AND window_end <= fromUnixTimestamp64Milli({{until_ms:Int64}}, 'UTC')
        ORDER BY window_end DESC, created_at DESC LIMIT 1 BY window_end LIMIT {{limit:UInt32}}
        """,
        {**_parameters(watched), "until_ms": milliseconds(until), "limit": limit},
    )
    return rows[::-1]


def result(store: Store, watched: Watched, end_ms: int) -> dict[str, Any] | None:
    """Everything about one result but its report; None where there is none that ends then.

    Keys: statistics (part -> value), changes (JSON list, docs/drift.md), versions, reference_start_ms,
    reference_end_ms, has_report, method, target.
    """
    rows = store.query(
        f"""
        SELECT statistics, changes, versions, toUnixTimestamp64Milli(reference_start) AS reference_start_ms,
               toUnixTimestamp64Milli(reference_end) AS reference_end_ms, toInt64(report_html != '') AS has_report,
               method, target
        FROM drift_results WHERE {_SERIES} AND window_end = fromUnixTimestamp64Milli({{end_ms:Int64}}, 'UTC')
        ORDER BY created_at DESC LIMIT 1
        """,
        {**_parameters(watched), "end_ms": end_ms},
    )
    return rows[0] if rows else None


def report(store: Store, watched: Watched, end_ms: int) -> str:
    """Evidently's HTML report of one result; '' where there is none."""
    rows = store.query(
        f"""
        SELECT report_html FROM drift_results
        WHERE {_SERIES} AND window_end = fromUnixTimestamp64Milli({{end_ms:Int64}}, 'UTC')
        ORDER BY created_at DESC LIMIT 1
        """,
        {**_parameters(watched), "end_ms": end_ms},
    )
    return str(rows[0]["report_html"]) if rows else ""


_SERIES = (
    "kind != 'baseline' AND monitor = {monitor:String} AND monitor_version = {version:String} "
    "AND service_name = {service:String} AND model = {model:String} AND prompt_version = {prompt:String}"
)


def _parameters(watched: Watched) -> dict[str, Any]:
    return {
        "monitor": watched.monitor,
        "version": watched.version,
        "service": watched.service_name,
        "model": watched.model,
        "prompt": watched.prompt_version,
    }
