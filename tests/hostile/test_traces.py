"""Hostile inputs 45 to 47: spans that make no tree, and ids that are used twice."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_dashboards.ui.trace_data import assemble
from watchglass_dashboards.ui.tree import flatten
from watchglass_store import Store
from watchglass_store.queries import deletion
from watchglass_store.queries.api_keys import create_key
from watchglass_store.queries.pages_trace import SPAN_LIMIT, attributes, calls, projects, scores, spans
from watchglass_store.queries.pages_trace import call as call_of

from .conftest import IS_FULL, Start, Target, good_request, span_of

SPANS_PER_REQUEST = 20_000


def chain(trace_id: bytes, first: int, number: int) -> ExportTraceServiceRequest:
    """Spans first … first + number - 1 of a chain in which each is the parent of the next."""
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add()
    envelope.resource.attributes.add(key="service.name").value.string_value = "hostile-chain"
    found = envelope.scope_spans.add().spans
    start_ns = time.time_ns()
    for one in range(first, first + number):
        found.add(
            trace_id=trace_id, span_id=(one + 1).to_bytes(8, "big"), name="step", start_time_unix_nano=start_ns + one,
            end_time_unix_nano=start_ns + one + 1, parent_span_id=one.to_bytes(8, "big") if one else b"",
        )  # fmt: skip
    return request


def shown(store: Store, trace_id: bytes, project: str = "") -> list[Any]:
    """The tree as the Trace page has it."""
    found = spans(store, trace_id.hex(), project)
    assert len(found["span_id"]) <= SPAN_LIMIT
    return flatten(assemble(found, calls(store, trace_id.hex(), project)))


def test_45_a_cycle_and_spans_that_are_their_own_parents(target: Target, hostile_store: Store) -> None:
    request = good_request(3000)
    found = request.resource_spans[0].scope_spans[0].spans
    for span, parent in zip(found, [*found[1:], found[0]], strict=True):
        span.trace_id, span.parent_span_id = found[0].trace_id, parent.span_id
    found[5].parent_span_id = found[5].span_id
    with target.counts("received", 3000):
        assert target.post(request.SerializeToString()).status_code == 200
    target.drained()
    tree = shown(hostile_store, found[0].trace_id)
    assert sorted(row.span.id for row in tree) == sorted(span.span_id.hex() for span in found)
    assert [row.span.id for row in tree if row.depth == 0] == [found[5].span_id.hex()]
    assert max(row.depth for row in tree) == 2999


@pytest.mark.parametrize("length", [100_000, 1_000_000] if IS_FULL else [40_000])
def test_45_a_chain_and_a_trace_without_end(target: Target, hostile_store: Store, length: int) -> None:
    trace_id = time.time_ns().to_bytes(16, "big")
    with target.counts("received", length):
        for first in range(0, length, SPANS_PER_REQUEST):
            body = chain(trace_id, first, SPANS_PER_REQUEST).SerializeToString()
            assert target.post(body).status_code == 200
    assert target.drained()["quarantined"] == 0
    (row,) = hostile_store.query(
        "SELECT count() AS rows, uniqExact(SpanId) AS spans FROM otel_traces WHERE TraceId = {id:String}",
        {"id": trace_id.hex()},
    )
    assert row == {"rows": length, "spans": length}
    tree = shown(hostile_store, trace_id)
    assert len(tree) == min(length, SPAN_LIMIT)
    assert max(row.depth for row in tree) == len(tree) - 1


def call(text: str, **fields: Any) -> ExportTraceServiceRequest:
    """A call of a model with an answer."""
    request = good_request()
    span = span_of(request)
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    span.attributes.add(
        key="gen_ai.output.messages"
    ).value.string_value = f'[{{"role":"assistant","parts":[{{"type":"text","content":"{text}"}}]}}]'
    for name, value in fields.items():
        setattr(span, name, value)
    return request


def answers(store: Store, span: Any) -> dict[str, str]:
    rows = store.query(
        "SELECT trace_id, response_text FROM llm_calls WHERE span_id = {id:String}", {"id": span.span_id.hex()}
    )
    found = {row["trace_id"]: row["response_text"] for row in rows}
    assert len(found) == len(rows), "two rows with the same ids"
    return found


def test_46_the_same_span_id_in_two_traces(target: Target, hostile_store: Store) -> None:
    one = call("one")
    other = call("other", span_id=span_of(one).span_id)
    with target.counts("received", 2):
        for request in (one, other):
            assert target.post(request.SerializeToString()).status_code == 200
    target.drained()
    assert answers(hostile_store, span_of(one)) == {
        span_of(one).trace_id.hex(): "one",
        span_of(other).trace_id.hex(): "other",
    }


def logged(span: Any, text: str) -> ExportLogsServiceRequest:
    """The answer of a call, as a log event."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(
        trace_id=span.trace_id, span_id=span.span_id, time_unix_nano=span.start_time_unix_nano,
        event_name="gen_ai.choice",
    )  # fmt: skip
    message = record.body.kvlist_value.values.add(key="message").value.kvlist_value
    message.values.add(key="content").value.string_value = text
    return request


def scored(span: Any, value: float) -> Any:
    """A user's verdict on a call."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(
        trace_id=span.trace_id, span_id=span.span_id, time_unix_nano=span.start_time_unix_nano,
        event_name="gen_ai.evaluation.result",
    )  # fmt: skip
    record.attributes.add(key="gen_ai.evaluation.name").value.string_value = "thumbs"
    record.attributes.add(key="gen_ai.evaluation.score.value").value.double_value = value
    return request


def of_project(name: str, tokens: int, likeness: Any) -> tuple[bytes, bytes, bytes]:
    """Traces, logs and scores: a user's request, and in it a call whose question is in need of rebuilding."""
    request = good_request(2)
    top, span = request.resource_spans[0].scope_spans[0].spans
    for one, same in zip((top, span), likeness, strict=True):
        one.trace_id, one.span_id, one.start_time_unix_nano = same.trace_id, same.span_id, same.start_time_unix_nano
    span.parent_span_id = top.span_id
    top.attributes.add(key="user.id").value.string_value = f"user of {name}"
    for key, text in (
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "gpt-4o-mini"),
        ("gen_ai.response.id", "r-1"),
        ("gen_ai.input.messages", f'[{{"role":"user","content":"{name} asks"}}]'),
    ):
        span.attributes.add(key=key).value.string_value = text
    span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = tokens
    told = logged(span, f"{name} is told").SerializeToString()
    return request.SerializeToString(), told, scored(span, float(tokens)).SerializeToString()


def test_46_the_same_ids_in_two_projects(start: Start, hostile_store: Store) -> None:
    likeness = good_request(2).resource_spans[0].scope_spans[0].spans
    for one in likeness:
        one.trace_id = likeness[0].trace_id
    now = datetime.now(UTC)
    keys = {
        project: create_key(hostile_store, project=project, scopes=["ingest"], name="", author="", now=now)
        for project in ("mine", "yours")
    }
    target = start(auth="required")
    for project, tokens in (("mine", 100), ("yours", 7)):
        key = keys[project]
        traces, *logs = of_project(project, tokens, likeness)
        assert target.post(traces, x_api_key=key.secret).status_code == 200
        for said in logs:
            assert target.post(said, "/v1/logs", x_api_key=key.secret).status_code == 200
    target.drained()
    trace_id, span_id = likeness[0].trace_id.hex(), likeness[1].span_id.hex()
    sql = (
        "SELECT project, prompt_text, response_text, usage_input_tokens AS tokens, user_id, depth, root_span_id, "
        "usage_counted FROM llm_calls WHERE trace_id = {id:String} ORDER BY project"
    )
    give_up = time.monotonic() + 60
    while True:
        rows = hostile_store.query(sql, {"id": trace_id})
        if all(row["usage_counted"] for row in rows) or time.monotonic() > give_up:
            break
        time.sleep(0.2)
    assert rows == [
        {
            "project": name, "prompt_text": f"{name} asks", "response_text": f"{name} is told", "tokens": tokens,
            "user_id": f"user of {name}", "depth": 1, "root_span_id": likeness[0].span_id.hex(), "usage_counted": 1,
        }
        for name, tokens in (("mine", 100), ("yours", 7))
    ]  # fmt: skip
    found = hostile_store.query(
        "SELECT project, user_id FROM llm_findings WHERE trace_id = {id:String}", {"id": trace_id}
    )
    assert {(row["project"], row["user_id"]) for row in found} == {(n, f"user of {n}") for n in ("mine", "yours")}
    # The Trace page shows each by itself, and says which there are to an address without a project.
    assert projects(hostile_store, trace_id) == ["mine", "yours"]
    assert shown(hostile_store, likeness[0].trace_id) == []
    for name, tokens in (("mine", 100), ("yours", 7)):
        assert_whole(hostile_store, likeness, name, tokens)
    # Who sends another's trace id with a user of his own gets his own trace deleted.
    now = datetime.now(UTC)
    counts = deletion.erase(hostile_store, "user of yours", author="test", now=now)
    assert "otel_traces_trace_id_ts" not in counts
    assert shown(hostile_store, likeness[0].trace_id, "yours") == []
    assert call_of(hostile_store, trace_id, span_id, "yours") is None
    assert scores(hostile_store, trace_id, "yours") == []
    assert_whole(hostile_store, likeness, "mine", 100)
    counts = deletion.erase(hostile_store, "user of mine", author="test", now=now)
    assert counts["otel_traces_trace_id_ts"] >= 1  # a row for each segment that they came in
    tables = hostile_store.query(
        "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = 'trace_id' "
        "AND table IN (SELECT name FROM system.tables WHERE engine LIKE '%MergeTree')"
    )
    assert {"scores", "llm_call_parts", "evaluation_log"} <= {row["table"] for row in tables}
    for row in tables:
        sql = f"SELECT count() AS n FROM {row['table']} WHERE trace_id = {{id:String}}"
        assert hostile_store.query(sql, {"id": trace_id}) == [{"n": 0}], row


def assert_whole(store: Store, likeness: Any, project: str, tokens: int) -> None:
    """What a project sent of the shared ids is all there, and nothing else is."""
    trace_id, span_id = likeness[0].trace_id.hex(), likeness[1].span_id.hex()
    assert [row.span.id for row in shown(store, likeness[0].trace_id, project)] == [
        one.span_id.hex() for one in likeness
    ]
    found = call_of(store, trace_id, span_id, project)
    assert found is not None
    assert (found["prompt_text"], found["response_text"]) == (f"{project} asks", f"{project} is told")
    assert [row["value"] for row in scores(store, trace_id, project)] == [float(tokens)]
    assert len(calls(store, trace_id, project)["span_id"]) == 1
    received = attributes(store, trace_id, likeness[0].span_id.hex(), project)
    assert received is not None
    assert received["span_attributes"]["user.id"] == f"user of {project}"


@pytest.mark.parametrize("is_apart", [True, False], ids=["in-two-segments", "in-one-segment"])
def test_47_the_same_ids_with_another_content(target: Target, hostile_store: Store, is_apart: bool) -> None:
    first = call("first")
    changed = call("changed", trace_id=span_of(first).trace_id, span_id=span_of(first).span_id)
    with target.counts("resent_requests"):
        for request in (first, changed, first):
            assert target.post(request.SerializeToString()).status_code == 200
            if is_apart:
                target.drained()
    target.drained()
    assert answers(hostile_store, span_of(first)) == {span_of(first).trace_id.hex(): "changed"}
