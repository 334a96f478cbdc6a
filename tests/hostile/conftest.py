"""A collector in a process of its own, whose memory is watched, and which must be well after every test.

WATCHGLASS_HOSTILE=full uses the shipped limits and bombs of full size; otherwise both are a quarter of that or less.
"""

import itertools
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import CollectorConfig, install_views
from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, load_credentials

# Read at import: an autouse fixture clears WATCHGLASS_* before each test.
IS_FULL = os.environ.get("WATCHGLASS_HOSTILE") == "full"
MIB = 1024**2
MAX_REQUEST = (64 if IS_FULL else 8) * MIB
RSS_BOUND = (1024 if IS_FULL else 400) * MIB
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"content-type": "application/x-protobuf"}
_numbers = itertools.count(1)


def good_request(spans: int = 1) -> Any:
    """A request with ids that nobody else has."""
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add()
    envelope.resource.attributes.add(key="service.name").value.string_value = "hostile"
    scope = envelope.scope_spans.add()
    for _ in range(spans):
        number = next(_numbers)
        start_ns = time.time_ns()
        scope.spans.add(
            name="chat", trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"),
            start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**9,
        )  # fmt: skip
    return request


def span_of(request: Any) -> Any:
    """The first span."""
    return request.resource_spans[0].scope_spans[0].spans[0]


@dataclass
class Target:
    """The collector under attack."""

    process: "subprocess.Popen[str]"
    http: str
    grpc: str
    data_dir: Path
    max_request: int = MAX_REQUEST

    def stats(self) -> dict[str, int]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        counts: dict[str, int] = json.loads(self.process.stdout.readline())
        return counts

    def drained(self) -> dict[str, int]:
        while (stats := self.stats())["pending"]:
            time.sleep(0.02)
        return stats

    def peak_rss(self) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @contextmanager
    def counts(self, name: str, at_least: int = 1) -> Iterator[None]:
        """A counter moves."""
        before = self.stats().get(name, 0)
        yield
        give_up = time.monotonic() + 30
        while (now := self.stats().get(name, 0)) < before + at_least and time.monotonic() < give_up:
            time.sleep(0.05)
        assert now >= before + at_least, name

    def post(self, body: bytes, path: str = "/v1/traces", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(self.http + path, content=body, headers={**PROTOBUF, **named}, timeout=60, verify=False)

    def post_json(self, body: bytes) -> httpx.Response:
        return self.post(body, content_type="application/json")

    def raw(self, data: bytes, *, timeout_s: float = 40) -> bytes:
        """Send bytes, and return everything until the connection is closed."""
        where = urlsplit(self.http)
        with socket.create_connection((where.hostname, where.port), timeout=timeout_s) as connection:
            with suppress(OSError):
                connection.sendall(data)
            answer = b""
            try:
                while chunk := connection.recv(65536):
                    answer += chunk
            except ConnectionResetError:
                pass
            return answer

    def export(self, body: bytes, **options: Any) -> bytes:
        with grpc.insecure_channel(self.grpc, [("grpc.max_send_message_length", -1)]) as channel:
            return bytes(channel.unary_unary(options.pop("method", EXPORT))(body, timeout=60, **options))

    def export_code(self, body: bytes, **options: Any) -> grpc.StatusCode:
        try:
            self.export(body, **options)
        except grpc.RpcError as error:
            return error.code()  # type: ignore[no-any-return]
        return grpc.StatusCode.OK


class Start:
    """start(*flaws, **settings) -> a collector with them; flaws are those that collector_process.py knows."""

    def __init__(self, store: StoreConfig, new_directory: Callable[[str], Path]) -> None:
        self.targets: list[Target] = []
        self._store = store
        self._new_directory = new_directory

    def __call__(self, *flaws: str, **settings: Any) -> Target:
        defaults = {"segment_age_s": 0.05, "max_request_bytes": MAX_REQUEST, "max_in_flight_bytes": 2 * MAX_REQUEST}
        defaults["assembly_settle_s"] = 1  # of several collectors one assembles, whoever sends
        config = CollectorConfig(grpc_port=0, http_port=0, **{**defaults, **settings})
        script = Path(__file__).with_name("collector_process.py")
        store, data_dir = json.dumps(self._store.model_dump()), self._new_directory("collector")
        argv = [sys.executable, str(script), config.model_dump_json(), store, str(data_dir), *flaws]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        self.targets.append(Target(process, addresses["http"], addresses["grpc"], data_dir))
        return self.targets[-1]

    def stop(self) -> None:
        for target in self.targets:
            assert target.process.stdin is not None
            target.process.stdin.close()
        for target in self.targets:
            target.process.wait(60)
            assert target.process.stdout is not None
            target.process.stdout.close()


@pytest.fixture(scope="session")
def hostile_config(server: EmbeddedServer) -> Iterator[StoreConfig]:
    """Where the collectors of this folder write."""
    password = load_credentials(server.data_dir).administrator
    address = Address("127.0.0.1", server.config.port, ADMINISTRATOR, password, f"test_{secrets.token_hex(6)}")
    config = StoreConfig(url=address.url)
    opened = connect(config, Path())
    migrate(opened)
    install_views(opened)
    opened.close()
    yield config
    cleaner = connect(StoreConfig(url=replace(address, database="default").url), Path())
    cleaner.command(f"DROP DATABASE {address.database} SYNC")
    cleaner.close()


@pytest.fixture(scope="session")
def hostile_store(hostile_config: StoreConfig) -> Iterator[Store]:
    opened = connect(hostile_config, Path())
    yield opened
    opened.close()


# Collectors that do nothing are not free: the dozen of this folder, kept to the end, took a third of a core from all
# tests that followed, and what they ask of the store besides.
@pytest.fixture(scope="module")
def start(hostile_config: StoreConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    starter = Start(hostile_config, tmp_path_factory.mktemp)
    yield starter
    starter.stop()


@pytest.fixture(autouse=True)
def _memory_is_bounded(start: Start) -> Iterator[None]:
    """Whichever collectors a test talks to, none takes more than it may."""
    for target in start.targets:
        target.forget_peak()
    yield
    for target in start.targets:
        assert target.peak_rss() < RSS_BOUND


@pytest.fixture(scope="module")
def running(start: Start) -> Target:
    return start()


@pytest.fixture
def target(running: Target) -> Iterator[Target]:
    """The collector, which must be well afterwards."""
    yield running
    assert running.post(good_request().SerializeToString()).status_code == 200
    assert running.export(good_request().SerializeToString()) == b""
