"""Replays telemetry that real clients sent, captured once and shipped with the package, as if it happened today.

The bytes are the clients' own; only ids and times are changed, so that each replay is new traffic: every trace gets a
new id and is moved, as a whole, to its place in the past hours.
"""

import hashlib
import importlib.resources
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Request = ExportTraceServiceRequest | ExportLogsServiceRequest
NANO = 1_000_000_000
LOGS, TRACES = "logs", "traces"
GRPC_METHODS = {
    TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


@dataclass(frozen=True, slots=True)
class Payload:
    """One captured request."""

    signal: str
    request: Request


def captured() -> list[Payload]:
    """The shipped traffic of four clients, in the order they sent it."""
    kinds: dict[str, type[Request]] = {TRACES: ExportTraceServiceRequest, LOGS: ExportLogsServiceRequest}
    data = importlib.resources.files("watchglass_cli.demo") / "data" / "traffic.tar.xz"
    payloads = []
    with data.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:xz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                signal = LOGS if "/logs-" in member.name else TRACES
                payloads.append(Payload(signal, kinds[signal].FromString(content.read())))
    return payloads


def replayed(repetition: int, placed_at: Callable[[bytes], int]) -> Iterator[Payload]:
    """The captured traffic once more with new ids.

    Args:
        repetition: makes the ids differ from every other repetition's.
        placed_at: new start of a trace, in Unix nanoseconds, from its new id.
    """
    payloads = captured()
    starts: dict[bytes, int] = {}
    for span in _spans(payloads):
        starts[span.trace_id] = min(starts.get(span.trace_id, span.start_time_unix_nano), span.start_time_unix_nano)
    for span in _spans(payloads):
        new_id = _new_trace_id(span.trace_id, repetition)
        shift = placed_at(new_id) - starts[span.trace_id]
        span.start_time_unix_nano += shift
        span.end_time_unix_nano += shift
        for event in span.events:
            event.time_unix_nano += shift
        span.trace_id = new_id
    for record in _records(payloads):
        old_id = record.trace_id
        record.trace_id = _new_trace_id(old_id, repetition) if old_id else b""
        shift = placed_at(record.trace_id) - starts.get(old_id, record.observed_time_unix_nano)
        record.observed_time_unix_nano += shift
        if record.time_unix_nano:
            record.time_unix_nano += shift
    yield from payloads


def span_count(payload: Payload) -> int:
    """Spans in one payload; log records count 0."""
    return sum(1 for _ in _spans([payload]))


class Sender:
    """Sends payloads to a collector, alternating OTLP/HTTP and gRPC as mixed fleets do."""

    def __init__(self, http_url: str, grpc_target: str) -> None:
        self._http = httpx.Client(base_url=http_url, timeout=30, trust_env=False)
        self._channel = grpc.insecure_channel(grpc_target)
        self._sent = 0

    def send(self, payload: Payload) -> None:
        """Send one payload and wait for the acknowledgement.

        Raises:
            httpx.HTTPError, grpc.RpcError: the collector did not accept it.
        """
        body = payload.request.SerializeToString()
        self._sent += 1
        if self._sent % 2:
            headers = {"Content-Type": "application/x-protobuf"}
            self._http.post(f"/v1/{payload.signal}", content=body, headers=headers).raise_for_status()
        else:
            self._channel.unary_unary(GRPC_METHODS[payload.signal], bytes, bytes)(body, timeout=30)

    def close(self) -> None:
        """Close both connections."""
        self._http.close()
        self._channel.close()


def _new_trace_id(trace_id: bytes, repetition: int) -> bytes:
    return hashlib.blake2b(trace_id + repetition.to_bytes(8, "big"), digest_size=16).digest()


def _spans(payloads: list[Payload]) -> Iterator[Span]:
    for payload in payloads:
        if isinstance(payload.request, ExportTraceServiceRequest):
            for resource in payload.request.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans


def _records(payloads: list[Payload]) -> Iterator[LogRecord]:
    for payload in payloads:
        if isinstance(payload.request, ExportLogsServiceRequest):
            for resource in payload.request.resource_logs:
                for scope in resource.scope_logs:
                    yield from scope.log_records
