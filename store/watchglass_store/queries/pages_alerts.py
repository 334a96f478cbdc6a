"""Queries of the Alerts page that the alerts themselves do not ask: what an editor of rules can choose from."""

from datetime import datetime
from typing import Any

from watchglass_store.client import Store
from watchglass_store.queries.pages import milliseconds

_CALLS = ("service_name", "environment", "operation_name", "provider_name", "model", "prompt_name", "prompt_version")
_SCORES = ("evaluator", "evaluator_version", "source")


def score_names(store: Store, since: datetime, *, limit: int = 200) -> list[str]:
    """Scores of calls since a time, the most frequent first."""
    rows = store.query(
        "SELECT name FROM scores WHERE call_time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') "
        "GROUP BY name ORDER BY count() DESC, name LIMIT {limit:UInt32}",
        {"since_ms": milliseconds(since), "limit": limit},
    )
    return [row["name"] for row in rows]


def monitor_names(store: Store, since: datetime, *, limit: int = 200) -> list[str]:
    """Drift monitors with a result since a time."""
    rows = store.query(
        "SELECT DISTINCT monitor FROM drift_results WHERE window_end >= fromUnixTimestamp64Milli({since_ms:Int64}, "
        "'UTC') ORDER BY monitor LIMIT {limit:UInt32}",
        {"since_ms": milliseconds(since), "limit": limit},
    )
    return [row["monitor"] for row in rows]


def filter_values(store: Store, field: str, since: datetime, *, limit: int = 200) -> list[str]:
    """Values that a rule's filter can take, the most frequent first; none for fields that are not looked up.

    Args:
        store: The store.
        field: A field of a rule's filters.
        since: Only of calls and scores since.
        limit: Most values returned.
    """
    if field in _CALLS:
        table, time, size = "llm_calls_1m", "minute", "sum(calls)"
    elif field in _SCORES:
        table, time, size = "scores", "call_time", "count()"
    else:
        return []
    rows = store.query(
        f"SELECT {field} AS choice FROM {table} WHERE {time} >= fromUnixTimestamp64Milli({{since_ms:Int64}}, 'UTC') "
        f"AND {field} != '' GROUP BY choice ORDER BY {size} DESC, choice LIMIT {{limit:UInt32}}",
        {"since_ms": milliseconds(since), "limit": limit},
    )
    return [row["choice"] for row in rows]


def outcomes(store: Store, since: datetime) -> list[dict[str, Any]]:
    """What became of each channel's notifications since a time.

    Keys: channel, delivered, waiting (owed, whatever was tried), failed, silenced (held back or dropped),
    last_delivered (None = nothing), last_error and last_error_at ('' and None where no attempt went wrong).
    """
    return store.query(
        """
        SELECT n.channel_name AS channel, toInt64(countIf(d.outcome = 'delivered')) AS delivered,
            toInt64(countIf(d.outcome IN ('', 'sending', 'retry'))) AS waiting,
            toInt64(countIf(d.outcome = 'failed')) AS failed,
            toInt64(countIf(d.outcome IN ('silenced', 'inhibited', 'dropped'))) AS silenced,
            maxIf(toNullable(d.at), d.outcome = 'delivered') AS last_delivered,
            argMaxIf(d.problem, d.problem_at, d.problem != '') AS last_error,
            maxIf(toNullable(d.problem_at), d.problem != '') AS last_error_at
        FROM (
            SELECT n.1 AS id, n.2 AS channel_name FROM alert_events ARRAY JOIN notifications AS n
            WHERE kind = 'transition' AND time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
        ) AS n
        LEFT JOIN (
            SELECT notification_id, argMax(e.outcome, (e.attempt, e.outcome != 'sending', e.time)) AS outcome,
                max(e.time) AS at, argMaxIf(e.error, e.time, e.outcome IN ('retry', 'failed')) AS problem,
                maxIf(e.time, e.outcome IN ('retry', 'failed')) AS problem_at
            FROM alert_events AS e
            WHERE e.kind = 'delivery' AND e.time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
            GROUP BY notification_id
        ) AS d ON d.notification_id = n.id
        GROUP BY channel ORDER BY channel LIMIT 100
        """,
        {"since_ms": milliseconds(since)},
    )
