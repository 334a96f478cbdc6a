"""Deleting everything about a user: found by trace and project, gone from every table that names traces.

Ids are made by clients: whoever sends another project's trace id has a trace of his own by that, and can delete that.
"""

import hashlib
import json
from datetime import datetime
from typing import Any, Final

from watchglass_store.client import Store
from watchglass_store.queries.alerting import add_audit
from watchglass_store.sql import quote_name

_PROJECT: Final = "ResourceAttributes['watchglass.project']"
"""SQL: the project of the API key that a span or log record came with."""
_OURS: Final = (
    "arrayExists((k, v) -> v = {user:String} AND positionCaseInsensitive(k, 'user') > 0, mapKeys(%s), mapValues(%s))"
)
"""SQL: a map has the user's id under a key that speaks of a user."""
_FIND: Final = f"""
INSERT INTO deleted_traces SELECT {{id:String}}, trace_id, project, {{now:DateTime64(3)}} FROM (
    SELECT trace_id, project FROM llm_call_parts WHERE user_id = {{user:String}}
    UNION DISTINCT SELECT TraceId, {_PROJECT} FROM otel_traces
        WHERE {_OURS % (("SpanAttributes",) * 2)} OR {_OURS % (("ResourceAttributes",) * 2)}
    UNION DISTINCT SELECT TraceId, {_PROJECT} FROM otel_logs
        WHERE {_OURS % (("LogAttributes",) * 2)} OR {_OURS % (("ResourceAttributes",) * 2)}
) WHERE trace_id != ''
    AND (trace_id, project) NOT IN (SELECT gone_trace_id, project FROM deleted_traces WHERE deletion_id = {{id:String}})
"""
_TABLES: Final = """
SELECT c.table AS name, anyIf(c.name, c.name IN ('trace_id', 'TraceId')) AS column, currentDatabase() AS database,
    multiIf(countIf(c.name = 'project') > 0, 'project',
            countIf(c.name = 'ResourceAttributes') > 0, {attribute:String}, '') AS owner
FROM system.columns AS c INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
WHERE c.database = currentDatabase() AND t.engine LIKE '%MergeTree'
GROUP BY name HAVING column != '' ORDER BY owner = '', name
"""
_SIGNALS: Final = {"otel_traces": "traces", "otel_logs": "logs"}


def deletion_id(user_id: str) -> str:
    """Names a deletion without telling whose it is: deleting twice is one deletion."""
    return f"user_{hashlib.sha256(user_id.encode()).hexdigest()[:24]}"


def begin(store: Store, user_id: str, *, author: str, now: datetime) -> str:
    """Have collectors drop what names the user from now on; returns the deletion's id."""
    name = deletion_id(user_id)
    store.insert("deletions", [{"id": name, "time": now, "user_id": user_id, "author": author}])
    return name


def living(store: Store) -> dict[str, str]:
    """Deletions of the last 30 days: id and user."""
    rows = store.query("SELECT DISTINCT id, user_id FROM deletions ORDER BY id")
    return {row["id"]: row["user_id"] for row in rows}


def erase(store: Store, user_id: str, *, author: str, now: datetime) -> dict[str, int]:
    """Delete every trace that names the user, from every table that names traces; returns rows by table.

    A trace goes whole, whoever else is in it. Rows are gone for every query when this returns, and from the disk
    minutes later, when the engine drops the parts that were replaced. Safe to repeat: finds what came since.
    """
    name = deletion_id(user_id)
    store.command(_FIND, {"id": name, "user": user_id, "now": now})
    counts: dict[str, int] = {}
    for table in store.query(_TABLES, {"attribute": _PROJECT}):
        ours = _ours(name, **table)
        rows = int(store.query(f"SELECT count() AS n FROM {quote_name(table['name'])} WHERE {ours}")[0]["n"])
        if rows:
            store.command(f"ALTER TABLE {quote_name(table['name'])} DELETE WHERE {ours} SETTINGS mutations_sync = 2")
            counts[table["name"]] = rows
    _enter(store, name, counts, now)
    if counts:
        add_audit(store, time=now, actor=author, action="delete user", target=name, before="", after=json.dumps(counts))
    return counts


def _ours(deletion: str, *, name: str, column: str, database: str, owner: str) -> str:
    """The condition on a table's rows that are to go."""
    database = quote_name(database)
    gone = f"FROM {database}.deleted_traces WHERE deletion_id = '{deletion}'"
    if owner:
        return f"({column}, {owner}) IN (SELECT gone_trace_id, project {gone})"
    # Says nothing of projects: goes with the last project's spans.
    return (
        f"{column} IN (SELECT gone_trace_id {gone}) AND {column} NOT IN "
        f"(SELECT TraceId FROM {database}.otel_traces WHERE TraceId IN (SELECT gone_trace_id {gone}))"
    )


def _enter(store: Store, name: str, counts: dict[str, int], now: datetime) -> None:
    """Say in the collector's books that rows are gone on purpose."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows: list[dict[str, Any]] = [
        {"hour": hour, "signal": signal, "segment": name, "deleted": counts[table]}
        for table, signal in _SIGNALS.items()
        if counts.get(table)
    ]
    store.insert("collector_ledger", rows)
