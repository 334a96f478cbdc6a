"""Whether ingest costs the same when the tables are large.

Between measurements the tables are filled beside the collector: rows that it stored are copied under new ids, their
texts cut to 200 characters, into tables of the same definition, whose parts are then attached and merged into one: with
parts of one size left, the first new one could start a merge of all. What the assembly reads back is dated as if it had
come in the hours before.
"""

import contextlib
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from watchglass_collector.bench import SPANS_PER_REQUEST, over, twin
from watchglass_collector.bench_payload import payloads
from watchglass_collector.bench_server import SETTLE_S, Server, serving
from watchglass_store import StoreUnavailable

_FILL: Final = "fill_of_"
_ROWS_PER_INSERT: Final = 250_000
_TEXTS: Final = ("input_messages", "output_messages", "prompt_text", "response_text")
_TRACE: Final = "lower(hex(sipHash128({0}, n)))"
_SPAN: Final = "substring(lower(hex(sipHash128({0}, n))), 1, 16)"
_KEY: Final = "reinterpretAsInt64(sipHash64({0}, n))"
_EARLIER: Final = "{0} - toIntervalSecond(180 + n % 1000 * 10)"
_CUT: Final = "mapApply((k, v) -> (k, substring(v, 1, 200)), SpanAttributes)"
_CHANGED: Final = {
    "otel_traces": {"TraceId": _TRACE, "SpanId": _SPAN, "SpanAttributes": _CUT},
    "otel_traces_trace_id_ts": {"TraceId": _TRACE},
    "llm_call_parts": {"trace_id": _TRACE, "span_id": _SPAN, **dict.fromkeys(_TEXTS, "substring({0}, 1, 200)")},
    "llm_figure_parts": {"trace_id": _TRACE, "span_id": _SPAN},
    "llm_calls_by_time": {"trace_id": _TRACE, "span_id": _SPAN},
    "llm_trace_pieces": {"trace_id": _TRACE, "span_id": _SPAN, "trace_key": _KEY, "received_at": _EARLIER},
    "llm_findings": {"trace_id": _TRACE, "span_id": _SPAN, "trace_key": _KEY, "written_at": _EARLIER},
}


def run(
    sizes: Sequence[int], data_dir: Path, *, requests: int = 60, rounds: int = 3, settle_s: float = SETTLE_S
) -> list[dict[str, Any]]:
    """Measure OTLP over HTTP on empty tables and then on tables of each size.

    Args:
        sizes: Spans that the tables hold, ascending.
        data_dir: An empty directory with room for the data: about 300 bytes a span.
        requests: Of 512 spans, in each round.
        rounds: How often, at each size.
        settle_s: How long a trace must be quiet before it is assembled.

    Returns:
        For each size: spans, http_spans_per_cpu_s, and to_empty, its ratio to the first.
    """
    numbers = random.Random(4)
    found: list[dict[str, Any]] = []
    with serving(data_dir, settle_s) as server:
        over(server, "http", payloads(numbers, 2, SPANS_PER_REQUEST))
        for size in (0, *sizes):
            _fill(server, size)
            server.wait_for_rest()
            spans = server.rows("otel_traces")
            many = [over(server, "http", payloads(numbers, requests, SPANS_PER_REQUEST)) for _ in range(rounds)]
            # Of all rounds together: a merge falls into one of them and belongs to all.
            rate = sum(one.spans for one in many) / sum(one.cpu_s for one in many)
            first = found[0]["http_spans_per_cpu_s"] if found else rate
            found.append({"spans": spans, "http_spans_per_cpu_s": round(rate), "to_empty": round(rate / first, 3)})
            sys.stderr.write(f"{found[-1]}\n")
    return found


def _fill(server: Server, size: int) -> None:
    """Copy until the tables hold so many spans."""
    spans = server.rows("otel_traces")
    copies = round(size / spans) - 1
    if copies <= 0:
        return
    for table, changed in _CHANGED.items():
        rows = server.rows(table)
        twin(server, table, _FILL + table)
        changes = ", ".join(f"{expression.format(column)} AS {column}" for column, expression in changed.items())
        at_once = max(1, _ROWS_PER_INSERT // rows)
        for first in range(0, copies, at_once):
            some = f"numbers({first}, {min(at_once, copies - first)})"
            server.store.command(
                f"INSERT INTO {_FILL}{table} SETTINGS optimize_on_insert = 0, max_threads = 1 "
                f"SELECT * EXCEPT n REPLACE ({changes}) FROM (SELECT {table}.*, {size} + copy.number AS n "
                f"FROM {some} AS copy, {table})"
            )
        _attach(server, table)


def _attach(server: Server, table: str) -> None:
    parts = "SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = currentDatabase()"
    for row in server.store.query(f"{parts} AND table = {{t:String}}", {"t": _FILL + table}):
        partition = f"PARTITION ID '{row['partition_id']}'"
        server.store.command(f"ALTER TABLE {table} ATTACH {partition} FROM {_FILL}{table}")
        # A merge of millions goes on when nobody waits for its answer any more; `wait_for_rest` does.
        with contextlib.suppress(StoreUnavailable):
            server.store.command(f"OPTIMIZE TABLE {table} {partition} FINAL")
    server.store.command(f"DROP TABLE {_FILL}{table} SYNC")
