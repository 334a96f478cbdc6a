"""Hostile inputs 54 and 55: what must not be kept."""

import time
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from watchglass_collector.redaction_rules import RedactionConfig
from watchglass_store import Store
from watchglass_store.queries import deletion

from .conftest import Start, Target, good_request, span_of

SECRETS = {
    "sk-proj-abcdefghijklmnop1234": "[api_key]",
    "4111 1111 1111 1111": "[card]",
    "ann.smith@mail.example": "[email]",
}
RULES: Any = ("email", "card", "api_key")


def spooled(target: Target) -> bytes:
    """Every byte below the collector's data directory."""
    return b"".join(path.read_bytes() for path in sorted(target.data_dir.rglob("*")) if path.is_file())


def test_54_secrets_are_gone_before_anything_is_on_disk(start: Start, hostile_store: Store) -> None:
    # A segment that stays open for a while, so that the bytes can be looked at.
    target = start(redaction=RedactionConfig(rules=RULES, custom=(), before_spool=True), segment_age_s=3)
    request = good_request()
    span = span_of(request)
    span.attributes.add(key="gen_ai.prompt").value.string_value = " and ".join(SECRETS)
    span.name = f"for {next(iter(SECRETS))}"
    with target.counts("received"):
        assert target.post(request.SerializeToString()).status_code == 200
        assert target.export(request.SerializeToString()) == b""
    data = spooled(target)
    assert span.trace_id in data
    for secret, shown in SECRETS.items():
        assert secret.encode() not in data
        assert shown.encode() in data
    while target.stats()["pending"]:
        time.sleep(0.05)
    (row,) = hostile_store.query(
        "SELECT SpanName, SpanAttributes FROM otel_traces WHERE TraceId = {id:String}", {"id": span.trace_id.hex()}
    )
    assert row == {"SpanName": "for [api_key]", "SpanAttributes": {"gen_ai.prompt": " and ".join(SECRETS.values())}}


def test_55_a_span_of_a_deleted_user(start: Start, hostile_store: Store) -> None:
    target = start(auth_refresh_s=0.05)
    user = "u-4711"

    def request() -> Any:
        made = good_request(2)
        span_of(made).attributes.add(key="user.id").value.string_value = user
        return made

    deletion.begin(hostile_store, user, author="tester", now=datetime.now(UTC))
    while True:
        sent = request()
        answer = target.post(sent.SerializeToString())
        assert answer.status_code == 200
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        if partial.rejected_spans:
            break
        time.sleep(0.05)
    assert (partial.rejected_spans, "user was deleted" in partial.error_message) == (1, True)
    with target.counts("rejected"):
        assert target.post(request().SerializeToString()).status_code == 200
    spans = sent.resource_spans[0].scope_spans[0].spans
    target.drained()
    rows = hostile_store.query(
        "SELECT TraceId FROM otel_traces WHERE TraceId IN {ids:Array(String)}",
        {"ids": [span.trace_id.hex() for span in spans]},
    )
    assert rows == [{"TraceId": spans[1].trace_id.hex()}]
    hostile_store.command("TRUNCATE TABLE deletions")
