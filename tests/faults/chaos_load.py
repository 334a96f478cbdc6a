"""Senders, and what they were told: the truth about what must be stored."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SENDERS = 3
"""The last one over gRPC."""
SPANS_PER_REQUEST = 4
SECRET = "in-strictest-confidence"
"""In every prompt; must be in no log file."""
TIMEOUT_S = 3
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
"""As OTLP has it; the last is what gRPC says to a call that is cut short by an orderly stop."""
PROTOBUF = {"content-type": "application/x-protobuf"}
DAY_NS = 24 * 3600 * 10**9
BURST = 10**6
"""Numbers from here on are those of bursts."""
BURST_BYTES = 200_000


@dataclass
class ClientLog:
    """What the client knows."""

    acknowledged: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    """Told for good that they will never be taken."""
    repeated: int = 0
    """Attempts that failed in some way and were made again."""
    deferred: int = 0
    """Answers 'try again'."""
    full: int = 0
    """Of these: because the spool was full."""
    unexpected: set[str] = field(default_factory=set)
    """Answers that none of the three are."""


@dataclass(frozen=True)
class Body:
    """One request: everything about it follows from seed and number."""

    seed: int
    number: int
    base_ns: int

    @property
    def kind(self) -> str:
        """'late' by a day, 'rootless', 'partial' (one more span, without ids), 'garbage' (no protobuf), or 'plain'."""
        if self.number >= BURST:
            return "plain"
        kinds, weights = ("late", "rootless", "partial", "garbage", "plain"), (5, 5, 5, 5, 80)
        return random.Random(f"{self.seed} {self.number}").choices(kinds, weights)[0]

    def spans(self) -> list[tuple[str, str, str, int, str]]:
        """Id, parent's id, name, start in ns, text; children before their parents (F20)."""
        start_ns = self.base_ns + self.number * 1000 - (DAY_NS if self.kind == "late" else 0)
        text = f"{SECRET} {self.seed} {self.number} " + ("x" * BURST_BYTES if self.number >= BURST else "")
        lowest = 1 if self.kind == "rootless" else 0
        return [
            (f"{i + 1:016x}", f"{i:016x}" if i else "", f"chat {i}", start_ns + i, text)
            for i in reversed(range(lowest, SPANS_PER_REQUEST if self.number < BURST else 1))
        ]

    def serialized(self) -> bytes:
        request = ExportTraceServiceRequest()
        envelope = request.resource_spans.add()
        envelope.resource.attributes.add(key="service.name").value.string_value = f"seed-{self.seed}"
        spans = envelope.scope_spans.add().spans
        for span_id, parent_id, name, start_ns, text in self.spans():
            span = spans.add(name=name, start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**6)
            span.trace_id = (self.seed << 64 | self.number + 1).to_bytes(16, "big")
            span.span_id, span.parent_span_id = bytes.fromhex(span_id), bytes.fromhex(parent_id)
            span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
            span.attributes.add(key="text").value.string_value = text
        if self.kind == "partial":
            spans.add(name="no ids")
        return request.SerializeToString() + (b"\xff\x00\x17" if self.kind == "garbage" else b"")


def number_of(trace_id: bytes) -> int:
    return (int.from_bytes(trace_id, "big") & (2**64 - 1)) - 1


Answer = str
"""'taken', 'refused', 'deferred', 'full' (deferred too), 'lost' (none), or what else came."""
Send = Callable[[bytes], Answer]


@contextmanager
def http_door(port: int) -> Iterator[Send]:
    with httpx.Client(headers=PROTOBUF, timeout=TIMEOUT_S) as client:

        def send(body: bytes) -> Answer:
            try:
                answer = client.post(f"http://127.0.0.1:{port}/v1/traces", content=body)
            except httpx.HTTPError:
                return "lost"
            if answer.status_code in (503, 429):
                if not 1 <= int(answer.headers.get("retry-after", 0)) <= 5:
                    return f"{answer.status_code} without Retry-After"
                return "full" if b"spool is full" in answer.content else "deferred"
            return {200: "taken", 400: "refused"}.get(answer.status_code, str(answer.status_code))

        yield send


@contextmanager
def grpc_door(port: int) -> Iterator[Send]:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        method: Any = channel.unary_unary(EXPORT)

        def send(body: bytes) -> Answer:
            try:
                method(body, timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                if error.code() in RETRYABLE:
                    has_reason = any(name == "google.rpc.retryinfo-bin" for name, _ in error.trailing_metadata() or ())
                    return "deferred" if has_reason else "lost"
                return "refused" if error.code() is grpc.StatusCode.INVALID_ARGUMENT else str(error.code())
            return "taken"

        yield send


class Load:
    """Senders that send each request until it is acknowledged or refused, and some five times (F19)."""

    def __init__(self, seed: int, http_port: int, grpc_port: int, base_ns: int) -> None:
        self.log = ClientLog()
        self.seed = seed
        self._base_ns = base_ns
        self._http_port, self._grpc_port = http_port, grpc_port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send_forever, args=(one,)) for one in range(SENDERS)]
        self._bursts = 0

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def body(self, number: int) -> Body:
        return Body(self.seed, number, self._base_ns)

    def _send_forever(self, sender: int) -> None:
        numbers = random.Random(self.seed * 1000 + sender)
        door = grpc_door(self._grpc_port) if sender == SENDERS - 1 else http_door(self._http_port)
        with door as send:
            number = sender
            while not self._stop.is_set():
                self._send(send, number, copies=5 if numbers.random() < 0.1 else 1)
                self._stop.wait(0.01)
                number += SENDERS

    def _send(self, send: Send, number: int, copies: int) -> None:
        body = self.body(number)
        data, log = body.serialized(), self.log
        log.sent.add(number)
        while copies and not self._stop.is_set():
            answer = send(data)
            if answer == "taken" and body.kind != "garbage":
                log.acknowledged.add(number)
            elif answer == "refused" and body.kind == "garbage":
                log.refused.add(number)
            elif answer in ("lost", "deferred", "full"):
                log.repeated += 1
                log.deferred += answer != "lost"
                log.full += answer == "full"
                self._stop.wait(0.05)
                continue
            else:
                log.unexpected.add(f"{answer} to a {body.kind} request")
            copies -= 1

    def burst(self) -> None:
        """One large request more, on its way until it is acknowledged."""
        number = BURST + self._bursts
        self._bursts += 1

        def send_it() -> None:
            with http_door(self._http_port) as send:
                self._send(send, number, copies=1)

        self._threads.append(threading.Thread(target=send_it))
        self._threads[-1].start()
