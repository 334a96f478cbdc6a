"""A collector on free ports in front of a fresh store, and requests to send to it."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import Store

MakeTraces = Callable[..., ExportTraceServiceRequest]
_numbers = itertools.count(1)


@pytest.fixture
def make_traces() -> MakeTraces:
    """make_traces(spans=1) -> a request of that many spans with ids that nobody else has."""

    def make(spans: int = 1, *, service: str = "shop") -> ExportTraceServiceRequest:
        request = ExportTraceServiceRequest()
        envelope = request.resource_spans.add()
        attribute = envelope.resource.attributes.add(key="service.name")
        attribute.value.string_value = service
        scope = envelope.scope_spans.add()
        start_ns = time.time_ns()
        for _ in range(spans):
            number = next(_numbers)
            span = scope.spans.add(name="chat", start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**9)
            span.trace_id = number.to_bytes(16, "big")
            span.span_id = number.to_bytes(8, "big")
        return request

    return make


@pytest.fixture
def collector_config() -> CollectorConfig:
    """Free ports, segments that do not wait."""
    return CollectorConfig(grpc_port=0, http_port=0, segment_age_s=0.02)


@pytest.fixture
def viewed_store(store: Store, prepare: Callable[..., None]) -> Store:
    """A store with the collector's views, and no row in it."""
    prepare(store, install_views)
    return store


@pytest.fixture
def collector(viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path) -> Iterator[Collector]:
    """A running collector."""
    running = Collector(collector_config, viewed_store, tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def drained(collector: Collector) -> Callable[[], dict[str, int]]:
    """drained() waits until the store has everything, and returns what was counted since the test began."""
    before = collector.stats()

    def wait() -> dict[str, int]:
        while (stats := collector.stats())["pending"]:
            time.sleep(0.01)
        return {name: count - before.get(name, 0) for name, count in stats.items()}

    return wait
