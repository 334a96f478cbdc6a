import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import Collector
from watchglass_collector.admission import Batch
from watchglass_collector.deletion import Tombstones, forget_in_quarantine
from watchglass_collector.signals import TRACES
from watchglass_collector.spool import Record
from watchglass_collector.spool.quarantine import Quarantine
from watchglass_collector.verify import verify
from watchglass_store import Store
from watchglass_store.queries import deletion

MakeTraces = Callable[..., ExportTraceServiceRequest]
USER = "ann@example.org"


def of(request: ExportTraceServiceRequest, user: str) -> ExportTraceServiceRequest:
    """One trace, whose first span names the user."""
    spans = request.resource_spans[0].scope_spans[0].spans
    for span in spans:
        span.trace_id = spans[0].trace_id
        span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    spans[0].attributes.add(key="user.id").value.string_value = user
    return request


def send(collector: Collector, request: ExportTraceServiceRequest) -> httpx.Response:
    headers = {"content-type": "application/x-protobuf"}
    return httpx.post(f"{collector.http_url}/v1/traces", content=request.SerializeToString(), headers=headers)


def score(store: Store, trace_id: bytes) -> None:
    now = datetime.now(UTC)
    names = {"name": "bleu", "evaluator": "bleu", "evaluator_version": "1", "source": "code"}
    store.insert("scores", [{**names, "trace_id": trace_id.hex(), "span_id": "1" * 16, "value": 0.5, "call_time": now}])


def rows(store: Store, trace_id: bytes) -> dict[str, int]:
    counted = {}
    for table in (
        "otel_traces",
        "otel_traces_trace_id_ts",
        "llm_call_parts",
        "llm_figure_parts",
        "llm_calls_by_time",
        "scores",
    ):
        column = "TraceId" if table.startswith("otel") else "trace_id"
        sql = f"SELECT count() AS n FROM {table} WHERE {column} = {{id:String}}"
        counted[table] = int(store.query(sql, {"id": trace_id.hex()})[0]["n"])
    return counted


def test_everything_of_a_user_goes_and_nothing_of_another(
    collector: Collector, viewed_store: Store, drained: Callable[[], Any], make_traces: MakeTraces, tmp_path: Path
) -> None:
    requests = [of(make_traces(3), USER), of(make_traces(2), "bob")]
    ids = [request.resource_spans[0].scope_spans[0].spans[0].trace_id for request in requests]
    for request in requests:
        assert send(collector, request).content == b""
    drained()
    for trace_id in ids:
        score(viewed_store, trace_id)
    theirs, others = (rows(viewed_store, trace_id) for trace_id in ids)
    deletion.begin(viewed_store, USER, author="me", now=datetime.now(UTC))
    counts = deletion.erase(viewed_store, USER, author="me", now=datetime.now(UTC))
    assert theirs.items() <= counts.items()
    assert (counts["otel_traces"], counts["llm_call_parts"], counts["scores"]) == (3, 3, 1)
    assert set(rows(viewed_store, ids[0]).values()) == {0}
    assert rows(viewed_store, ids[1]) == others
    assert verify(viewed_store, tmp_path / "spool").gaps == ()
    (entry,) = viewed_store.query("SELECT action, object, after FROM audit_log")
    assert (entry["action"], entry["object"]) == ("delete user", deletion.deletion_id(USER))
    assert USER not in str(entry)
    # A piece that comes late and does not name the user goes with its trace.
    late = make_traces(1)
    late.resource_spans[0].scope_spans[0].spans[0].trace_id = ids[0]
    send(collector, late)
    drained()
    counts = deletion.erase(viewed_store, USER, author="me", now=datetime.now(UTC))
    assert counts["otel_traces"] == 1
    assert deletion.erase(viewed_store, USER, author="me", now=datetime.now(UTC)) == {}
    assert verify(viewed_store, tmp_path / "spool").gaps == ()


def test_what_slips_in_is_swept_by_the_collector(
    viewed_store: Store, make_traces: MakeTraces, tmp_path: Path, collector_config: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("watchglass_collector.deletion._FIRST_SWEEP_S", 0.0)
    running = Collector(collector_config.model_copy(update={"auth_refresh_s": 0.05}), viewed_store, tmp_path)
    running.start()
    send(running, of(make_traces(1), USER))
    while running.stats()["pending"]:
        time.sleep(0.01)
    deletion.begin(viewed_store, USER, author="me", now=datetime.now(UTC))
    while viewed_store.query("SELECT count() AS n FROM otel_traces") != [{"n": 0}]:
        time.sleep(0.05)
    running.stop()


def test_quarantine_forgets_a_user(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "spool" / "quarantine")
    theirs, others = Record(b"1" * 16, 1, f"of {USER}".encode()), Record(b"2" * 16, 1, b"of bob")
    quarantine.keep_records("traces", "a", [theirs], "why")
    quarantine.keep_copy("traces", "b", [others, theirs], "why")
    (tmp_path / "spool" / "quarantine" / "c.damaged").write_bytes(f"xx{USER}xx".encode())
    assert forget_in_quarantine(tmp_path, USER) == 3
    files = [path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file()]
    assert not [data for data in files if USER.encode() in data]
    assert [data for data in files if b"of bob" in data]
    assert forget_in_quarantine(tmp_path, USER) == 0


def test_only_what_names_a_deleted_user_is_dropped(make_traces: MakeTraces) -> None:
    tombstones = Tombstones()
    batch = Batch(TRACES, of(make_traces(3), USER).SerializeToString(), items=3)
    assert tombstones(batch) is batch
    tombstones.replace(["nobody", USER])
    left = tombstones(batch)
    assert (left.items, left.rejected) == (2, 1)
    # A text that only mentions the user is somebody else's.
    mention = make_traces(1)
    mention.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="prompt").value.string_value = USER
    batch = Batch(TRACES, mention.SerializeToString(), items=1)
    assert tombstones(batch) is batch
    # One whose resource names the user goes whole.
    whole = make_traces(2)
    whole.resource_spans[0].resource.attributes.add(key="enduser.id").value.string_value = USER
    left = tombstones(Batch(TRACES, whole.SerializeToString(), items=2))
    assert (left.items, left.rejected) == (0, 2)
