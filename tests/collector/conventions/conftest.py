"""The captured corpus, and its rows as the OpenTelemetry Collector's clickhouseexporter (v0.140) would store them."""

import base64
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.conventions import views
from watchglass_store import Store, replace_views

CORPUS = Path(__file__).parents[2] / "data" / "corpus"
_REQUESTS = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
_SPAN_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES = ("Unset", "Ok", "Error")


@dataclass(frozen=True, slots=True)
class Payload:
    """One captured request."""

    client: str
    name: str
    signal: str
    transport: str
    content_type: str
    body: bytes

    def request(self) -> Any:
        """The request as the official protobuf message."""
        message = _REQUESTS[self.signal]()
        if "json" in self.content_type:
            decoded = orjson.loads(self.body)
            _ids_to_base64(decoded)
            return json_format.ParseDict(decoded, message, ignore_unknown_fields=True)
        message.ParseFromString(self.body)
        return message


@cache
def _payloads(client: str) -> tuple[Payload, ...]:
    index = {entry["file"]: entry for entry in json.loads((CORPUS / "INDEX.json").read_text())}
    found = []
    with tarfile.open(CORPUS / f"{client}.tar.xz") as archive:
        for member in archive.getmembers():
            entry = index.get(member.name)
            stream = archive.extractfile(member)
            if entry and stream and entry["signal"] in _REQUESTS:
                transport = entry["transport"].replace("http/json", "http-json").replace("http/protobuf", "http-proto")
                found.append(
                    Payload(client, member.name, entry["signal"], transport, entry["content_type"] or "", stream.read())
                )
    return tuple(found)


def _ids_to_base64(value: Any) -> None:
    """OTLP JSON has hex ids, protobuf's JSON form wants base64."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key in ("traceId", "spanId", "parentSpanId") and isinstance(member, str):
                value[key] = base64.b64encode(bytes.fromhex(member)).decode()
            else:
                _ids_to_base64(member)
    elif isinstance(value, list):
        for element in value:
            _ids_to_base64(element)


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _plain(item.value) for item in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind else None


def _text(value: Any) -> str:
    """pcommon.Value.AsString: nested values are JSON with sorted keys."""
    plain = _plain(value)
    if plain is None or isinstance(plain, str):
        return plain or ""
    if isinstance(plain, float) and plain.is_integer() and abs(plain) < 1e21:
        return str(int(plain))
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _attributes(attributes: Iterable[Any]) -> dict[str, str]:
    return {attribute.key: _text(attribute.value) for attribute in attributes}


def _time(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


def _span_rows(request: Any) -> Iterator[dict[str, Any]]:
    for envelope in request.resource_spans:
        resource = _attributes(envelope.resource.attributes)
        for scope in envelope.scope_spans:
            for span in scope.spans:
                yield {
                    "Timestamp": _time(span.start_time_unix_nano),
                    "TraceId": span.trace_id.hex(),
                    "SpanId": span.span_id.hex(),
                    "ParentSpanId": span.parent_span_id.hex(),
                    "TraceState": span.trace_state,
                    "SpanName": span.name,
                    "SpanKind": _SPAN_KINDS[span.kind],
                    "ServiceName": resource.get("service.name", ""),
                    "ResourceAttributes": resource,
                    "ScopeName": scope.scope.name,
                    "ScopeVersion": scope.scope.version,
                    "SpanAttributes": _attributes(span.attributes),
                    "Duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano),
                    "StatusCode": _STATUSES[span.status.code],
                    "StatusMessage": span.status.message,
                    "Events.Timestamp": [_time(event.time_unix_nano) for event in span.events],
                    "Events.Name": [event.name for event in span.events],
                    "Events.Attributes": [_attributes(event.attributes) for event in span.events],
                    "Links.TraceId": [link.trace_id.hex() for link in span.links],
                    "Links.SpanId": [link.span_id.hex() for link in span.links],
                    "Links.TraceState": [link.trace_state for link in span.links],
                    "Links.Attributes": [_attributes(link.attributes) for link in span.links],
                }


def _log_rows(request: Any) -> Iterator[dict[str, Any]]:
    for envelope in request.resource_logs:
        resource = _attributes(envelope.resource.attributes)
        for scope in envelope.scope_logs:
            for record in scope.log_records:
                yield {
                    "Timestamp": _time(record.time_unix_nano or record.observed_time_unix_nano),
                    "TraceId": record.trace_id.hex(),
                    "SpanId": record.span_id.hex(),
                    "TraceFlags": record.flags & 255,
                    "SeverityText": record.severity_text,
                    "SeverityNumber": record.severity_number,
                    "ServiceName": resource.get("service.name", ""),
                    "Body": _text(record.body),
                    "ResourceSchemaUrl": envelope.schema_url,
                    "ResourceAttributes": resource,
                    "ScopeSchemaUrl": scope.schema_url,
                    "ScopeName": scope.scope.name,
                    "ScopeVersion": scope.scope.version,
                    "ScopeAttributes": _attributes(scope.scope.attributes),
                    "LogAttributes": _attributes(record.attributes),
                    "EventName": record.event_name,
                }


def _insert(store: Store, payloads: Sequence[Payload], settings: Mapping[str, str] | None = None) -> None:
    for signal, table, rows in (("traces", "otel_traces", _span_rows), ("logs", "otel_logs", _log_rows)):
        lines = [orjson.dumps(row) for p in payloads if p.signal == signal for row in rows(p.request())]
        if lines:
            store.raw_insert(table, b"\n".join(lines), fmt="JSONEachRow", settings=settings)


@pytest.fixture(scope="session")
def corpus() -> Callable[..., list[Payload]]:
    """corpus(client, transport="") -> its captured trace and log payloads."""

    def load(client: str, transport: str = "") -> list[Payload]:
        return [payload for payload in _payloads(client) if transport in ("", payload.transport)]

    return load


@pytest.fixture(scope="session")
def expected() -> dict[str, dict[str, dict[str, int]]]:
    """EXPECTED.json: client -> transport -> counts."""
    document: dict[str, dict[str, dict[str, int]]] = json.loads((CORPUS / "EXPECTED.json").read_text())
    return document


@pytest.fixture
def converted(store: Store, prepare: Callable[..., None]) -> Store:
    """A store with the views that this package generates."""
    prepare(store, lambda new: replace_views(new, views()))
    return store


def _keep(store: Store) -> None:
    """The corpus is of one day and must not expire."""
    tables = ("otel_traces", "otel_logs", "otel_traces_trace_id_ts", "llm_call_parts", "llm_calls_by_time")
    for table in tables:
        store.command(f"ALTER TABLE {table} REMOVE TTL")


@pytest.fixture
def export(converted: Store, prepare: Callable[..., None]) -> Callable[..., None]:
    """export(payloads, settings=None): store them as the official exporter would, one insert for each signal."""
    prepare(converted, _keep)
    return lambda payloads, settings=None: _insert(converted, payloads, settings)


@pytest.fixture(scope="module")
def whole_corpus(module_store: Store, expected: dict[str, Any]) -> Store:
    """A store that has the traffic of all clients over all transports; `owner_of` says whose a trace is."""
    replace_views(module_store, views())
    _keep(module_store)
    _insert(module_store, [payload for client in expected for payload in _payloads(client)])
    return module_store


@pytest.fixture(scope="session")
def owner_of(expected: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Trace id -> client and transport."""
    return {
        row["TraceId"]: (payload.client, payload.transport)
        for client in expected
        for payload in _payloads(client)
        if payload.signal == "traces"
        for row in _span_rows(payload.request())
    }


@pytest.fixture
def insert(converted: Store) -> Callable[[str, Sequence[Mapping[str, Any]]], None]:
    """insert(table, rows): rows of one trace, of this second where they do not say, in one insert."""
    common = {"Timestamp": _time(int(datetime.now(UTC).timestamp()) * 10**9), "TraceId": "a" * 32, "ServiceName": "app"}

    def send(table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        converted.raw_insert(table, b"\n".join(orjson.dumps(common | dict(row)) for row in rows), fmt="JSONEachRow")

    return send


@pytest.fixture
def log(insert: Callable[..., None]) -> Callable[..., None]:
    """log(event, body, attributes, …): one log record about the span of `span`, a nanosecond after the one before."""
    time = count(int(datetime.now(UTC).timestamp()) * 10**9)

    def record(event: str, body: object = "", attributes: Mapping[str, str] | None = None, **columns: Any) -> None:
        row = {
            "Timestamp": _time(next(time)),
            "SpanId": "b" * 16,
            "EventName": event,
            "LogAttributes": attributes or {},
        }
        insert("otel_logs", [{**row, "Body": body if isinstance(body, str) else json.dumps(body), **columns}])

    return record


@pytest.fixture
def span(insert: Callable[..., None], converted: Store) -> Callable[..., dict[str, Any]]:
    """span(attributes, …) -> the row of `llm_calls` that one span gives; {} for none."""

    def call(
        attributes: Mapping[str, str], *, scope: str = "", resource: Mapping[str, str] | None = None, **columns: Any
    ) -> dict[str, Any]:
        row = {"SpanId": "b" * 16, "SpanName": "golden", "Duration": 1_500_000_000, "ScopeName": scope, **columns}
        insert("otel_traces", [{**row, "ResourceAttributes": resource or {}, "SpanAttributes": attributes}])
        rows = converted.query("SELECT * FROM llm_calls WHERE span_id = {id:String}", {"id": row["SpanId"]})
        return rows[0] if rows else {}

    return call
