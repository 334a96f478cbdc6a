import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector import install_views
from watchglass_collector.inbox import LOGS, TRACES, Inbox
from watchglass_store import Store

NOW_NS = time.time_ns()
MakeTraces = Callable[..., ExportTraceServiceRequest]


def insert(store: Store, inbox: Inbox, *requests: Message, token: str = "") -> None:
    settings = inbox.settings() | ({"insert_deduplication_token": token} if token else {})
    data = b"".join(request.SerializeToString() for request in requests)
    store.raw_insert(inbox.table, data, fmt="ProtobufSingle", settings=settings)


def only_span(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[0].scope_spans[0].spans[0]


def test_installing_again_changes_nothing(store: Store) -> None:
    installed = set(install_views(store))
    assert {"otel_inbox_traces", "otel_inbox_logs", "otel_inbox_traces_mv", "otel_inbox_metrics_gauge_mv"} <= installed
    assert install_views(store) == []


def test_every_column_of_a_span(viewed_store: Store, make_traces: MakeTraces) -> None:
    request = make_traces(1)
    envelope = request.resource_spans[0]
    envelope.resource.attributes.add(key="host.name").value.string_value = "نود"
    scope = envelope.scope_spans[0].scope
    scope.name, scope.version = "opentelemetry.instrumentation.x", "1.3b0"
    span = only_span(request)
    span.parent_span_id, span.trace_state, span.kind = b"parentid", "a=b", 3
    span.start_time_unix_nano, span.end_time_unix_nano = NOW_NS, NOW_NS + 1_000_000_001
    span.status.code, span.status.message = 2, "boom\x00"
    event = span.events.add(name="exception", time_unix_nano=NOW_NS + 5)
    event.attributes.add(key="exception.type").value.string_value = "ValueError"
    link = span.links.add(trace_id=b"t" * 16, span_id=b"s" * 8, trace_state="c=d")
    link.attributes.add(key="reason").value.int_value = 7
    insert(viewed_store, TRACES, request)
    (row,) = viewed_store.query(
        "SELECT *, toUnixTimestamp64Nano(Timestamp) AS start_ns, "
        "toUnixTimestamp64Nano(`Events.Timestamp`[1]) AS event_ns FROM otel_traces"
    )
    assert row["start_ns"] == span.start_time_unix_nano
    assert row["event_ns"] == event.time_unix_nano
    expected = {
        "TraceId": span.trace_id.hex(), "SpanId": span.span_id.hex(), "ParentSpanId": b"parentid".hex(),
        "TraceState": "a=b", "SpanName": "chat", "SpanKind": "Client", "ServiceName": "shop",
        "ResourceAttributes": {"service.name": "shop", "host.name": "نود"},
        "ScopeName": scope.name, "ScopeVersion": "1.3b0", "SpanAttributes": {}, "Duration": 1_000_000_001,
        "StatusCode": "Error", "StatusMessage": "boom\x00",
        "Events.Name": ["exception"], "Events.Attributes": [{"exception.type": "ValueError"}],
        "Links.TraceId": [(b"t" * 16).hex()], "Links.SpanId": [(b"s" * 8).hex()], "Links.TraceState": ["c=d"],
        "Links.Attributes": [{"reason": "7"}],
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def set_value(value: Any, content: Any) -> None:
    if isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
        value.array_value.SetInParent()
        for element in content:
            set_value(value.array_value.values.add(), element)
        return
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value", bytes: "bytes_value"}
    setattr(value, kinds[type(content)], content)


VALUES: list[tuple[Any, str]] = [
    ("plain", "plain"), ("", ""), ('q"uo\\te\n', 'q"uo\\te\n'), (0, "0"), (-(2**63), str(-(2**63))),
    (2**63 - 1, str(2**63 - 1)), (0.0, "0"), (0.2, "0.2"), (1.0, "1"), (False, "false"), (True, "true"),
    (b"\xff\x00", "/wA="), (["stop"], '["stop"]'), (["a/b", 'c"d', "\x01é\u2028"], '["a/b","c\\"d","\\u0001é\\u2028"]'),
    ([1, 0.5, True, "x", b"\x00"], '[1,0.5,true,"x","AA=="]'), ([""], '[""]'), ([0], "[0]"), ([False], "[false]"),
]  # fmt: skip


def test_every_kind_of_value_as_text(viewed_store: Store, make_traces: MakeTraces) -> None:
    request, logs = make_traces(1), ExportLogsServiceRequest()
    records = logs.resource_logs.add().scope_logs.add().log_records
    for number, (content, _) in enumerate(VALUES):
        set_value(only_span(request).attributes.add(key=str(number)).value, content)
        set_value(records.add(severity_number=number, time_unix_nano=NOW_NS).body, content)
    insert(viewed_store, TRACES, request)
    insert(viewed_store, LOGS, logs)
    texts = [text for _, text in VALUES]
    assert viewed_store.query("SELECT mapValues(SpanAttributes) AS texts FROM otel_traces") == [{"texts": texts}]
    bodies = viewed_store.query("SELECT Body FROM otel_logs ORDER BY SeverityNumber")
    assert [row["Body"] for row in bodies] == texts


def test_every_column_of_a_log_record(viewed_store: Store) -> None:
    request = ExportLogsServiceRequest()
    envelope = request.resource_logs.add(schema_url="https://resource")
    envelope.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = envelope.scope_logs.add(schema_url="https://scope")
    scope.scope.name, scope.scope.version = "events", "2"
    scope.scope.attributes.add(key="a").value.bool_value = True
    record = scope.log_records.add(
        time_unix_nano=NOW_NS, observed_time_unix_nano=5, severity_number=9, severity_text="INFO",
        flags=1, trace_id=b"t" * 16, span_id=b"s" * 8, event_name="gen_ai.evaluation.result",
    )  # fmt: skip
    record.attributes.add(key="gen_ai.evaluation.score.value").value.double_value = 0.75
    scope.log_records.add(observed_time_unix_nano=NOW_NS + 2, trace_id=b"short")
    insert(viewed_store, LOGS, request)
    first, second = viewed_store.query(
        "SELECT *, toUnixTimestamp64Nano(Timestamp) AS time_ns FROM otel_logs ORDER BY Timestamp"
    )
    expected = {
        "time_ns": record.time_unix_nano, "TraceId": (b"t" * 16).hex(), "SpanId": (b"s" * 8).hex(), "TraceFlags": 1,
        "SeverityText": "INFO", "SeverityNumber": 9, "ServiceName": "shop", "ResourceSchemaUrl": "https://resource",
        "ScopeSchemaUrl": "https://scope", "ScopeName": "events", "ScopeVersion": "2", "ScopeAttributes": {"a": "true"},
        "LogAttributes": {"gen_ai.evaluation.score.value": "0.75"}, "EventName": "gen_ai.evaluation.result",
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected
    assert (second["time_ns"], second["TraceId"]) == (NOW_NS + 2, "")


def test_a_time_that_cannot_be_is_replaced_and_kept(viewed_store: Store, make_traces: MakeTraces) -> None:
    month_ns = 31 * 24 * 3600 * 10**9
    times = [NOW_NS, 0, NOW_NS - month_ns, NOW_NS + month_ns, 2**63, 2**64 - 1]
    request, logs = make_traces(len(times)), ExportLogsServiceRequest()
    records = logs.resource_logs.add().scope_logs.add().log_records
    for span, time_ns in zip(request.resource_spans[0].scope_spans[0].spans, times, strict=True):
        span.start_time_unix_nano = time_ns
        records.add(time_unix_nano=time_ns)
    insert(viewed_store, TRACES, request)
    insert(viewed_store, LOGS, logs)
    for table, attributes in (("otel_traces", "SpanAttributes"), ("otel_logs", "LogAttributes")):
        rows = viewed_store.query(
            f"SELECT {attributes}['watchglass.original_time_unix_nano'] AS original, "
            "abs(dateDiff('second', Timestamp, now64(9))) < 3600 AS is_now "
            f"FROM {table} ORDER BY toUInt64OrZero(original), original"
        )
        assert [row["original"] for row in rows] == ["", *map(str, sorted(times[1:]))]
        assert all(row["is_now"] for row in rows)


def test_a_span_that_ends_before_it_starts_lasts_nothing(viewed_store: Store, make_traces: MakeTraces) -> None:
    request = make_traces(1)
    only_span(request).end_time_unix_nano = 1
    insert(viewed_store, TRACES, request)
    assert viewed_store.query("SELECT Duration FROM otel_traces") == [{"Duration": 0}]


def test_one_token_stores_once_in_every_table_even_over_many_days(viewed_store: Store, make_traces: MakeTraces) -> None:
    request = make_traces(300)
    now = datetime.now(UTC)
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        start_ns = int((now - timedelta(hours=number)).timestamp() * 1e9)
        span.start_time_unix_nano, span.end_time_unix_nano = start_ns, start_ns + 10**9
        span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
        span.attributes.add(key="gen_ai.provider.name").value.string_value = "openai"
        span.attributes.add(key="gen_ai.request.model").value.string_value = "gpt-4o"
    for _ in range(3):
        insert(viewed_store, TRACES, request, token="segment-1")
    counts = viewed_store.query(
        "SELECT (SELECT count() FROM otel_traces) AS traces, (SELECT count() FROM otel_traces_trace_id_ts) AS ids, "
        "(SELECT count() FROM llm_calls) AS calls, (SELECT sum(calls) FROM llm_calls_1m) AS rollup, "
        "(SELECT count() FROM llm_calls_by_time) AS by_time"
    )
    assert counts == [{"traces": 300, "ids": 300, "calls": 300, "rollup": 300, "by_time": 300}]


def test_what_no_exporter_sends_is_stored_too(viewed_store: Store) -> None:
    traces, logs = ExportTraceServiceRequest(), ExportLogsServiceRequest()
    traces.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    traces.resource_spans.add().scope_spans.add()
    logs.resource_logs.add().scope_logs.add().log_records.add().attributes.add()
    logs.resource_logs.add()
    insert(viewed_store, TRACES, traces)
    insert(viewed_store, LOGS, logs)
    assert viewed_store.query("SELECT ServiceName, SpanKind, StatusCode FROM otel_traces") == [
        {"ServiceName": "", "SpanKind": "Unspecified", "StatusCode": "Unset"}
    ]
    (log,) = viewed_store.query("SELECT ServiceName, Body, mapKeys(LogAttributes) AS keys FROM otel_logs")
    assert log == {"ServiceName": "", "Body": "", "keys": ["", "watchglass.original_time_unix_nano"]}
