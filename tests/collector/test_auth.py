import base64
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import Collector, CollectorConfig
from watchglass_collector.auth import ApiKey, KeyRing
from watchglass_collector.errors import Refusal, Refused
from watchglass_store import Store
from watchglass_store.queries.api_keys import create_key, revoke_key

MakeTraces = Callable[..., ExportTraceServiceRequest]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "wg_secret"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def ring(secret: str = SECRET, **fields: object) -> KeyRing:
    values: dict[str, object] = {"project": "shop", "scopes": frozenset({"ingest"}), **fields}
    key = ApiKey(sha256=hashlib.sha256(secret.encode()).hexdigest(), **values)  # type: ignore[arg-type]
    return KeyRing([key], now=lambda: NOW)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {SECRET}"}, {"authorization": f"bearer  {SECRET} "}, {"x-api-key": SECRET},
     {"authorization": basic("pk-lf-1", SECRET)}],
)  # fmt: skip
def test_the_key_may_come_in_any_of_three_headers(headers: dict[str, str]) -> None:
    assert ring().project(headers) == "shop"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer"}, {"authorization": SECRET}, {"authorization": "Basic ?"}, {"x-api-key": " "},
     {"authorization": basic(SECRET, "")}, {"cookie": f"key={SECRET}"}, {"authorization": "Basic /w=="}],
)  # fmt: skip
def test_no_key_is_unauthenticated_and_told_how(headers: dict[str, str]) -> None:
    with pytest.raises(Refused, match="x-api-key") as raised:
        ring().project(headers)
    assert raised.value.refusal is Refusal.UNAUTHENTICATED


def test_an_administrators_key_enforces_no_project() -> None:
    assert ring(scopes=frozenset({"ingest", "admin"})).project({"x-api-key": SECRET}) == ""


def test_wrong_revoked_expired_and_other_scopes_are_refused() -> None:
    headers = {"x-api-key": SECRET}
    for keys in (ring("wg_other"), ring(is_revoked=True), ring(expires_at=NOW)):
        with pytest.raises(Refused) as raised:
            keys.project(headers)
        assert raised.value.refusal is Refusal.UNAUTHENTICATED
        assert SECRET not in str(raised.value)
    assert ring(expires_at=NOW + timedelta(seconds=1)).project(headers) == "shop"
    with pytest.raises(Refused) as raised:
        ring(scopes=frozenset({"query", "admin"})).project(headers)
    assert raised.value.refusal is Refusal.FORBIDDEN


def post(collector: Collector, body: bytes, secret: str) -> int:
    headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {secret}"}
    return httpx.post(f"{collector.http_url}/v1/traces", content=body, headers=headers).status_code


def test_the_project_of_the_key_is_stored_also_while_keys_cannot_be_read(
    viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path, make_traces: MakeTraces
) -> None:
    config = collector_config.model_copy(update={"auth": "required", "auth_refresh_s": 0.05})
    key = create_key(viewed_store, project="shop", scopes=["ingest"], name="", author="", now=datetime.now(UTC))
    request = make_traces(1)
    request.resource_spans[0].resource.attributes.add(key="watchglass.project").value.string_value = "victim"
    first = Collector(config, viewed_store, tmp_path)
    first.start()
    assert post(first, request.SerializeToString(), key.secret) == 200
    assert post(first, request.SerializeToString(), "wg_wrong") == 401
    with grpc.insecure_channel(first.grpc_target) as channel:
        call = channel.unary_unary(EXPORT)
        assert call(make_traces(1).SerializeToString(), metadata=[("x-api-key", key.secret)], timeout=10) == b""
        with pytest.raises(grpc.RpcError) as raised:
            call(make_traces(1).SerializeToString(), timeout=10)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert first.stats()["unauthorized_requests"] == 2
    first.stop()
    projects = viewed_store.query("SELECT ResourceAttributes['watchglass.project'] AS project FROM otel_traces")
    assert [row["project"] for row in projects] == ["shop", "shop"]

    file = tmp_path / "collector" / "api_keys.json"
    assert file.stat().st_mode & 0o077 == 0
    assert key.secret not in file.read_text()
    viewed_store.command("RENAME TABLE api_keys TO elsewhere")
    second = Collector(config, viewed_store, tmp_path)
    second.start()
    assert post(second, make_traces(1).SerializeToString(), key.secret) == 200
    viewed_store.command("RENAME TABLE elsewhere TO api_keys")
    revoke_key(viewed_store, key.id, author="", now=datetime.now(UTC))
    give_up = time.monotonic() + 30
    while post(second, make_traces(1).SerializeToString(), key.secret) == 200 and time.monotonic() < give_up:
        time.sleep(0.05)
    assert post(second, make_traces(1).SerializeToString(), key.secret) == 401
    second.stop()
