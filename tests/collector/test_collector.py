import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pydantic
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import Collector, CollectorConfig, SpoolLocked
from watchglass_store import Store

MakeTraces = Callable[..., ExportTraceServiceRequest]
PROTOBUF = {"content-type": "application/x-protobuf"}


def post(collector: Collector, body: bytes) -> httpx.Response:
    return httpx.post(f"{collector.http_url}/v1/traces", content=body, headers=PROTOBUF)


def spans(store: Store) -> int:
    return int(store.query("SELECT count() AS spans FROM otel_traces")[0]["spans"])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_beyond_loopback_keys_are_required_and_cannot_be_waived(host: str) -> None:
    assert CollectorConfig(host=host).requires_keys
    with pytest.raises(pydantic.ValidationError, match="watchglass keys create"):
        CollectorConfig(host=host, auth="none")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_loopback_keys_are_a_choice(host: str) -> None:
    assert not CollectorConfig(host=host).requires_keys
    assert not CollectorConfig(host=host, auth="none").requires_keys
    assert CollectorConfig(host=host, auth="required").requires_keys


def test_stopping_empties_the_spool(
    viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path, make_traces: MakeTraces
) -> None:
    collector = Collector(collector_config.model_copy(update={"segment_age_s": 60}), viewed_store, tmp_path)
    collector.start()
    assert post(collector, make_traces(10).SerializeToString()).status_code == 200
    assert collector.stats()["pending"] == 10
    collector.stop()
    assert spans(viewed_store) == 10
    assert collector.stats() == {"received": 10, "stored": 10, "pending": 0, "quarantined": 0, "rejected": 0}
    collector.stop()


def test_what_cannot_be_stored_at_stop_is_stored_by_the_next(
    viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path, make_traces: MakeTraces
) -> None:
    body = make_traces(10).SerializeToString()
    viewed_store.command("RENAME TABLE otel_inbox_traces TO elsewhere")
    first = Collector(collector_config.model_copy(update={"stop_timeout_s": 0.5}), viewed_store, tmp_path)
    first.start()
    assert post(first, body).status_code == 200
    first.stop()
    assert first.stats()["pending"] == 10
    viewed_store.command("RENAME TABLE elsewhere TO otel_inbox_traces")
    second = Collector(collector_config, viewed_store, tmp_path)
    second.start()
    assert post(second, body).status_code == 200
    while second.stats()["pending"]:
        time.sleep(0.01)
    assert post(second, body).status_code == 200
    second.stop()
    assert spans(viewed_store) == 10
    stats = second.stats()
    assert (stats["received"], stats["stored"], stats["resent_requests"]) == (10, 10, 2)


def test_two_collectors_on_one_directory_are_refused(
    viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path
) -> None:
    first = Collector(collector_config, viewed_store, tmp_path)
    with pytest.raises(SpoolLocked, match="another collector"):
        Collector(collector_config, viewed_store, tmp_path)
    first.stop()


@pytest.mark.parametrize("door", ["http_port", "grpc_port"])
def test_a_taken_port_is_an_error_that_names_it_and_lets_everything_go(
    viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path, door: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        clash = Collector(collector_config.model_copy(update={door: port}), viewed_store, tmp_path)
        with pytest.raises(OSError, match=f"{port}"):
            clash.start()
    again = Collector(collector_config, viewed_store, tmp_path)
    again.start()
    again.stop()
