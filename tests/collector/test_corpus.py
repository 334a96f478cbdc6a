"""What thirty real clients sent, replayed over real sockets: exactly their spans, traces and errors arrive."""

import gzip
import itertools
import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import Collector, CollectorConfig
from watchglass_store import Store

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
EXPECTED = json.loads((CORPUS / "EXPECTED.json").read_text(encoding="utf-8"))
SERVICES = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


@dataclass(frozen=True)
class Payload:
    signal: str
    transport: str
    body: bytes


def payloads(client: str) -> Iterator[Payload]:
    entries = {entry["file"]: entry for entry in json.loads((CORPUS / "INDEX.json").read_text(encoding="utf-8"))}
    with tarfile.open(CORPUS / f"{client}.tar.xz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            entry = entries.get(member.name, {})
            if file is not None and entry.get("signal") in SERVICES:
                transport = {"http/protobuf": "http-proto", "grpc": "grpc"}.get(entry["transport"])
                if transport is not None:
                    yield Payload(entry["signal"], transport, file.read())


@pytest.fixture
def collector_config() -> CollectorConfig:
    """Free ports; segments large enough that not every request is an insert through all views."""
    return CollectorConfig(grpc_port=0, http_port=0, segment_age_s=0.3)


@pytest.fixture
def replay(collector: Collector) -> Iterator[Callable[[Payload], None]]:
    is_packed = itertools.cycle([False, True])
    with httpx.Client(base_url=collector.http_url) as client, grpc.insecure_channel(collector.grpc_target) as channel:

        def send(payload: Payload) -> None:
            packed = next(is_packed)
            if payload.transport == "grpc":
                compression = grpc.Compression.Gzip if packed else grpc.Compression.NoCompression
                assert channel.unary_unary(SERVICES[payload.signal])(payload.body, compression=compression) == b""
                return
            headers = {"content-type": "application/x-protobuf"} | ({"content-encoding": "gzip"} if packed else {})
            body = gzip.compress(payload.body) if packed else payload.body
            response = client.post(f"/v1/{payload.signal}", content=body, headers=headers)
            assert (response.status_code, response.content) == (200, b"")

        yield send


def traces_of(payload: Payload) -> set[str]:
    request = ExportTraceServiceRequest.FromString(payload.body)
    return {s.trace_id.hex() for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}


def test_every_client_over_http_and_grpc_twice(
    replay: Callable[[Payload], None], drained: Callable[[], dict[str, int]], viewed_store: Store
) -> None:
    clients = sorted(path.name.removesuffix(".tar.xz") for path in CORPUS.glob("*.tar.xz"))
    assert len(clients) >= 20
    whose: dict[str, tuple[str, str]] = {}
    for client, transport in itertools.product(clients, ("http-proto", "grpc")):
        chosen = [payload for payload in payloads(client) if payload.transport == transport]
        traces = [traces_of(payload) for payload in chosen if payload.signal == "traces"]
        if not traces:
            continue
        ids = set().union(*traces)
        assert not ids & whose.keys(), "a trace is of one client over one transport"
        whose |= dict.fromkeys(ids, (client, transport))
        for payload in [*chosen, *reversed(chosen)]:
            replay(payload)
    stats = drained()
    assert (stats["quarantined"], stats["rejected"]) == (0, 0)
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    rows = viewed_store.query(
        "SELECT TraceId AS trace, count() AS spans, countIf(StatusCode = 'Error') AS error_spans, "
        "uniqExact(SpanId) AS different FROM otel_traces GROUP BY trace"
    )
    for row in rows:
        found[whose[row.pop("trace")]].update({**row, "traces": 1})
    assert found.keys() == set(whose.values())
    for (client, transport), seen in found.items():
        expected = {name: EXPECTED[client][transport][name] for name in ("spans", "traces", "error_spans")}
        assert seen == {**expected, "different": expected["spans"]}, f"{client} over {transport}"


def test_structured_values_of_log_records_are_json_text(
    replay: Callable[[Payload], None], drained: Callable[[], dict[str, int]], viewed_store: Store
) -> None:
    for payload in payloads("otel-openai-v2-legacy"):
        if payload.signal == "logs":
            replay(payload)
    drained()
    bodies = viewed_store.query("SELECT Body, EventName FROM otel_logs WHERE EventName = 'gen_ai.user.message'")
    assert bodies
    assert all("content" in json.loads(row["Body"]) for row in bodies)
