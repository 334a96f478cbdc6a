"""The books add up, a gap is named, and what was refused can be sent again."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import Collector, CollectorConfig
from watchglass_collector.counters import Counters
from watchglass_collector.drain import Drain
from watchglass_collector.quarantine import quarantined, replay
from watchglass_collector.signals import TRACES
from watchglass_collector.spool import Record, Spool
from watchglass_collector.verify import verify
from watchglass_store import Store

MakeTraces = Callable[..., ExportTraceServiceRequest]
PROTOBUF = {"content-type": "application/x-protobuf"}


def post(collector: Collector, body: bytes) -> None:
    assert httpx.post(f"{collector.http_url}/v1/traces", content=body, headers=PROTOBUF).status_code == 200


def totals(store: Store, data_dir: Path) -> dict[str, int]:
    report = verify(store, data_dir / "spool")
    names = ("received", "stored", "pending", "quarantined", "rejected")
    return {name: sum(getattr(line, name) for line in report.hours) for name in names}


def test_stored_pending_and_rejected_add_up(
    viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path, make_traces: MakeTraces
) -> None:
    collector = Collector(collector_config, viewed_store, tmp_path)
    collector.start()
    bad = make_traces(3)
    bad.resource_spans[0].scope_spans[0].spans[1].span_id = b""
    post(collector, bad.SerializeToString())
    post(collector, make_traces(4).SerializeToString())
    collector.stop()
    assert totals(viewed_store, tmp_path) == {
        "received": 7, "stored": 6, "pending": 0, "quarantined": 0, "rejected": 1
    }  # fmt: skip
    waiting = Collector(
        collector_config.model_copy(update={"segment_age_s": 60, "stop_timeout_s": 0}), viewed_store, tmp_path
    )
    waiting.start()
    post(waiting, make_traces(5).SerializeToString())
    report = verify(viewed_store, tmp_path / "spool")
    assert (sum(line.pending for line in report.hours), report.gaps) == (5, ())
    waiting.stop()


def test_rows_that_are_gone_and_rows_that_are_double_are_named(
    viewed_store: Store, collector_config: CollectorConfig, tmp_path: Path, make_traces: MakeTraces
) -> None:
    collector = Collector(collector_config, viewed_store, tmp_path)
    collector.start()
    post(collector, make_traces(4).SerializeToString())
    collector.stop()
    viewed_store.command("TRUNCATE TABLE otel_traces")
    assert verify(viewed_store, tmp_path / "spool").gaps == ("traces: 4 stored by the books are not in the tables",)
    viewed_store.command("INSERT INTO otel_traces (Timestamp, TraceId, SpanId) SELECT now(), 't', 's' FROM numbers(4)")
    assert verify(viewed_store, tmp_path / "spool").gaps == ("traces: 1 spans are in otel_traces more than once",)


def test_refused_requests_are_listed_and_can_be_sent_again(
    viewed_store: Store, tmp_path: Path, make_traces: MakeTraces
) -> None:
    config = CollectorConfig(segment_age_s=0.02)
    spool = Spool(tmp_path / "spool", [TRACES.name], config)
    counters = Counters()
    spool.append(TRACES.name, Record(b"d" * 16, 2, make_traces(2).SerializeToString())).result()
    spool.append(TRACES.name, Record(b"e" * 16, 3, b"\x0a\x05no protobuf")).result()
    drain = Drain(TRACES, spool, viewed_store, counters)
    drain.start()
    drain.finish(60)
    (one,) = quarantined(tmp_path)
    assert (one.kind, one.signal, one.items) == ("refused", "traces", 3)
    assert "refused" in one.reason
    assert totals(viewed_store, tmp_path) == {
        "received": 5, "stored": 2, "pending": 0, "quarantined": 3, "rejected": 0
    }  # fmt: skip
    with pytest.raises(ValueError, match="is not a refused request"):
        replay(tmp_path, ["../traces"])
    assert replay(tmp_path) == [one.name]
    assert quarantined(tmp_path) == []
    again = Drain(TRACES, spool, viewed_store, counters)
    again.start()
    again.finish(60)
    assert spool.replayed_items() == 3
    (once_more,) = quarantined(tmp_path)
    assert (once_more.kind, once_more.items) == ("refused", 3)
    assert totals(viewed_store, tmp_path)["quarantined"] == 6
    assert verify(viewed_store, tmp_path / "spool").gaps == ()
    spool.close()
