"""What the assembly of traces reads and writes: pieces as they arrive, what is known of their traces, its journal.

Traces are asked for by `cityHash64(trace_id, project)`, at most two thousand at a time: keys travel in the
request's address, which an HTTP server reads up to 64 KiB.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchglass_store.client import Store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GONE_AFTER_MS = 30_000
"""An assembler that was silent for so long counts as gone."""

_KEYS = "trace_key IN {keys:Array(Int64)}"
_SINCE = "fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')"
_UNTIL = "fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')"

_CALL_TEXTS = (
    "service_name",
    "environment",
    "convention",
    "operation_name",
    "provider_name",
    "request_model",
    "response_model",
    "response_id",
    "prompt_name",
    "prompt_version",
)
_CALL_NUMBERS = (
    "usage_input_tokens",
    "usage_output_tokens",
    "usage_cache_read_input_tokens",
    "usage_cache_write_input_tokens",
)
FOUND = (
    "start_ns",
    "service_name",
    "environment",
    "operation_name",
    "provider_name",
    "model",
    "prompt_name",
    "prompt_version",
    "conversation_id",
    "user_id",
    "root_span_id",
    "depth",
    "usage_counted",
    "usage_input_tokens",
    "usage_output_tokens",
    "cost_usd",
    "moved_events",
)
"""Columns of `llm_findings` that say something about a call; `start_ns` is `start_time` as Unix nanoseconds."""


def now_ms(store: Store) -> int:
    """The store's clock, in Unix milliseconds: the one that pieces are stamped with."""
    return int(store.query("SELECT toUnixTimestamp64Milli(now64(3)) AS now")[0]["now"])


def arrival_moments(store: Store, since_ms: int, until_ms: int, *, limit: int) -> dict[int, int]:
    """The moments of a time at which pieces came, oldest first, in Unix milliseconds, and how many pieces."""
    rows = store.query(
        f"""
        SELECT toUnixTimestamp64Milli(p.received_at) AS received_ms, toInt64(count()) AS pieces
        FROM llm_trace_pieces AS p WHERE p.received_at > {_SINCE} AND p.received_at <= {_UNTIL}
        GROUP BY received_ms ORDER BY received_ms LIMIT {{limit:UInt32}}
        """,
        {"since_ms": since_ms, "until_ms": until_ms, "limit": limit},
    )
    return {int(row["received_ms"]): int(row["pieces"]) for row in rows}


def arrivals(store: Store, moments_ms: Sequence[int]) -> "pd.DataFrame":
    """Which traces got pieces at some moments, two thousand at most.

    Returns:
        Columns trace_key, received_ms and start_ms (when the earliest of the pieces began).
    """
    return store.query_df(
        f"""
        SELECT trace_key, toUnixTimestamp64Milli(p.received_at) AS received_ms,
               min(if(kind = 'event', received_ms, toUnixTimestamp64Milli(p.start_time))) AS start_ms
        FROM llm_trace_pieces AS p
        PREWHERE p.received_at > {_SINCE} AND p.received_at <= {_UNTIL}
             AND toUnixTimestamp64Milli(p.received_at) IN {{moments_ms:Array(Int64)}}
        GROUP BY trace_key, received_ms
        """,
        {"since_ms": min(moments_ms) - 1, "until_ms": max(moments_ms), "moments_ms": list(moments_ms)},
    )


def keys_between(store: Store, since_ms: int, until_ms: int) -> "np.typing.NDArray[np.int64]":
    """Keys of the traces that got pieces in a time."""
    frame = store.query_df(
        f"SELECT DISTINCT trace_key FROM llm_trace_pieces WHERE received_at > {_SINCE} AND received_at <= {_UNTIL}",
        {"since_ms": since_ms, "until_ms": until_ms},
    )
    return frame["trace_key"].to_numpy("int64")


def sizes(store: Store, keys: Sequence[int], since_ms: int) -> dict[int, int]:
    """Pieces of each of these traces that came since a time."""
    rows = store.query(
        f"SELECT trace_key, count() AS n FROM llm_trace_pieces PREWHERE {_KEYS} AND received_at > {_SINCE} "
        "GROUP BY trace_key",
        {"keys": list(keys), "since_ms": since_ms},
    )
    return {int(row["trace_key"]): int(row["n"]) for row in rows}


def moments(store: Store, key: int, since_ms: int) -> list[tuple[int, int, int]]:
    """When pieces of one trace came, in Unix milliseconds, how many, and how many of them are calls; oldest first."""
    rows = store.query(
        "SELECT toUnixTimestamp64Milli(p.received_at) AS received_ms, count() AS n, countIf(kind = 'call') AS calls "
        f"FROM llm_trace_pieces AS p PREWHERE trace_key = {{key:Int64}} AND p.received_at > {_SINCE} "
        "GROUP BY received_ms ORDER BY received_ms",
        {"key": key, "since_ms": since_ms},
    )
    return [(int(row["received_ms"]), int(row["n"]), int(row["calls"])) for row in rows]


def skeleton(store: Store, keys: Sequence[int], since_ms: int, until_ms: int) -> "pd.DataFrame":
    """All spans of some traces that came in a time, each once, in an order that does not depend on when they came.

    Returns:
        Columns trace_key, trace_id, project, span_id, parent_span_id, key and parent_key (hashes of trace, project and
        span, of trace, project and parent), start_ns,
        duration_s, scope, conversation_id, user_id (of the span itself), is_call, hours (Unix seconds; where
        the call is stored, the latest start first), event_hours (of its log events), moved_events (those stored under
        other hours than its own),
        sent_cost_usd (NaN = not sent), and columns of `llm_calls`, numbers -1 where they were not sent.
    """
    inside = ", ".join((*_CALL_TEXTS, *_CALL_NUMBERS, "cost_usd", "conversation_id", "user_id"))
    call = f"argMaxIf(({inside}), p.received_at, kind = 'call')"
    names = (*_CALL_TEXTS, *_CALL_NUMBERS)
    columns = ", ".join(f"c.{place} AS {name}" for place, name in enumerate(names, start=1))
    own = len(names) + 1
    return store.query_df(
        f"""
        SELECT trace_key, trace_id, CAST(project, 'String') AS project, span_id, parent_span_id,
               reinterpretAsInt64(cityHash64(trace_id, project, span_id)) AS key,
               reinterpretAsInt64(cityHash64(trace_id, project, parent_span_id)) AS parent_key, start_ns,
               duration_s, scope,
               firstNonDefault(c.{own + 1}, span_conversation) AS conversation_id,
               firstNonDefault(c.{own + 2}, span_user) AS user_id, is_call, call_hours AS hours, event_hours,
               toInt64(if(empty(hours), 0, arrayCount(hour -> hour != hours[1], event_hours))) AS moved_events,
               c.{own} AS sent_cost_usd, {columns}
        FROM (
            SELECT trace_key, trace_id, project, span_id,
                   argMax(p.parent_span_id, (kind != 'event', p.received_at)) AS parent_span_id,
                   argMax(toUnixTimestamp64Nano(p.start_time), (kind != 'event', p.received_at)) AS start_ns,
                   max(p.duration_s) AS duration_s, max(p.scope) AS scope,
                   argMax(p.conversation_id, (kind = 'span', p.received_at)) AS span_conversation,
                   argMax(p.user_id, (kind = 'span', p.received_at)) AS span_user,
                   toInt64(max(kind = 'call')) AS is_call,
                   arrayReverseSort(groupUniqArrayIf(toInt64(toUnixTimestamp(p.hour)), kind = 'call')) AS call_hours,
                   groupArrayIf(toInt64(toUnixTimestamp(p.hour)), kind = 'event') AS event_hours,
                   {call} AS c
            FROM llm_trace_pieces AS p
            PREWHERE {_KEYS} AND p.received_at > {_SINCE} AND p.received_at <= {_UNTIL}
            GROUP BY trace_key, trace_id, project, span_id
            HAVING max(kind != 'event')
        )
        ORDER BY trace_id, project, span_id
        """,
        {"keys": list(keys), "since_ms": since_ms, "until_ms": until_ms},
    )


def known(store: Store, keys: Sequence[int], since_ms: int) -> "pd.DataFrame":
    """What earlier batches, written since a time, found out about calls of some traces: the last word on each.

    Returns:
        Columns trace_id, span_id, project, hour (Unix seconds) and `FOUND`.
    """
    sources = ", ".join("toUnixTimestamp64Nano(f.start_time)" if name == "start_ns" else f"f.{name}" for name in FOUND)
    columns = ", ".join(f"found.{place} AS {name}" for place, name in enumerate(FOUND, start=1))
    return store.query_df(
        f"""
        SELECT trace_id, span_id, CAST(project, 'String') AS project, toInt64(toUnixTimestamp(hour)) AS hour, {columns}
        FROM (
            SELECT trace_id, span_id, project, hour, argMax(({sources}), f.batch) AS found
            FROM llm_findings AS f PREWHERE {_KEYS} AND f.written_at > {_SINCE} WHERE f.sign = 1
            GROUP BY trace_id, span_id, project, hour
        )
        """,
        {"keys": list(keys), "since_ms": since_ms},
    )


def journal(store: Store, batch: int, rows: bytes) -> None:
    """Write a batch down, whole or not at all; where a batch with this number is there already, nothing happens.

    Args:
        store: where to.
        batch: its number, the last one plus one.
        rows: rows of `llm_findings` as JSONEachRow.
    """
    store.raw_insert("llm_findings", rows, fmt="JSONEachRow", settings=_settings(batch))


def apply(store: Store, batch: int, rows: bytes) -> None:
    """Bring a batch that is in the journal to the calls and the rollup; what is there already stays as it is.

    Args:
        store: where to.
        batch: its number.
        rows: its rows as JSONEachRow, the same each time.
    """
    store.raw_insert("llm_findings_inbox", rows, fmt="JSONEachRow", settings=_settings(batch))


def _settings(batch: int) -> Mapping[str, str]:
    # One block: a batch that were cut in two could be there by half.
    return {
        "insert_deduplication_token": f"assembly-{batch}",
        "min_insert_block_size_rows": "10000000",
        "min_insert_block_size_bytes": "0",
        "max_insert_block_size": "10000000",
        "input_format_parallel_parsing": "0",
    }


def last_batch(store: Store) -> tuple[int, str, bool]:
    """Number and writer of the last batch in the journal, and whether it is known to be applied; 0 = none."""
    rows = store.query("SELECT batch, writer FROM llm_findings ORDER BY written_at DESC, batch DESC LIMIT 1")
    if not rows:
        return 0, "", True
    batch, writer = int(rows[0]["batch"]), str(rows[0]["writer"])
    applied = store.query(
        "SELECT max(l.batch) AS batch FROM llm_assembly_log AS l "
        "WHERE l.event = 'applied' AND l.batch = {batch:UInt64}",
        {"batch": batch},
    )
    return batch, writer, int(applied[0]["batch"]) == batch


def batch_rows(store: Store, batch: int) -> list[dict[str, Any]]:
    """The rows of a batch, as they were written."""
    return store.query(
        "SELECT * EXCEPT (written_at, hour, start_time), toString(written_at) AS written_at, "
        "toUnixTimestamp(hour) AS hour, toString(start_time) AS start_time FROM llm_findings "
        "WHERE batch = {batch:UInt64} ORDER BY ALL",
        {"batch": batch},
    )


def watermark_ms(store: Store) -> int:
    """Up to when pieces were looked at, in Unix milliseconds; 0 = the assembly never ran."""
    rows = store.query("SELECT max(l.watermark) AS watermark, count() AS n FROM llm_assembly_log AS l")
    return round(rows[0]["watermark"].timestamp() * 1000) if rows[0]["n"] else 0


def note_applied(store: Store, worker: str, batch: int, *, traces: int, calls: int, unpriced: int) -> None:
    """Note that a batch is in the calls and in the rollup; numbers are those of the batch."""
    row = {"event": "applied", "worker": worker, "batch": batch, "traces": traces, "calls": calls, "unpriced": unpriced}
    store.insert("llm_assembly_log", [row])


def note_alive(store: Store, worker: str, *, is_standing_by: bool, watermark_ms: int) -> None:
    """Note that an assembler is there, since when, and up to when it looked at pieces (0 = it does not work)."""
    store.command(
        """
        INSERT INTO llm_assembly_log (event, worker, is_standing_by, watermark, since)
        SELECT 'alive', {worker:String}, {standing_by:UInt8}, fromUnixTimestamp64Milli({watermark_ms:Int64}),
               if(count() = 0, now64(3), min(l.since))
        FROM llm_assembly_log AS l
        WHERE l.event = 'alive' AND l.worker = {worker:String}
              AND l.time > now64(3) - toIntervalMillisecond({gone_after_ms:UInt32})
        """,
        {
            "worker": worker,
            "standing_by": int(is_standing_by),
            "watermark_ms": watermark_ms,
            "gone_after_ms": GONE_AFTER_MS,
        },
    )


def note_gone(store: Store, worker: str) -> None:
    """Note that an assembler ends, so that nobody waits for it."""
    store.insert("llm_assembly_log", [{"event": "gone", "worker": worker}])


def alive(store: Store) -> list[dict[str, Any]]:
    """Every assembler that said lately that it is there: worker, since, is_standing_by (as it said last)."""
    return store.query(
        """
        SELECT worker, maxIf(l.since, l.event = 'alive') AS since,
               argMaxIf(l.is_standing_by, l.time, l.event = 'alive') AS is_standing_by
        FROM llm_assembly_log AS l
        WHERE l.event IN ('alive', 'gone') AND l.time > now64(3) - toIntervalMillisecond({gone_after_ms:UInt32})
        GROUP BY worker HAVING argMax(l.event, l.time) = 'alive' ORDER BY since, worker
        """,
        {"gone_after_ms": GONE_AFTER_MS},
    )


def move_events(store: Store, from_hour: int, to_hour: int, ids: Sequence[tuple[str, str, str]]) -> None:
    """Copy log events to the hour of their calls; doing it again changes nothing.

    Args:
        store: where.
        from_hour: the hour under which the events are stored, in Unix seconds.
        to_hour: the hour of the calls.
        ids: trace_id, span_id and project of the calls, about 300 at most.
    """
    store.command(
        """
        INSERT INTO llm_call_parts (hour, trace_id, span_id, project, received_at, event_messages)
        SELECT toDateTime({to_hour:UInt32}, 'UTC'), p.trace_id, p.span_id, p.project, p.received_at, p.event_messages
        FROM llm_call_parts AS p
        WHERE p.hour = toDateTime({from_hour:UInt32}, 'UTC')
              AND (p.trace_id, p.span_id, p.project) IN {ids:Array(Tuple(String, String, String))}
              AND notEmpty(p.event_messages)
        """,
        {"from_hour": from_hour, "to_hour": to_hour, "ids": list(ids)},
    )


def unpriced(store: Store, since: datetime, *, limit: int = 100) -> list[dict[str, Any]]:
    """Models whose calls count and have no cost, since a time: provider_name, model, calls; most calls first."""
    return store.query(
        f"""
        SELECT provider_name, model, toInt64(sum(unpriced_calls)) AS calls FROM llm_calls_1m
        WHERE minute >= {_SINCE} GROUP BY provider_name, model HAVING calls > 0
        ORDER BY calls DESC, provider_name, model LIMIT {{limit:UInt32}}
        """,
        {"since_ms": round(since.timestamp() * 1000), "limit": limit},
    )
