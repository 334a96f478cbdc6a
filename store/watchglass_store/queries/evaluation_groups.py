"""What evaluators of whole traces and sessions read: which have been quiet for a while, and all calls of some."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from watchglass_store.client import Store
from watchglass_store.queries.evaluation import CONTEXT, milliseconds

Level = Literal["trace", "session"]
GroupId = tuple[str, str]
"""(id of the trace or session, project of the API key): ids are made by clients."""
_ID: Final = {"trace": "trace_id", "session": "conversation_id"}


def quiet_groups(
    store: Store,
    *,
    level: Level,
    since: datetime,
    after: GroupId,
    until: datetime,
    idle: timedelta,
    shard: int,
    shards: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Traces or sessions to which nothing was added for a while, in the order of their last arrival.

    Args:
        store: where from.
        level: which of the two.
        since: earliest last arrival, inclusive.
        after: of those whose last arrival is exactly at `since`, only those behind this one; ("", "") = all.
        until: latest last arrival, inclusive.
        idle: how long nothing has come in since.
        shard: only ids with cityHash64(id) % shards equal to this.
        shards: number of shards.
        limit: the most rows.

    Returns:
        Rows with id, project, last (arrival), and first_start and last_start of the calls that arrived since `since`.
    """
    key = _ID[level]
    return store.query(
        f"""
        SELECT {key} AS id, project, max(c.received_at) AS last,
               min(c.start_time) AS first_start, max(c.start_time) AS last_start
        FROM llm_calls_by_time AS c
        WHERE c.received_at >= fromUnixTimestamp64Milli({{since_ms:Int64}}, 'UTC')
          AND c.received_at <= fromUnixTimestamp64Milli({{seen_ms:Int64}}, 'UTC')
          AND {key} != '' AND cityHash64({key}) % {{shards:UInt32}} = {{shard:UInt32}}
        GROUP BY id, project
        HAVING last <= fromUnixTimestamp64Milli({{until_ms:Int64}}, 'UTC')
           AND (last > fromUnixTimestamp64Milli({{since_ms:Int64}}, 'UTC')
                OR (id, project) > ({{after:String}}, {{after_project:String}}))
        ORDER BY last, id, project
        LIMIT {{limit:UInt32}}
        """,
        {
            "since_ms": milliseconds(since),
            "until_ms": milliseconds(until),
            "seen_ms": milliseconds(until + idle),
            "after": after[0],
            "after_project": after[1],
            "shards": shards,
            "shard": shard,
            "limit": limit,
        },
    )


def next_arrival(store: Store, after: datetime, *, until: datetime) -> datetime | None:
    """When the next call arrived in (after, until]; None = there is none."""
    rows = store.query(
        """
        SELECT received_at FROM llm_calls_by_time
        WHERE received_at > fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')
          AND received_at <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
        ORDER BY received_at LIMIT 1
        """,
        {"after_ms": milliseconds(after), "until_ms": milliseconds(until)},
    )
    return rows[0]["received_at"] if rows else None


def steps(
    store: Store,
    *,
    level: Level,
    ids: Sequence[GroupId],
    days: Sequence[date],
    columns: Sequence[str],
    longest: int,
    most: int,
) -> list[dict[str, Any]]:
    """All calls of some traces or sessions.

    Args:
        store: where from.
        level: which of the two.
        ids: which ones, 50 at most.
        days: the days a trace's calls may be stored under; a session's are found by its id.
        columns: names of text columns, from our code.
        longest: texts are cut to one character more than this, so that a longer one can be told.
        most: calls of one group are cut to one more than this, so that a longer one can be told.

    Returns:
        One row per call: `columns`, and those that every evaluator sees.
    """
    texts = "".join(f"leftUTF8({column}, {{longest:UInt32}}) AS {column}, " for column in columns)
    if level == "trace":
        which = "day IN {days:Array(Date)} AND (trace_id, key_project) IN {ids:Array(Tuple(String, String))}"
        parameters = {"days": [day.isoformat() for day in days]}
    else:
        which = """(hour, trace_id, span_id, key_project) IN (
            SELECT hour, trace_id, span_id, project FROM llm_calls_by_time
            WHERE conversation_id IN {names:Array(String)}
              AND (conversation_id, project) IN {ids:Array(Tuple(String, String))}
        )"""
        parameters = {"names": sorted({name for name, _ in ids})}
    return store.query(
        f"""
        SELECT {CONTEXT},
               {texts}if(response_model != '', response_model, request_model) AS model
        FROM llm_calls
        WHERE {which}
        ORDER BY start_time, span_id
        LIMIT {{most:UInt32}} BY {_ID[level]}, key_project
        """,
        {**parameters, "ids": list(ids), "longest": longest + 1, "most": most + 1},
    )


def scored_at(
    store: Store, ids: Sequence[GroupId], *, level: Level, name: str, evaluator: str, version: str
) -> dict[GroupId, datetime]:
    """When traces or sessions got their visible score, or their terminal error, from one version of an evaluator.

    Args:
        store: where from.
        ids: which ones, 500 at most.
        level: what they are.
        name: one score that the evaluator gives to every one.
        evaluator: its name.
        version: its version.
    """
    key, other = ("trace_id", "conversation_id") if level == "trace" else ("conversation_id", "trace_id")
    rows = store.query(
        f"""
        SELECT {key} AS id, project, max(s.created_at) AS created_at FROM scores AS s
        WHERE name = {{name:String}} AND evaluator = {{evaluator:String}} AND evaluator_version = {{version:String}}
          AND ({key}, project) IN {{ids:Array(Tuple(String, String))}} AND {other} = '' AND span_id = ''
        GROUP BY id, project
        """,
        {"name": name, "evaluator": evaluator, "version": version, "ids": list(ids)},
    )
    return {(row["id"], row["project"]): row["created_at"] for row in rows}
