"""A real OTLP/HTTP endpoint on loopback, and the SDK pointed at it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry import _logs, trace
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.util._once import Once

import watchglass
from watchglass._internal import guard


@dataclass(frozen=True)
class Answer:
    """What the sink says to one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Record:
    """A received span or log record, decoded."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str
    raw: Any


@dataclass(frozen=True)
class Request:
    """A received request."""

    path: str
    headers: dict[str, str]
    records: list[Record]


class Sink:
    """Receives OTLP/HTTP protobuf and keeps what it understood. Answers 200 unless told otherwise."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.answers: deque[Answer] = deque()
        self._arrived = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sink._receive(self)

            def log_message(self, *_: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def spans(self) -> list[Record]:
        return self._records("/v1/traces")

    @property
    def events(self) -> list[Record]:
        return self._records("/v1/logs")

    def span(self, name: str) -> Record:
        (found,) = [record for record in self.spans if record.name == name]
        return found

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = 15) -> None:
        with self._arrived:
            assert self._arrived.wait_for(condition, timeout_s), f"{len(self.requests)} requests arrived, none fits"

    def _records(self, path: str) -> list[Record]:
        return [record for request in list(self.requests) if request.path == path for record in request.records]

    def _receive(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with self._arrived:
            answer = self.answers.popleft() if self.answers else Answer()
            records = _decode(handler.path, body) if answer.status == 200 else []
            self.requests.append(Request(handler.path, dict(handler.headers.items()), records))
            self._arrived.notify_all()
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)


def _decode(path: str, body: bytes) -> list[Record]:
    assert path in ("/v1/traces", "/v1/logs"), path
    if path == "/v1/traces":
        return [
            Record(
                span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
                _plain(span.attributes), _plain(resource.resource.attributes), scope.scope.name, span,
            )
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]  # fmt: skip
    return [
        Record(
            event.event_name, event.trace_id.hex(), event.span_id.hex(), "",
            _plain(event.attributes), _plain(resource.resource.attributes), scope.scope.name, event,
        )
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs
        for scope in resource.scope_logs
        for event in scope.log_records
    ]  # fmt: skip


def _plain(attributes: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        pairs: list[KeyValue] = list(value.kvlist_value.values)
        return {pair.key: _value(pair.value) for pair in pairs}
    return getattr(value, kind) if kind else None


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test the OpenTelemetry globals and the environment of a new process."""
    for name in list(os.environ):
        if name.startswith(("WATCHGLASS_", "OTEL_", "TRACELOOP_", "OPENINFERENCE_")):
            monkeypatch.delenv(name)
    before = dict(os.environ)
    _reset_opentelemetry()
    guard.forget_warnings()
    yield
    watchglass.shutdown(timeout_s=1)
    _reset_opentelemetry()
    for name in set(os.environ) - set(before):
        if name != "PYTEST_CURRENT_TEST":
            del os.environ[name]


def _reset_opentelemetry() -> None:
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE = Once()
    _logs._internal._LOGGER_PROVIDER = None  # type: ignore[attr-defined]  # no public way to unset it
    _logs._internal._LOGGER_PROVIDER_SET_ONCE = Once()  # type: ignore[attr-defined]  # as above


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def sdk(sink: Sink) -> Sink:
    """The SDK, sending to a sink."""
    watchglass.init(sink.url, "shop", "test", flush_interval_s=0.05, instrument=False)
    return sink


@pytest.fixture
def new_sink() -> Iterator[Callable[[int], Sink]]:
    """Start sinks on a given port, for tests where the collector comes late."""
    started: list[Sink] = []

    def start(port: int) -> Sink:
        started.append(Sink(port))
        return started[-1]

    yield start
    for server in started:
        server.close()


Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def script() -> Script:
    """Run Python code as a process of its own."""

    def run(code: str, timeout_s: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Model(BaseHTTPRequestHandler):
    """Answers chat completions: 'Rain.', as a stream when asked for one, 429 for the model 'busy'."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request["model"] == "busy":
            self._answer(429, json.dumps({"error": {"message": "slow down", "type": "rate_limit"}}).encode())
        elif request.get("stream"):
            pieces = [{"delta": {"role": "assistant", "content": "Ra"}}, {"delta": {"content": "in."}}]
            chunks = [self._chunk(request, **piece, finish_reason=None) for piece in pieces]
            chunks.append(self._chunk(request, delta={}, finish_reason="stop"))
            body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
            self._answer(200, body.encode(), "text/event-stream")
        else:
            message = {"role": "assistant", "content": "Rain."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            reply = {"id": "r1", "object": "chat.completion", "created": 1, "model": "small-2026", "usage": USAGE}
            self._answer(200, json.dumps({**reply, "choices": [choice]}).encode())

    def _chunk(self, request: dict[str, Any], **choice: Any) -> dict[str, Any]:
        head = {"id": "r1", "object": "chat.completion.chunk", "created": 1, "model": request["model"]}
        return {**head, "choices": [{"index": 0, **choice}]}

    def _answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return None


@pytest.fixture
def model() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join()
    if OpenAIInstrumentor().is_instrumented_by_opentelemetry:
        OpenAIInstrumentor().uninstrument()
