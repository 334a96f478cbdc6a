"""What ingest costs: spans per CPU-second of the whole path, beside two yardsticks from the same run.

The collector and its store run in a child process whose CPU time is read from the system; the client is this process
and not counted, but for the path that decodes in Python. Every path ends in the same tables, with the same views
behind them. The bound is what copying the finished rows to tables of the same kind costs.
"""

import gzip
import json
import os
import random
import resource
import statistics
import subprocess
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

from watchglass_collector.bench_payload import payloads, python_rows
from watchglass_collector.collector import Collector
from watchglass_collector.config import CollectorConfig
from watchglass_collector.signals import TRACES
from watchglass_collector.views import install_views
from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate

_SPANS_PER_REQUEST: Final = 512
_CONNECTIONS: Final = 2
_TRANSPORTS: Final = ("http", "http_gzip", "grpc")
_FINISHED: Final = ("otel_traces", "llm_call_parts")
_HEADERS: Final = {"content-type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class _Measurement:
    """One path, once."""

    spans: int
    otlp_bytes: int
    wall_s: float
    cpu_s: float
    acks_s: Sequence[float] = ()


class _Server:
    """The child process, and its store seen from here."""

    def __init__(self, process: "subprocess.Popen[bytes]", store: Store, http_url: str, grpc_target: str) -> None:
        self._process = process
        self.store = store
        self.http_url = http_url
        self.grpc_target = grpc_target

    def cpu_s(self) -> float:
        """CPU time it has used, all threads, user and system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_mb(self) -> float:
        """Most memory it ever had."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        (peak,) = (line for line in lines if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024

    def spans(self) -> int:
        """Rows in otel_traces."""
        return int(self.store.query("SELECT count() AS spans FROM otel_traces")[0]["spans"])

    def wait_for(self, spans: int) -> None:
        """Return once so many spans are stored."""
        while self.spans() < spans:
            time.sleep(0.05)

    def settled_cpu_s(self) -> float:
        """`cpu_s` once no merge runs: merges belong to what was written before, not to what comes next."""
        while self.store.query("SELECT count() AS merges FROM system.merges")[0]["merges"]:
            time.sleep(0.05)
        return self.cpu_s()


def run(quick: bool = False) -> dict[str, Any]:
    """Measure, several times in turn, and return the medians.

    Args:
        quick: less of everything; fits in a minute.
    """
    requests, rounds = (24, 3) if quick else (60, 5)
    numbers = random.Random(4)
    with tempfile.TemporaryDirectory() as directory, _server(Path(directory)) as server:
        paths: dict[str, Callable[[Sequence[bytes]], _Measurement]] = {
            "http": lambda bodies: _over_http(server, bodies, packed=False),
            "http_gzip": lambda bodies: _over_http(server, bodies, packed=True),
            "grpc": lambda bodies: _over_grpc(server, bodies),
            "python": lambda bodies: _in_python(server, bodies),
        }
        found: dict[str, list[_Measurement]] = {name: [] for name in (*paths, "copy")}
        _over_http(server, payloads(numbers, 2, _SPANS_PER_REQUEST), packed=False)
        peak_rss_mb = 0.0
        for turn in range(rounds):
            for name, path in paths.items():
                _say(f"round {turn + 1} of {rounds}: {name}")
                found[name].append(path(payloads(numbers, requests, _SPANS_PER_REQUEST)))
                # The yardsticks take memory too: only what the transports needed counts.
                peak_rss_mb = server.peak_rss_mb() if turn == 0 and name in _TRANSPORTS else peak_rss_mb
            found["copy"].append(_copy(server))
        return _report(found, server, peak_rss_mb)


def _report(found: dict[str, list[_Measurement]], server: _Server, peak_rss_mb: float) -> dict[str, Any]:
    per_cpu_s = {name: statistics.median(one.spans / one.cpu_s for one in many) for name, many in found.items()}
    transports = {}
    for name in _TRANSPORTS:
        many = found[name]
        acks_ms = sorted(1000 * ack for one in many for ack in one.acks_s)
        transports[name] = {
            "spans_per_s": round(statistics.median(one.spans / one.wall_s for one in many)),
            "mb_per_s": round(statistics.median(one.otlp_bytes / one.wall_s / 1e6 for one in many), 1),
            "spans_per_cpu_s": round(per_cpu_s[name]),
            "ack_p50_ms": round(acks_ms[len(acks_ms) // 2], 1),
            "ack_p99_ms": round(acks_ms[int(len(acks_ms) * 0.99)], 1),
        }
    sizes = "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = currentDatabase() AND "
    stored = server.store.query(sizes + "NOT startsWith(table, 'copy_of_')")[0]["bytes"] / server.spans()
    sent = found["http"][0].otlp_bytes / found["http"][0].spans
    return {
        **transports,
        "bound_spans_per_cpu_s": round(per_cpu_s["copy"]),
        "python_spans_per_cpu_s": round(per_cpu_s["python"]),
        "http_to_bound": round(per_cpu_s["http"] / per_cpu_s["copy"], 3),
        "http_to_python": round(per_cpu_s["http"] / per_cpu_s["python"], 2),
        "peak_rss_mb": round(peak_rss_mb),
        "otlp_bytes_per_span": round(sent),
        "bytes_per_span": round(stored),
        "bytes_per_otlp_byte": round(stored / sent, 3),
    }


def _over_http(server: _Server, bodies: Sequence[bytes], *, packed: bool) -> _Measurement:
    wire = [gzip.compress(body, 6) for body in bodies] if packed else bodies
    headers = _HEADERS | ({"content-encoding": "gzip"} if packed else {})
    with httpx.Client(base_url=server.http_url, headers=headers, timeout=120) as client:
        return _send(server, bodies, wire, lambda body: client.post(TRACES.http_path, content=body).raise_for_status())


def _over_grpc(server: _Server, bodies: Sequence[bytes]) -> _Measurement:
    with grpc.insecure_channel(server.grpc_target) as channel:
        export = channel.unary_unary(f"/{TRACES.grpc_service}/Export", None, None)
        return _send(server, bodies, bodies, lambda body: export(body, timeout=120))


def _send(
    server: _Server, bodies: Sequence[bytes], wire: Sequence[bytes], send: Callable[[bytes], object]
) -> _Measurement:
    def acknowledged(body: bytes) -> float:
        start_s = time.perf_counter()
        send(body)
        return time.perf_counter() - start_s

    spans = len(bodies) * _SPANS_PER_REQUEST
    goal = server.spans() + spans
    start_s, cpu_s = time.perf_counter(), server.settled_cpu_s()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        acks_s = list(pool.map(acknowledged, wire))
    server.wait_for(goal)
    wall_s = time.perf_counter() - start_s
    return _Measurement(spans, sum(map(len, bodies)), wall_s, server.settled_cpu_s() - cpu_s, acks_s)


def _in_python(server: _Server, bodies: Sequence[bytes]) -> _Measurement:
    """Generated classes, a dict per span, column-wise insert: what collectors in Python do."""
    start_s, cpu_s = time.perf_counter(), server.settled_cpu_s() + _own_cpu_s()
    per_insert = 6
    for first in range(0, len(bodies), per_insert):
        rows = [row for body in bodies[first : first + per_insert] for row in python_rows(body)]
        server.store.insert("otel_traces", rows)
    cpu_s = server.settled_cpu_s() + _own_cpu_s() - cpu_s
    spans = len(bodies) * _SPANS_PER_REQUEST
    return _Measurement(spans, sum(map(len, bodies)), time.perf_counter() - start_s, cpu_s)


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _copy(server: _Server) -> _Measurement:
    for table in _FINISHED:
        server.store.command(f"DROP TABLE IF EXISTS copy_of_{table} SYNC")
        server.store.command(f"CREATE TABLE copy_of_{table} AS {table}")
    spans = server.spans()
    start_s, cpu_s = time.perf_counter(), server.settled_cpu_s()
    for table in _FINISHED:
        server.store.command(f"INSERT INTO copy_of_{table} SELECT * FROM {table}")
    return _Measurement(spans, 0, time.perf_counter() - start_s, server.settled_cpu_s() - cpu_s)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def _server(data_dir: Path) -> Iterator[_Server]:
    arguments = [sys.executable, "-m", "watchglass_collector.bench", str(data_dir)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the benchmark's server did not start")
        ready = json.loads(line)
        store = connect(StoreConfig(port=ready["store_port"]), data_dir)
        try:
            yield _Server(process, store, ready["http_url"], ready["grpc_target"])
        finally:
            store.close()
            process.communicate()


def _serve(data_dir: Path) -> None:
    """Be the child: serve until standard input ends."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = StoreConfig(port=port)
    with EmbeddedServer(config, data_dir):
        store = connect(config, data_dir)
        migrate(store)
        install_views(store)
        collector = Collector(CollectorConfig(http_port=0, grpc_port=0), store, data_dir)
        collector.start()
        ready = {"store_port": port, "http_url": collector.http_url, "grpc_target": collector.grpc_target}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        collector.stop()
        store.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
