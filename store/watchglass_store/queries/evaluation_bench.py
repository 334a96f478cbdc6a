"""Calls made by the store itself, for the benchmark of the evaluators' backlog, and what became of them."""

from datetime import datetime

from watchglass_store.client import Store

_BLOCK = 100_000


def make_calls(store: Store, *, calls: int, start: datetime, seconds: int, first: int = 0) -> None:
    """Store chat calls with answers of 20 words, whose arrival is spread evenly over a time.

    Args:
        store: where to.
        calls: how many.
        start: when the first arrives.
        seconds: over how long.
        first: number of the first: calls with other numbers are other calls.
    """
    for begin in range(0, calls, _BLOCK):
        store.command(
            """
            INSERT INTO llm_call_parts (trace_id, span_id, received_at, start_time, duration_s, service_name,
                operation_name, request_model, prompt_text, response_text)
            SELECT lower(hex(sipHash128(number))), leftPad(lower(hex(number)), 16, '0'), arrived, arrived, 0.5,
                concat('s', toString(number % 25)), 'chat', concat('m', toString(number % 4)),
                concat('Question ', toString(number), '?'),
                arrayStringConcat(arrayMap(i -> concat('word', toString(cityHash64(number, i) % 5000)), range(20)), ' ')
            FROM (
                SELECT {first:UInt64} + i AS number, {start:DateTime64(3, 'UTC')}
                    + toIntervalMillisecond(intDiv(i * {ms:UInt64}, {calls:UInt64})) AS arrived
                FROM (SELECT number AS i FROM numbers({begin:UInt64}, {count:UInt64}))
            )
            """,
            {
                "first": first,
                "begin": begin,
                "count": min(_BLOCK, calls - begin),
                "calls": calls,
                "start": start,
                "ms": seconds * 1000,
            },
        )


def rows_written(store: Store, name: str) -> int:
    """How many rows a score has, rows that replace others included."""
    return int(store.query("SELECT count() AS n FROM scores WHERE name = {name:String}", {"name": name})[0]["n"])


def visible_scores(store: Store, name: str) -> tuple[int, int]:
    """How many scores show, and for how many different calls."""
    (row,) = store.query(
        "SELECT count() AS n, uniqExact(trace_id, span_id) AS calls FROM scores FINAL WHERE name = {name:String}",
        {"name": name},
    )
    return int(row["n"]), int(row["calls"])
