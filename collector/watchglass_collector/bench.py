"""What ingest costs: spans per CPU-second of the whole path, beside two yardsticks from the same run.

Collector and store run in a child process, whose CPU time is read from the system: receiving, checking, the spool with
its syncs, decoding, views, rollups, writing, the assembly, and the merges that follow until none runs. The client is
this process and not counted, but for the yardstick in Python.

The bound: copying the finished rows of every table that a span ends in to a table of the same definition, a whole table
at a time. So it has few merges, and neither a client nor a spool. And the bound in segments: the same copies, as many
spans at a time as a segment holds, with the merges that follow: who has rows on disk within a second pays for those.

In Python: the same rows of `otel_traces` and `llm_call_parts` made span by span (`bench_python`), a segment's worth of
them inserted with the same client, and the small tables behind them filled by the same views. Receiving, spooling and
the assembly are left out, in its favour.
"""

import itertools
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import httpx

from watchglass_collector.bench_payload import payloads
from watchglass_collector.bench_python import python_rows
from watchglass_collector.bench_server import Server, serving
from watchglass_collector.config import CollectorConfig
from watchglass_collector.signals import TRACES

SPANS_PER_REQUEST: Final = 512
"""What the exporters of the SDKs send at once."""
_SPANS_PER_PACED_REQUEST: Final = 64
_CONNECTIONS: Final = 2
_PACED_CONNECTIONS: Final = 8
_HEADERS: Final = {"content-type": "application/x-protobuf"}
_REQUESTS_PER_SEGMENT: Final = CollectorConfig().segment_bytes // (SPANS_PER_REQUEST * 3300)
_COPY, _TWIN = "copy_of_", "python_"
_ROLLUPS: Final = {
    "otel_traces_trace_id_ts_mv": ("otel_traces", "otel_traces_trace_id_ts"),
    "llm_trace_pieces_from_spans": ("otel_traces", "llm_trace_pieces"),
    "llm_trace_pieces_mv": ("llm_call_parts", "llm_trace_pieces"),
    "llm_calls_by_time_mv": ("llm_call_parts", "llm_calls_by_time"),
    "llm_calls_1m_mv": ("llm_call_parts", "llm_calls_1m"),
    "llm_figure_parts_mv": ("llm_call_parts", "llm_figure_parts"),
}
"""Views from the tables that the path in Python fills: from where, and to where."""
_FINISHED: Final = """
SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts
WHERE active AND database = currentDatabase() AND (startsWith(table, 'otel_') OR startsWith(table, 'llm_'))
GROUP BY table ORDER BY table
"""

_IN_SEGMENTS: Final = "".join(
    f", {name} = {value}"
    for name, value in {
        **dict.fromkeys(
            ("max_block_size", "max_insert_block_size", "min_insert_block_size_rows"),
            SPANS_PER_REQUEST * _REQUESTS_PER_SEGMENT,
        ),
        **dict.fromkeys(("min_insert_block_size_bytes", "preferred_block_size_bytes"), 0),
        "max_threads": 1,
    }.items()
)

Send = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    requests: int
    """Of 512 spans, each time a path has its turn."""
    rounds: int
    paced_s: float
    """How long each transport is watched at half of its load."""


QUICK: Final = Sizes(requests=16, rounds=2, paced_s=3)
WHOLE: Final = Sizes(requests=60, rounds=5, paced_s=15)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One path, once."""

    spans: int
    otlp_bytes: int
    wall_s: float
    cpu_s: float


def run(quick: bool = False) -> dict[str, Any]:
    """Measure, several times in turn; spans per CPU-second are those of all rounds together, others are medians.

    Args:
        quick: less of everything; fits in a minute on a machine that is idle.

    Returns:
        For `http` and `grpc` each: spans_per_s, mb_per_s, spans_per_cpu_s, ack_p50_ms, ack_p99_ms, both at half of that
        load; bound_spans_per_cpu_s, bound_in_segments_spans_per_cpu_s, python_spans_per_cpu_s, peak_rss_mb,
        bytes_per_span, bytes_per_otlp_byte.
    """
    sizes = QUICK if quick else WHOLE
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as server:
        found = measured(server, sizes, random.Random(4))
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as server:
        return found | {"peak_rss_mb": peak_rss_mb(server, sizes, random.Random(5))}


def peak_rss_mb(server: Server, sizes: Sizes, numbers: random.Random) -> int:
    """Most memory of a process that only receives, MiB: the yardsticks, who copy whole tables, leave some behind."""
    for turn in range(sizes.rounds):
        _say(f"memory, round {turn + 1} of {sizes.rounds}")
        for name in _CLIENTS:
            over(server, name, payloads(numbers, sizes.requests, SPANS_PER_REQUEST))
    return round(server.peak_rss_mb())


def measured(server: Server, sizes: Sizes, numbers: random.Random) -> dict[str, Any]:
    """The whole table but the memory, measured on a server that holds whatever it holds."""
    found: dict[str, list[Measurement]] = {"http": [], "grpc": [], "python": [], "copy": [], "copy in segments": []}
    over(server, "http", payloads(numbers, 2, SPANS_PER_REQUEST))
    for turn in range(sizes.rounds):
        _say(f"round {turn + 1} of {sizes.rounds}")
        for name in _CLIENTS:
            found[name].append(over(server, name, payloads(numbers, sizes.requests, SPANS_PER_REQUEST)))
        found["python"].append(_in_python(server, payloads(numbers, sizes.requests // 2, SPANS_PER_REQUEST)))
        found["copy"].append(_copy(server))
        found["copy in segments"].append(_copy(server, _IN_SEGMENTS))
    acks_ms = {}
    for name in _CLIENTS:
        _say(f"{name} at half of its load")
        half = statistics.median(one.spans / one.wall_s for one in found[name]) / 2
        acks_ms[name] = _paced(server, name, numbers, half, sizes.paced_s)
    return _report(found, acks_ms, server)


def _report(found: dict[str, list[Measurement]], acks_ms: dict[str, Sequence[float]], server: Server) -> dict[str, Any]:
    # Of all rounds together: a merge falls into one of them and belongs to all.
    per_cpu_s = {
        name: round(sum(one.spans for one in many) / sum(one.cpu_s for one in many)) for name, many in found.items()
    }
    transports = {}
    for name, acks in acks_ms.items():
        transports[name] = {
            "spans_per_s": round(statistics.median(one.spans / one.wall_s for one in found[name])),
            "mb_per_s": round(statistics.median(one.otlp_bytes / one.wall_s / 1e6 for one in found[name]), 1),
            "spans_per_cpu_s": per_cpu_s[name],
            "ack_p50_ms": round(acks[len(acks) // 2], 1),
            "ack_p99_ms": round(acks[int(len(acks) * 0.99)], 1),
        }
    stored = sum(row["bytes"] for row in server.store.query(_FINISHED)) / server.rows("otel_traces")
    sent = found["http"][0].otlp_bytes / found["http"][0].spans
    return {
        **transports,
        "bound_spans_per_cpu_s": per_cpu_s["copy"],
        "bound_in_segments_spans_per_cpu_s": per_cpu_s["copy in segments"],
        "python_spans_per_cpu_s": per_cpu_s["python"],
        "bytes_per_span": round(stored),
        "bytes_per_otlp_byte": round(stored / sent, 3),
    }


@contextmanager
def _http(server: Server) -> Iterator[Send]:
    with httpx.Client(base_url=server.http_url, headers=_HEADERS, timeout=120) as client:
        yield lambda body: client.post(TRACES.http_path, content=body).raise_for_status()


@contextmanager
def _grpc(server: Server) -> Iterator[Send]:
    with grpc.insecure_channel(server.grpc_target) as channel:
        export = channel.unary_unary(f"/{TRACES.grpc_service}/Export", None, None)
        yield lambda body: export(body, timeout=120)


_CLIENTS: Final = {"http": _http, "grpc": _grpc}


def over(server: Server, transport: str, bodies: Sequence[bytes]) -> Measurement:
    """As fast as it goes, until everything is stored, assembled and merged."""
    spans = len(bodies) * SPANS_PER_REQUEST
    goal = server.stored() + spans
    with _CLIENTS[transport](server) as send, ThreadPoolExecutor(_CONNECTIONS) as pool:
        cpu_s = server.settled_cpu_s()
        start_s = time.perf_counter()
        list(pool.map(send, bodies))
        server.wait_for(goal)
        wall_s = time.perf_counter() - start_s
        server.wait_for_assembly(goal)
        return Measurement(spans, sum(map(len, bodies)), wall_s, server.settled_cpu_s() - cpu_s)


def _paced(
    server: Server, transport: str, numbers: random.Random, spans_per_s: float, duration_s: float
) -> Sequence[float]:
    """Milliseconds to each answer, sorted, counted from when the request was due: a late start counts as waiting."""
    interval_s = _SPANS_PER_PACED_REQUEST / spans_per_s
    bodies = payloads(numbers, max(2, int(duration_s / interval_s)), _SPANS_PER_PACED_REQUEST)
    goal = server.stored() + len(bodies) * _SPANS_PER_PACED_REQUEST

    def answered_ms(due_s: float, body: bytes) -> float:
        time.sleep(max(0.0, due_s - time.perf_counter()))
        send(body)
        return 1000 * (time.perf_counter() - due_s)

    with _CLIENTS[transport](server) as send, ThreadPoolExecutor(_PACED_CONNECTIONS) as pool:
        due = itertools.count(time.perf_counter() + interval_s, interval_s)
        acks_ms = sorted(pool.map(answered_ms, due, bodies))
    server.wait_for_assembly(goal)
    return acks_ms


def _in_python(server: Server, bodies: Sequence[bytes]) -> Measurement:
    _make_twins(server)
    start_s, cpu_s = time.perf_counter(), server.settled_cpu_s() + _own_cpu_s()
    for first in range(0, len(bodies), _REQUESTS_PER_SEGMENT):
        rows = [python_rows(body) for body in bodies[first : first + _REQUESTS_PER_SEGMENT]]
        server.store.insert(f"{_TWIN}otel_traces", [row for spans, _ in rows for row in spans])
        server.store.insert(f"{_TWIN}llm_call_parts", [row for _, calls in rows for row in calls])
    cpu_s = server.settled_cpu_s() + _own_cpu_s() - cpu_s
    spans = len(bodies) * SPANS_PER_REQUEST
    return Measurement(spans, sum(map(len, bodies)), time.perf_counter() - start_s, cpu_s)


def _make_twins(server: Server) -> None:
    """Empty tables for the path in Python, and the views between them."""
    for view in _ROLLUPS:
        server.store.command(f"DROP TABLE IF EXISTS {_TWIN}{view} SYNC")
    for table in sorted({table for ends in _ROLLUPS.values() for table in ends}):
        twin(server, table, _TWIN + table)
    names = (
        "SELECT name, as_select FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}"
    )
    for row in server.store.query(names, {"names": list(_ROLLUPS)}):
        source, target = _ROLLUPS[row["name"]]
        select = row["as_select"].replace(f".{source}", f".{_TWIN}{source}")
        server.store.command(f"CREATE MATERIALIZED VIEW {_TWIN}{row['name']} TO {_TWIN}{target} AS {select}")


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _copy(server: Server, settings: str = "") -> Measurement:
    tables = [row["table"] for row in server.store.query(_FINISHED)]
    for table in tables:
        twin(server, table, _COPY + table)
    spans = server.rows("otel_traces")
    start_s, cpu_s = time.perf_counter(), server.settled_cpu_s()
    for table in tables:
        # As segments are inserted: rows are not merged on the way.
        server.store.command(
            f"INSERT INTO {_COPY}{table} SETTINGS optimize_on_insert = 0{settings} SELECT * FROM {table}"
        )
    return Measurement(spans, 0, time.perf_counter() - start_s, server.settled_cpu_s() - cpu_s)


def twin(server: Server, table: str, name: str) -> None:
    """An empty table of the same definition, syncs included."""
    server.store.command(f"DROP TABLE IF EXISTS {name} SYNC")
    server.store.command(f"CREATE TABLE {name} AS {table}")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
