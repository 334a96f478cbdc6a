import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pydantic
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_collector.redaction import check
from watchglass_collector.redaction_rules import RedactionConfig, RedactionRule
from watchglass_store import Store

MakeTraces = Callable[..., ExportTraceServiceRequest]
PROTOBUF = {"content-type": "application/x-protobuf"}
EVERYTHING: Any = ("email", "phone", "card", "api_key")
SECRETS = {
    "ann.smith+x@mail.example.co.uk": "[email]",
    "4111 1111 1111 1111": "[card]",
    "378282246310005": "[card]",
    "+44 20 7946 0958": "[phone]",
    "(415) 555-2671": "[phone]",
    "sk-proj-abcdefghijklmnop1234": "[api_key]",
    "AKIAIOSFODNN7EXAMPLE": "[api_key]",
    "ghp_" + "a1B2" * 9: "[api_key]",
}
HARMLESS = ["2026-11-21T04:05:06.789Z", "gpt-4o-2024-08-06", "order 123456, 12 items at 3.50", "a@b", "1.2.3.4", "sk-x"]


def fill(request: ExportTraceServiceRequest) -> Any:
    span = request.resource_spans[0].scope_spans[0].spans[0]
    for number, text in enumerate([*SECRETS, *HARMLESS]):
        span.attributes.add(key=f"k{number}").value.string_value = f"see {text}, thanks"
    span.attributes.add(key="list").value.array_value.values.add().string_value = next(iter(SECRETS))
    span.attributes.add(key="number").value.int_value = 4111111111111111
    span.attributes.add(key="nested").value.kvlist_value.values.add(key="a").value.string_value = next(iter(SECRETS))
    span.events.add(name="e").attributes.add(key="k").value.string_value = next(iter(SECRETS))
    span.name = f"mail to {next(iter(SECRETS))}"
    span.status.message = f"no such user {next(iter(SECRETS))}"
    request.resource_spans[0].resource.attributes.add(key="owner").value.string_value = next(iter(SECRETS))
    return span


def logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
    record.body.string_value = f"mail {next(iter(SECRETS))}"
    return request


@pytest.mark.parametrize("before_spool", [False, True])
def test_secrets_reach_no_table_and_with_before_spool_no_disk(
    store: Store, collector_config: CollectorConfig, tmp_path: Path, make_traces: MakeTraces, before_spool: bool
) -> None:
    redaction = RedactionConfig(rules=EVERYTHING, custom=(), before_spool=before_spool)
    config = collector_config.model_copy(update={"redaction": redaction, "segment_age_s": 60})
    install_views(store, "power", redaction)
    collector = Collector(config, store, tmp_path)
    collector.start()
    request = make_traces(1)
    fill(request)
    for path, body in (("traces", request.SerializeToString()), ("logs", logs().SerializeToString())):
        response = httpx.post(f"{collector.http_url}/v1/{path}", content=body, headers=PROTOBUF)
        assert response.status_code == 200
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file())
    assert any(secret.encode() in on_disk for secret in SECRETS) is not before_spool
    collector.stop()
    (row,) = store.query("SELECT * FROM otel_traces")
    attributes = row["SpanAttributes"]
    expected = [*SECRETS.values(), *HARMLESS]
    assert [attributes[f"k{number}"] for number in range(len(expected))] == [f"see {t}, thanks" for t in expected]
    assert (attributes["list"], attributes["number"], attributes["nested"]) == (
        '["[email]"]',
        "[card]",
        '{"a":"[email]"}',
    )
    assert row["Events.Attributes"] == [{"k": "[email]"}]
    assert (row["SpanName"], row["StatusMessage"]) == ("mail to [email]", "no such user [email]")
    assert row["ResourceAttributes"]["owner"] == "[email]"
    assert store.query("SELECT Body FROM otel_logs") == [{"Body": "mail [email]"}]


def test_a_rule_of_ones_own_runs_in_the_store(store: Store, collector_config: CollectorConfig) -> None:
    rule = RedactionRule(name="ticket", pattern=r"T-\d{4}'?\\?")
    redaction = RedactionConfig(rules=(), custom=(rule,), before_spool=False)
    check(store, redaction)
    assert "otel_inbox_traces_mv" in install_views(store, "power", redaction)
    assert "otel_inbox_traces_mv" in install_views(store)


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [(r"(?=a)", "RE2 has no"), (r"(a)\1", "RE2 has no"), ("a**", "not a regular"), ("a*", "empty text"), ("a++", "RE2"),
     ("x" * 401, "400"), ("(?<!a)b", "RE2")],
)  # fmt: skip
def test_a_pattern_that_re2_does_not_know_is_refused_at_load(pattern: str, complaint: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=complaint):
        RedactionRule(name="mine", pattern=pattern)


def test_a_pattern_that_only_clickhouse_refuses_is_named(store: Store) -> None:
    redaction = RedactionConfig(
        rules=(), custom=(RedactionRule(name="mine", pattern=r"a{1,2000}"),), before_spool=False
    )
    with pytest.raises(ValueError, match="redaction rule mine"):
        install_views(store, "power", redaction)


def test_own_rules_are_refused_before_the_spool_with_the_reason() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"cannot run custom rules \(mine\)"):
        RedactionConfig(rules=(), custom=(RedactionRule(name="mine", pattern="a"),), before_spool=True)


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "1" * 200_000, "a@" * 100_000, "+1 " * 60_000, "sk-" * 60_000, "a." * 99_999]
)
def test_the_built_in_patterns_take_time_in_proportion_to_the_text(text: str) -> None:
    import re

    for pattern in RedactionConfig(rules=EVERYTHING, custom=(), before_spool=True).patterns.values():
        re.compile(pattern, re.ASCII).sub("", text)
