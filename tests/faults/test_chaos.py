"""Random faults, one after the other, under load; what the client was told is the truth.

A seed chooses the faults and their moments. WATCHGLASS_FAULTS_SEED is the first (a failure names its own, to be run
again), WATCHGLASS_FAULTS_SEEDS how many, WATCHGLASS_FAULTS_REPORT a Markdown file to write. Numbers F1 … F20 are
those of docs/crash-tests.md.
"""

import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.verify import verify
from watchglass_store import Store, StoreConfig, StoreError, connect

# Read at import: an autouse fixture clears WATCHGLASS_* before each test.
FIRST_SEED = int(os.environ.get("WATCHGLASS_FAULTS_SEED", "1"))
SEEDS = int(os.environ.get("WATCHGLASS_FAULTS_SEEDS", "3"))
REPORT = os.environ.get("WATCHGLASS_FAULTS_REPORT", "")
BUDGET_S = float(os.environ.get("WATCHGLASS_FAULTS_BUDGET_S", "inf"))
FAULTS_PER_SEED = 3
SENDERS = 3
SPANS_PER_REQUEST = 4
GIVE_UP_S = 120
PROTOBUF = {"content-type": "application/x-protobuf"}


class ChaosProxy:
    """Forwards TCP to a port, worse than it could: `mode` is pass, down, slow, swallow (answers get lost) or reset."""

    def __init__(self, upstream_port: int, port: int, numbers: random.Random) -> None:
        self.mode = "pass"
        self.port = port
        self._upstream_port = upstream_port
        self._numbers = numbers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "ChaosProxy":
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.mode == "down":
                return
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
            ways = (self._pump(reader, upstream_writer, False), self._pump(upstream_reader, writer, True))
            tasks = [asyncio.ensure_future(way) for way in ways]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                upstream_writer.transport.abort()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        while data := await reader.read(65536):
            if self.mode == "down" or (self.mode == "swallow" and is_answer):
                return
            if self.mode == "slow":
                await asyncio.sleep(0.2)
            if self.mode == "reset" and self._numbers.random() < 0.3:
                writer.write(data[: self._numbers.randrange(len(data))])
                return
            writer.write(data)
            await writer.drain()


@dataclass
class ClientLog:
    """What the client knows."""

    acknowledged: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    resent: int = 0
    unexpected: set[int] = field(default_factory=set)
    """Answers that are neither 'taken' nor 'try again'."""


def body_of(seed: int, number: int) -> bytes:
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add()
    envelope.resource.attributes.add(key="service.name").value.string_value = f"seed-{seed}"
    spans = envelope.scope_spans.add().spans
    start_ns = time.time_ns()
    for index in reversed(range(SPANS_PER_REQUEST)):  # Children before parents (F20).
        span = spans.add(name="chat gpt-4o", start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**6)
        span.trace_id, span.span_id = (seed << 64 | number + 1).to_bytes(16, "big"), (index + 1).to_bytes(8, "big")
        span.parent_span_id = index.to_bytes(8, "big") if index else b""
        span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    return request.SerializeToString()


class Load:
    """Senders that send each request until it is acknowledged, and some again after that (F19)."""

    def __init__(self, seed: int, port: int) -> None:
        self.log = ClientLog()
        self._seed = seed
        self._url = f"http://127.0.0.1:{port}/v1/traces"
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send_forever, args=(one,)) for one in range(SENDERS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send_forever(self, sender: int) -> None:
        numbers = random.Random(self._seed * 1000 + sender)
        with httpx.Client(headers=PROTOBUF, timeout=5) as client:
            number = sender
            while not self._stop.is_set():
                body = body_of(self._seed, number)
                self.log.sent.add(number)
                copies = 5 if numbers.random() < 0.1 else 1
                while copies and not self._stop.is_set():
                    if self._is_taken(client, body):
                        self.log.acknowledged.add(number)
                        copies -= 1
                    else:
                        self.log.resent += 1
                        self._stop.wait(0.05)
                self._stop.wait(0.01)
                number += SENDERS

    def _is_taken(self, client: httpx.Client, body: bytes) -> bool:
        try:
            status = client.post(self._url, content=body).status_code
        except httpx.HTTPError:
            return False
        if status not in (200, 503, 429):
            self.log.unexpected.add(status)
        return status == 200


class World:
    """A store, a collector, and a bad network before each; lives for all seeds."""

    def __init__(self, data_dir: Path, ports: Callable[[], int], numbers: random.Random) -> None:
        self.data_dir = data_dir
        self.store_port, self.http_port = ports(), ports()
        self.to_store = ChaosProxy(self.store_port, ports(), numbers)
        self.to_collector = ChaosProxy(self.http_port, ports(), numbers)
        self.counts: Counter[str] = Counter()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def running(self) -> Iterator["World"]:
        with self.to_store, self.to_collector:
            try:
                self.start("store")
                ready = self.data_dir / "is-ready"
                wait_until(ready.exists, "the store starts")
                self.start("collector")
                yield self
            finally:
                for process in self._processes.values():
                    process.kill()
                    process.wait()

    def start(self, role: str) -> None:
        script = Path(__file__).with_name("chaos_process.py")
        port = self.store_port if role == "store" else self.to_store.port
        arguments = [role, str(self.data_dir), str(port), str(self.http_port)]
        self._processes[role] = subprocess.Popen([sys.executable, str(script), *arguments], stderr=subprocess.DEVNULL)

    def end(self, role: str, how: signal.Signals) -> None:
        process = self._processes[role]
        assert process.poll() is None, f"the {role} died by itself"
        process.send_signal(how)
        process.wait(30)

    def limit_file_size(self, size: int) -> None:
        process = self._processes["collector"]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def tear_a_segment(self, numbers: random.Random) -> None:
        segments = sorted((self.data_dir / "spool" / "traces").glob("*.segment"))
        if segments:
            with segments[-1].open("ab") as file:
                file.write(numbers.randbytes(numbers.randrange(1, 200)))

    def spooled(self) -> list[Path]:
        return list((self.data_dir / "spool" / "traces").glob("*.segment"))

    def store(self) -> Store:
        give_up = time.monotonic() + GIVE_UP_S
        while True:
            try:
                return connect(StoreConfig(port=self.store_port), self.data_dir)
            except StoreError:
                assert time.monotonic() < give_up, "the store does not come back"
                time.sleep(0.05)


def wait_until(is_true: Callable[[], Any], what: str) -> None:
    give_up = time.monotonic() + GIVE_UP_S
    while not is_true():
        assert time.monotonic() < give_up, f"gave up waiting until {what}"
        time.sleep(0.02)


def kill_collector(world: World, numbers: random.Random) -> None:
    world.end("collector", signal.SIGKILL)
    world.start("collector")


def kill_store(world: World, numbers: random.Random) -> None:
    world.end("store", signal.SIGKILL)
    time.sleep(numbers.uniform(0, 0.3))
    world.start("store")


def restart_collector(world: World, numbers: random.Random) -> None:
    world.end("collector", signal.SIGTERM)
    world.start("collector")


def fill_disk(world: World, numbers: random.Random) -> None:
    world.limit_file_size(numbers.randrange(100, 5000))
    time.sleep(numbers.uniform(0.2, 0.6))
    world.limit_file_size(resource.RLIM_INFINITY)


def tear_tail(world: World, numbers: random.Random) -> None:
    world.end("collector", signal.SIGKILL)
    world.tear_a_segment(numbers)
    world.start("collector")


def _through(proxy: str, mode: str) -> Callable[[World, random.Random], None]:
    def disturb(world: World, numbers: random.Random) -> None:
        setattr(getattr(world, proxy), "mode", mode)  # noqa: B010
        time.sleep(numbers.uniform(0.3, 1))
        setattr(getattr(world, proxy), "mode", "pass")  # noqa: B010

    return disturb


FAULTS: dict[str, Callable[[World, random.Random], None]] = {
    "F1 kill -9 of the collector": kill_collector,
    "F2 kill -9 of the store": kill_store,
    "F7 orderly restart of the collector": restart_collector,
    "F8 disk full (file size limit)": fill_disk,
    "F11 torn tail of a segment": tear_tail,
    "F12 store away": _through("to_store", "down"),
    "F13 store slow": _through("to_store", "slow"),
    "F13 answers of the store lost": _through("to_store", "swallow"),
    "F17 connections of clients reset at random bytes": _through("to_collector", "reset"),
    "F17 slow clients": _through("to_collector", "slow"),
    "F17 answers to clients lost": _through("to_collector", "swallow"),
}


def run_seed(world: World, seed: int) -> ClientLog:
    numbers = random.Random(seed)
    names = numbers.choices(sorted(FAULTS), k=FAULTS_PER_SEED)
    with Load(seed, world.to_collector.port) as load:
        wait_until(lambda: load.log.acknowledged, f"something is acknowledged (seed {seed})")
        for name in names:
            time.sleep(numbers.uniform(0, 0.3))
            world.counts[name] += 1
            FAULTS[name](world, numbers)
        before = len(load.log.acknowledged)
        wait_until(lambda: len(load.log.acknowledged) > before, f"the collector is back (seed {seed}: {names})")
    log = load.log
    wait_until(lambda: not world.spooled(), f"the spool is empty (seed {seed}: {names})")
    store = world.store()
    rows = store.query(
        "SELECT TraceId, count() AS spans, uniqExact(SpanId) AS different FROM otel_traces "
        "WHERE ServiceName = {service:String} GROUP BY TraceId",
        {"service": f"seed-{seed}"},
    )
    calls = store.query(
        "SELECT sum(calls) AS n FROM llm_calls_1m WHERE service_name = {service:String}", {"service": f"seed-{seed}"}
    )[0]["n"]
    store.close()
    stored = {(int(row["TraceId"], 16) & (2**64 - 1)) - 1: row for row in rows}
    lost = log.acknowledged - stored.keys()
    assert not lost, f"seed {seed} ({names}): {len(lost)} acknowledged requests are lost"
    wrong = [row for row in rows if (row["spans"], row["different"]) != (SPANS_PER_REQUEST, SPANS_PER_REQUEST)]
    assert not wrong, f"seed {seed} ({names}): {len(wrong)} requests are stored twice or in part"
    assert calls == SPANS_PER_REQUEST * len(rows), f"seed {seed} ({names}): the rollup counted {calls}"
    assert stored.keys() <= log.sent
    assert not log.unexpected, f"seed {seed} ({names}): answers {log.unexpected}"
    return log


@pytest.mark.timeout(7200)
def test_no_acknowledged_span_is_lost_or_doubled(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    started_s = time.monotonic()
    logs: dict[int, ClientLog] = {}
    with World(tmp_path, free_ports, random.Random(FIRST_SEED)).running() as world:
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            if time.monotonic() - started_s > BUDGET_S:
                break
            logs[seed] = run_seed(world, seed)
        store = world.store()
        books = verify(store, tmp_path / "spool")
        store.close()
    assert [gap for gap in books.gaps if "damaged" not in gap] == []
    if REPORT:
        Path(REPORT).write_text(report(logs, world.counts, time.monotonic() - started_s), encoding="utf-8")


def report(logs: dict[int, ClientLog], counts: Counter[str], took_s: float) -> str:
    acknowledged = sum(len(log.acknowledged) for log in logs.values())
    lines = [
        "# Crash tests",
        "",
        "Written by `tests/faults/test_chaos.py`: real processes under load, random faults one after the other, the",
        "client's log as the truth. A seed chooses the faults and their moments; to run one again:",
        "`WATCHGLASS_FAULTS_SEED=N WATCHGLASS_FAULTS_SEEDS=1 python -m pytest tests/faults/test_chaos.py`.",
        "",
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, in {took_s:.0f} s",
        f"- Seeds: {min(logs)} to {max(logs)} ({len(logs)}), {FAULTS_PER_SEED} faults each",
        f"- Acknowledged: {acknowledged * SPANS_PER_REQUEST} spans in {acknowledged} requests; "
        f"{sum(log.resent for log in logs.values())} attempts failed and were repeated",
        "- Lost: 0. Stored twice: 0. Answers other than 'taken' and 'try again': 0. Books balanced.",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {name} | {counts[name]} |" for name in FAULTS),
        "| F19 the same request five times | one request in ten |",
        "| F20 children before parents | every request |",
        "",
    ]
    return "\n".join(lines)
