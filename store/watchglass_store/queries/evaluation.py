"""What the evaluators read: calls in order of arrival, their texts, what has a score, and how far each one is."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from watchglass_store.client import Store

CallId = tuple[str, str, str]
"""(trace_id, span_id, project of the API key): ids are made by clients, and two projects may have the same."""
CallKey = tuple[int, str, str, str]
"""(the hour it is stored under, in Unix seconds, trace_id, span_id, project of the API key)"""

BY_KEY = "(hour, trace_id, span_id, key_project) IN {keys:Array(Tuple(UInt32, String, String, String))}"
"""Condition on `llm_calls`, from the parameter `keys`: a list of `CallKey`. By it a call is found without a search."""

RETENTION = timedelta(days=29)
"""How old a call's start may be at its arrival before it is stored under a later hour than its own."""

CONTEXT = """trace_id, span_id, parent_span_id, conversation_id, start_time, duration_s, service_name, environment,
               project, key_project, operation_name, tool_name, prompt_name, prompt_version, error_type"""
"""Columns of a call that every evaluator sees."""

BUDGET_SPENT = "budget spent"
"""How the message of a judge begins that waits for the next day's money."""


def arrivals(
    store: Store,
    *,
    since: datetime,
    until: datetime,
    after: CallId,
    operations: Sequence[str],
    shard: int,
    shards: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Calls in the order they arrived in; a call that came in pieces is there once for each.

    Args:
        store: where from.
        since: earliest arrival, inclusive.
        until: latest arrival, inclusive.
        after: of those that arrived exactly at `since`, only the calls behind this one; ("", "", "") = all.
        operations: values of operation_name.
        shard: only traces with cityHash64(trace_id) % shards equal to this.
        shards: number of shards.
        limit: the most rows.

    Returns:
        Rows with received_at, trace_id, span_id, project, start_time, service_name and operation_name.
    """
    return store.query(
        """
        SELECT received_at, trace_id, span_id, project, start_time, service_name, operation_name
        FROM llm_calls_by_time
        WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
          AND received_at <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
          AND (received_at > fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
               OR (trace_id, span_id, project) > ({after_trace:String}, {after_span:String}, {after_project:String}))
          AND operation_name IN {operations:Array(String)}
          AND cityHash64(trace_id) % {shards:UInt32} = {shard:UInt32}
        ORDER BY received_at, trace_id, span_id, project
        LIMIT {limit:UInt32}
        """,
        {
            "since_ms": milliseconds(since),
            "until_ms": milliseconds(until),
            "after_trace": after[0],
            "after_span": after[1],
            "after_project": after[2],
            "operations": list(operations),
            "shards": shards,
            "shard": shard,
            "limit": limit,
        },
    )


def count_after(
    store: Store, after: datetime, *, until: datetime, operations: Sequence[str], shard: int, shards: int
) -> tuple[int, datetime | None]:
    """How many calls arrived in (after, until], and when the first of them did; reads only what arrived then.

    Args:
        store: where from.
        after: exclusive.
        until: inclusive.
        operations: values of operation_name; empty = all.
        shard: only traces with cityHash64(trace_id) % shards equal to this.
        shards: number of shards.
    """
    rows = store.query(
        """
        SELECT count() AS calls, min(c.received_at) AS oldest FROM llm_calls_by_time AS c
        WHERE c.received_at > fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')
          AND c.received_at <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
          AND (empty({operations:Array(String)}) OR operation_name IN {operations:Array(String)})
          AND cityHash64(trace_id) % {shards:UInt32} = {shard:UInt32}
        """,
        {
            "after_ms": milliseconds(after),
            "until_ms": milliseconds(until),
            "operations": list(operations),
            "shard": shard,
            "shards": shards,
        },
    )
    calls = int(rows[0]["calls"])
    return calls, rows[0]["oldest"] if calls else None


def call_texts(store: Store, keys: Sequence[CallKey], *, columns: Sequence[str], longest: int) -> list[dict[str, Any]]:
    """What evaluators see of some calls.

    Args:
        store: where from.
        keys: which calls, about 500: they travel in the request's address.
        columns: names of text columns, from our code.
        longest: texts are cut to one character more than this, so that a longer one can be told.

    Returns:
        One row per call that is there: ids, `columns`, prompt_hash, and the columns that scores repeat.
    """
    texts = "".join(f"leftUTF8({column}, {{longest:UInt32}}) AS {column}, " for column in columns)
    return store.query(
        f"""
        SELECT {CONTEXT},
               {texts}if(response_model != '', response_model, request_model) AS model,
               cityHash64(prompt_text) AS prompt_hash
        FROM llm_calls
        WHERE {BY_KEY}
        """,
        {"keys": list(keys), "longest": longest + 1},
    )


def retrieved(
    store: Store, places: Sequence[tuple[int, str, str]], *, longest: int
) -> dict[tuple[str, str], list[tuple[datetime, str]]]:
    """What was retrieved in some traces: start and text of each retrieval by trace id and project, in order of start.

    Args:
        store: where from.
        places: which traces, by (hour of a call of theirs in Unix seconds, trace_id, project), about 500; the hour
            before is looked at as well.
        longest: texts are cut to one character more than this. Of a trace the first 20 retrievals are read.
    """
    rows = store.query(
        """
        SELECT trace_id, key_project, start_time, leftUTF8(context_text, {longest:UInt32}) AS text FROM llm_calls
        WHERE (hour, trace_id, key_project) IN {places:Array(Tuple(UInt32, String, String))} AND context_text != ''
        ORDER BY trace_id, start_time, span_id LIMIT 20 BY trace_id, key_project
        """,
        {
            "places": sorted({(hour - before, *trace) for hour, *trace in places for before in (0, 3600)}),
            "longest": longest + 1,
        },
    )
    found: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
    for row in rows:
        found.setdefault((row["trace_id"], row["key_project"]), []).append((row["start_time"], row["text"]))
    return found


def golden_answers(store: Store, prompt_hashes: Sequence[int], *, longest: int) -> dict[int, str]:
    """Reference answers by cityHash64(prompt_text): of several to one prompt, the one added last.

    Args:
        store: where from.
        prompt_hashes: which prompts, 500 at most.
        longest: answers are cut to one character more than this.
    """
    rows = store.query(
        """
        SELECT prompt_hash, leftUTF8(reference_text, {longest:UInt32}) AS reference_text FROM `references` FINAL
        WHERE prompt_hash IN {hashes:Array(UInt64)}
        ORDER BY created_at DESC, dataset LIMIT 1 BY prompt_hash
        """,
        {"hashes": list(prompt_hashes), "longest": longest + 1},
    )
    return {row["prompt_hash"]: row["reference_text"] for row in rows}


def scored_at(
    store: Store, ids: Sequence[CallId], *, name: str, evaluator: str, version: str
) -> dict[CallId, datetime]:
    """When calls got their visible score, or their terminal error, from one version of an evaluator.

    Args:
        store: where from.
        ids: which calls, 500 at most.
        name: one score that the evaluator gives to every call.
        evaluator: its name.
        version: its version.
    """
    rows = store.query(
        """
        SELECT trace_id, span_id, project, max(created_at) AS created_at FROM scores
        WHERE name = {name:String} AND evaluator = {evaluator:String} AND evaluator_version = {version:String}
          AND (trace_id, span_id, project) IN {ids:Array(Tuple(String, String, String))}
        GROUP BY trace_id, span_id, project
        """,
        {"name": name, "evaluator": evaluator, "version": version, "ids": list(ids)},
    )
    return {(row["trace_id"], row["span_id"], row["project"]): row["created_at"] for row in rows}


def last_batches(store: Store, evaluator: str, version: str) -> list[dict[str, Any]]:
    """The last batch-level event of every life of every worker that ran one version of an evaluator.

    Returns:
        Rows with shard, worker, event, time, since and watermark of that event, and `done`, the highest watermark
        that this life finished (the epoch when none).
    """
    return store.query(
        """
        SELECT shard, worker, argMax(l.event, l.time) AS event, argMax(l.since, l.time) AS since,
               argMax(l.watermark, l.time) AS watermark, maxIf(l.watermark, l.event = 'batch') AS done,
               max(l.time) AS time
        FROM evaluation_log AS l
        WHERE evaluator = {evaluator:String} AND evaluator_version = {version:String}
          AND l.event IN ('start', 'batch') AND trace_id = ''
        GROUP BY shard, worker ORDER BY time
        """,
        {"evaluator": evaluator, "version": version},
    )


def deaths_since(
    store: Store, *, evaluator: str, version: str, since: datetime, worker: str, ids: Sequence[CallId]
) -> dict[CallId, int]:
    """In how many lives of workers, other than this one's, single calls were started since a batch was.

    Args:
        store: where from.
        evaluator: its name.
        version: its version.
        since: when that batch was started.
        worker: the life that asks; it has not ended.
        ids: which calls, 500 at most.
    """
    rows = store.query(
        """
        SELECT trace_id, span_id, project, uniqExact(worker) AS lives FROM evaluation_log
        WHERE evaluator = {evaluator:String} AND evaluator_version = {version:String} AND event = 'start'
          AND time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND worker != {worker:String}
          AND (trace_id, span_id, project) IN {ids:Array(Tuple(String, String, String))}
        GROUP BY trace_id, span_id, project
        """,
        {
            "evaluator": evaluator,
            "version": version,
            "since_ms": milliseconds(since),
            "worker": worker,
            "ids": list(ids),
        },
    )
    return {(row["trace_id"], row["span_id"], row["project"]): row["lives"] for row in rows}


def storage_keys(call: CallId, start_time: datetime, received_at: datetime) -> list[CallKey]:
    """The keys under which a call may be stored; one, unless the client's clock is wrong by weeks.

    Args:
        call: its ids.
        start_time: as the client says.
        received_at: when a piece of it came; the hour was chosen within a minute of that.
    """
    return [(hour, *call) for hour in sorted({_hour(start_time, received_at + late) for late in _CHOSEN_WITHIN})]


def storage_days(start_time: datetime, received_at: datetime) -> set[date]:
    """The days under which a call may be stored."""
    return {
        datetime.fromtimestamp(hour, UTC).date() for hour, *_ in storage_keys(("", "", ""), start_time, received_at)
    }


_CHOSEN_WITHIN = (timedelta(minutes=-1), timedelta(0), timedelta(minutes=1))


def _hour(start_time: datetime, now: datetime) -> int:
    """What the collector's `stored_hour` computes."""
    held = retained_time(start_time, now)
    unit_s = 3600 if held == start_time else 86_400
    return int(held.timestamp()) // unit_s * unit_s


def retained_time(start_time: datetime, received_at: datetime) -> datetime:
    """A call's start, held inside the retention period as the collector does it: clients' clocks can be wrong."""
    return min(max(start_time, received_at - RETENTION), received_at + timedelta(days=1))


def milliseconds(moment: datetime) -> int:
    """Unix time in milliseconds, rounded down."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
