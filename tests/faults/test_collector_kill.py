"""kill -9 at random moments under load; the client's log is the truth about what must be stored.

WATCHGLASS_FAULTS_SEED chooses the moments and WATCHGLASS_FAULTS_KILLS how many; a failure names both.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_store import Store, StoreConfig, StoreError, connect

# Read at import: an autouse fixture clears WATCHGLASS_* before each test.
SEED = int(os.environ.get("WATCHGLASS_FAULTS_SEED", "20261121"))
KILLS = int(os.environ.get("WATCHGLASS_FAULTS_KILLS", "2"))
SPANS_PER_REQUEST = 5
SENDERS = 4
PAUSE_S = 0.01
"""Between two requests of a sender: the machine has other work, and the spool shall drain now and then."""
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Ports:
    store: int
    http: int
    grpc: int


@dataclass
class ClientLog:
    """What the client knows: which requests were acknowledged, and which may or may not have arrived."""

    acknowledged: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    resent: int = 0


def request(number: int) -> bytes:
    message = ExportTraceServiceRequest()
    envelope = message.resource_spans.add()
    envelope.resource.attributes.add(key="service.name").value.string_value = "kill-test"
    scope = envelope.scope_spans.add()
    start_ns = time.time_ns()
    for index in range(SPANS_PER_REQUEST):
        span = scope.spans.add(
            name="chat gpt-4o", kind=3, start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**9
        )
        span.trace_id = (number + 1).to_bytes(16, "big")
        span.span_id = (index + 1).to_bytes(8, "big")
        for key, text in (
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.request.model", "gpt-4o"),
            ("gen_ai.input.messages", '[{"role":"user","parts":[{"type":"text","content":"Where is my order?"}]}]'),
        ):
            span.attributes.add(key=key).value.string_value = text
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 7
    return message.SerializeToString()


class Load:
    """Sends requests over HTTP and gRPC, each again until it is acknowledged, and writes down what happened."""

    def __init__(self, ports: Ports) -> None:
        self.log = ClientLog()
        self._ports = ports
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send_forever, args=(one,)) for one in range(SENDERS)]

    def _send_forever(self, sender: int) -> None:
        number = sender
        with self._door(sender) as send:
            while not self._stop.is_set():
                body = request(number)
                with self._lock:
                    self.log.sent.add(number)
                while not self._stop.is_set():
                    try:
                        send(body)
                    except (httpx.HTTPError, grpc.RpcError):
                        self.log.resent += 1
                        self._stop.wait(0.05)
                        continue
                    with self._lock:
                        self.log.acknowledged.add(number)
                    break
                self._stop.wait(PAUSE_S)
                number += SENDERS

    @contextmanager
    def _door(self, sender: int) -> Iterator[Callable[[bytes], object]]:
        if sender % 2:
            options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
            with grpc.insecure_channel(f"127.0.0.1:{self._ports.grpc}", options) as channel:
                method = channel.unary_unary(EXPORT)
                yield lambda body: method(body, timeout=10)
            return
        headers = {"content-type": "application/x-protobuf"}
        with httpx.Client(base_url=f"http://127.0.0.1:{self._ports.http}", headers=headers, timeout=10) as client:
            yield lambda body: client.post("/v1/traces", content=body).raise_for_status()

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def process(data_dir: Path, ports: Ports) -> Iterator["subprocess.Popen[bytes]"]:
    script = Path(__file__).with_name("collector_process.py")
    arguments = [str(port) for port in (ports.store, ports.http, ports.grpc)]
    child = subprocess.Popen([sys.executable, str(script), str(data_dir), *arguments])
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def wait_until_acknowledging(load: Load, child: "subprocess.Popen[bytes]") -> None:
    before = len(load.log.acknowledged)
    give_up = time.monotonic() + 60
    while len(load.log.acknowledged) == before:
        assert child.poll() is None, "the collector died by itself"
        assert time.monotonic() < give_up, "the collector does not acknowledge anything"
        time.sleep(0.01)


def stored(store: Store) -> dict[int, int]:
    rows = store.query("SELECT TraceId, SpanId, count() AS copies FROM otel_traces GROUP BY TraceId, SpanId")
    assert all(row["copies"] == 1 for row in rows), "a span is stored more than once"
    spans: dict[int, int] = {}
    for row in rows:
        number = int(row["TraceId"], 16) - 1
        spans[number] = spans.get(number, 0) + 1
    return spans


@pytest.mark.timeout(600)
def test_every_acknowledged_span_is_stored_exactly_once(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    moments = random.Random(SEED)
    ports = Ports(free_ports(), free_ports(), free_ports())
    with Load(ports) as load:
        for _ in range(KILLS):
            with process(tmp_path, ports) as child:
                wait_until_acknowledging(load, child)
                time.sleep(moments.uniform(0, 0.8))
                child.send_signal(signal.SIGKILL)
        with process(tmp_path, ports) as child:
            wait_until_acknowledging(load, child)
            load.__exit__()
            child.send_signal(signal.SIGTERM)
            assert child.wait(60) == 0
    log = load.log
    assert len(log.acknowledged) > KILLS * SENDERS
    assert not list((tmp_path / "spool" / "traces").iterdir())
    assert not list((tmp_path / "spool" / "quarantine").glob("*.segment"))
    with process(tmp_path, ports):
        store = when_up(StoreConfig(port=ports.store), tmp_path)
        spans = stored(store)
        give_up = time.monotonic() + 60
        counted = "SELECT sum(input_tokens) AS tokens FROM llm_calls_1m"
        while store.query(counted)[0]["tokens"] < 7 * sum(spans.values()) and time.monotonic() < give_up:
            time.sleep(0.5)
        counts = store.query(
            "SELECT (SELECT count() FROM llm_calls) AS calls, (SELECT sum(calls) FROM llm_calls_1m) AS rollup, "
            "(SELECT sum(input_tokens) FROM llm_calls_1m) AS tokens, (SELECT count() FROM llm_calls_by_time) AS by_time"
        )[0]
        store.close()
    missing = log.acknowledged - spans.keys()
    assert not missing, f"{len(missing)} acknowledged requests are lost (seed {SEED}, {KILLS} kills)"
    assert spans.keys() <= log.sent
    assert set(spans.values()) == {SPANS_PER_REQUEST}
    total = sum(spans.values())
    assert counts == {"calls": total, "rollup": total, "tokens": 7 * total, "by_time": total}


def when_up(config: StoreConfig, data_dir: Path) -> Store:
    give_up = time.monotonic() + 60
    while True:
        try:
            return connect(config, data_dir)
        except StoreError:
            assert time.monotonic() < give_up
            time.sleep(0.05)
