import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import CollectorConfig
from watchglass_collector.counters import Counters
from watchglass_collector.drain import Drain
from watchglass_collector.signals import TRACES
from watchglass_collector.spool import Record, Spool
from watchglass_collector.trial import Trial
from watchglass_store import LateStore, Store

MakeTraces = Callable[..., ExportTraceServiceRequest]


class Bench:
    """A spool and a drain without receivers, so that anything can be spooled."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.directory = directory
        self.counters = Counters()
        self.spool = Spool(directory, [TRACES.name], CollectorConfig(segment_age_s=0.02))
        self.drain = Drain(TRACES, self.spool, store, self.counters)

    def accept(self, payload: bytes, items: int) -> None:
        digest = payload[-16:].rjust(16, b"\0")
        self.spool.append(TRACES.name, Record(digest, items, payload)).result()

    def wait_for(self, is_true: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 60
        while not is_true():
            assert time.monotonic() < give_up, self.counters.get()
            time.sleep(0.01)

    def wait_until_empty(self) -> dict[str, int]:
        self.wait_for(lambda: self.spool.pending_items() == 0)
        return self.counters.get()

    def quarantined(self) -> list[str]:
        return sorted(path.suffix for path in (self.directory / "quarantine").iterdir())

    def stored(self) -> int:
        return int(self.store.query("SELECT count() AS spans FROM otel_traces")[0]["spans"])


@pytest.fixture
def bench(viewed_store: Store, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(viewed_store, tmp_path)
    yield made
    made.drain.finish(5)
    made.spool.close()


def test_a_segment_is_one_insert_and_gone_afterwards(bench: Bench, make_traces: MakeTraces) -> None:
    for _ in range(20):
        bench.accept(make_traces(5).SerializeToString(), 5)
    bench.drain.start()
    assert bench.wait_until_empty() == {"stored": 100}
    assert bench.stored() == 100
    assert not list((bench.directory / TRACES.name).iterdir())


def test_a_bad_request_goes_to_quarantine_and_its_neighbours_are_stored(bench: Bench, make_traces: MakeTraces) -> None:
    for number in range(9):
        bench.accept(make_traces(2).SerializeToString(), 2)
        if number == 4:
            bench.accept(b"\x0a\x05no protobuf", 3)
    bench.drain.start()
    counts = bench.wait_until_empty()
    assert (counts["stored"], counts["quarantined"]) == (18, 3)
    assert bench.stored() == 18
    assert bench.quarantined() == [".reason", ".segment"]
    tables = bench.store.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    assert not [row for row in tables if "trial" in row["name"]]


@pytest.mark.parametrize("table", ["otel_inbox_traces", "otel_traces", "llm_call_parts"])
def test_a_store_without_its_tables_is_waited_for(bench: Bench, make_traces: MakeTraces, table: str) -> None:
    bench.store.command(f"RENAME TABLE {table} TO elsewhere")
    bench.accept(make_traces(2).SerializeToString(), 2)
    bench.drain.start()
    bench.wait_for(lambda: bench.counters.get().get("store_retries", 0) >= 3)
    assert bench.quarantined() == []
    bench.store.command(f"RENAME TABLE elsewhere TO {table}")
    assert bench.wait_until_empty()["stored"] == 2
    assert bench.stored() == 2


def test_a_failing_view_costs_its_rows_and_no_raw_ones(bench: Bench, make_traces: MakeTraces) -> None:
    bench.store.command("CREATE TABLE derived (name String) ENGINE = MergeTree ORDER BY name")
    bench.store.command(
        "CREATE MATERIALIZED VIEW poisoned TO derived AS "
        "SELECT SpanName AS name FROM otel_traces WHERE throwIf(SpanName = 'poison') = 0"
    )
    poison = make_traces(1)
    poison.resource_spans[0].scope_spans[0].spans[0].name = "poison"
    for request in (make_traces(2), poison, make_traces(2)):
        bench.accept(request.SerializeToString(), len(request.resource_spans[0].scope_spans[0].spans))
    bench.drain.start()
    counts = bench.wait_until_empty()
    assert (counts["stored"], counts["stored_without_views"]) == (5, 5)
    assert bench.stored() == 5
    assert bench.quarantined() == [".copy", ".reason"]
    bench.accept(make_traces(3).SerializeToString(), 3)
    bench.wait_until_empty()
    assert bench.store.query("SELECT count() AS names FROM derived") == [{"names": 3}]


def test_a_crash_between_insert_and_deletion_stores_nothing_twice(
    bench: Bench, make_traces: MakeTraces, viewed_store: Store
) -> None:
    bench.accept(make_traces(50).SerializeToString(), 50)
    (segment,) = (bench.directory / TRACES.name).iterdir()
    kept = segment.read_bytes()
    bench.drain.start()
    bench.wait_until_empty()
    bench.drain.finish(5)
    bench.spool.close()
    segment.write_bytes(kept)
    again = Bench(viewed_store, bench.directory)
    again.drain.start()
    assert again.wait_until_empty()["stored"] == 50
    assert again.stored() == 50
    again.drain.finish(5)
    again.spool.close()


def test_damage_on_disk_is_set_aside_and_the_rest_is_stored(
    bench: Bench, make_traces: MakeTraces, viewed_store: Store
) -> None:
    for _ in range(3):
        bench.accept(make_traces(2).SerializeToString(), 2)
    bench.spool.close()
    (segment,) = (bench.directory / TRACES.name).iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(data + b"torn")
    again = Bench(viewed_store, bench.directory)
    again.drain.start()
    counts = again.wait_until_empty()
    assert (counts["stored"], counts["damaged_regions"]) == (4, 2)
    assert again.quarantined() == [".damaged", ".damaged"]
    again.drain.finish(5)
    again.spool.close()


def test_an_insert_that_is_never_answered_does_not_hold_up_the_end(
    viewed_store: Store, make_traces: MakeTraces, tmp_path: Path
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def open_store() -> Store:
        is_asked.set()
        may_answer.wait()
        return viewed_store

    bench = Bench(LateStore(open_store), tmp_path)
    bench.accept(make_traces(2).SerializeToString(), 2)
    bench.drain.start()
    assert is_asked.wait(60)
    bench.drain.finish(0)
    bench.spool.close()
    may_answer.set()
    # What was under way may end now or not at all; the segment is the next start's business.
    bench.wait_for(lambda: bench.counters.get().get("store_retries", 0) == 1)
    assert len(list((tmp_path / TRACES.name).iterdir())) == 1
    again = Bench(viewed_store, tmp_path)
    again.drain.start()
    again.wait_until_empty()
    assert again.stored() == 2
    again.drain.finish(5)
    again.spool.close()


def test_two_collectors_that_look_for_bad_requests_are_not_in_each_others_way(
    viewed_store: Store, make_traces: MakeTraces, tmp_path: Path
) -> None:
    good = Record(b"0" * 16, 1, make_traces(1).SerializeToString())
    bad = Record(b"1" * 16, 1, b"\x0a\x05no protobuf")
    with Trial(viewed_store, TRACES.inbox) as one:
        with Trial(viewed_store, TRACES.inbox) as other:
            assert other.refused([good, bad]) == [bad]
        assert one.refused([good, bad]) == [bad]
