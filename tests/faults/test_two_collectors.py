"""Collectors that share a store and nothing else: what a client sends to one and then to the other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_collector.verify import verify
from watchglass_store import Store

from .chaos_load import PROTOBUF, Body
from .chaos_world import wait_until


@contextmanager
def collector(store: Store, data_dir: Path) -> Iterator[Collector]:
    running = Collector(CollectorConfig(http_port=0, grpc_port=0, segment_age_s=0.02), store, data_dir)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def test_a_request_sent_to_both_shows_once(store: Store, tmp_path: Path) -> None:
    install_views(store)
    body = Body(seed=1, number=4, base_ns=time.time_ns())
    assert body.kind == "plain"
    with collector(store, tmp_path / "one") as one, collector(store, tmp_path / "other") as other:
        for target in (one, other, one):
            url = f"{target.http_url}/v1/traces"
            assert httpx.post(url, content=body.serialized(), headers=PROTOBUF).status_code == 200
            wait_until(lambda t=target: not t.stats()["pending"], "it is stored")  # type: ignore[misc]
        assert one.stats()["resent_requests"] == 1
    rows = store.query("SELECT span_id, span_name FROM llm_calls ORDER BY span_id")
    assert [(row["span_id"], row["span_name"]) for row in rows] == sorted((s[0], s[2]) for s in body.spans())
    # The raw table keeps both, and the books say so.
    assert [gap for gap in verify(store, tmp_path / "one" / "spool").gaps if "more than once" in gap]
