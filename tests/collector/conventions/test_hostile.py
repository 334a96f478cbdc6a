"""Values that no well-behaved client sends. None may fail an insert: everybody else's rows are in it too."""

import json
from collections.abc import Callable
from typing import Any

import orjson

from watchglass_collector.conventions import load
from watchglass_collector.conventions.log_views import DETAILS, EVALUATION, MESSAGE_EVENTS
from watchglass_store import Store

Span = Callable[..., dict[str, Any]]
Insert = Callable[..., None]

VALUES = {
    "empty": "",
    "word": "abc",
    "nan": "nan",
    "infinity": "-inf",
    "huge number": "9" * 400,
    "negative": "-1",
    "null": "null",
    "number": "7",
    "list": "[]",
    "list of lists": "[[[]]]",
    "list of null": "[null, 1, true, \"x\", {}]",
    "object": "{}",
    "wrong members": '[{"role": {"a": 1}, "parts": "no", "content": [1, [2], {"type": 3}], "tool_calls": {"x": 1}}]',
    "wrong parts": '[{"role": "user", "parts": [1, null, {"type": 5, "content": {"a": 1}}, "text"]}]',
    "cut off": '[{"role": "user", "parts": [{"type": "text", "content": "hel',
    "nul": "a\0b",
    "nul in json": '[{"role": "user", "parts": [{"type": "text", "content": "a\\u0000b"}]}]',
    "lone surrogate": '[{"role": "user", "parts": [{"type": "text", "content": "x \\ud83d y"}]}]',
    "deep list": "[" * 10_000 + "]" * 10_000,
    "deep object": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "deep part": '[{"role":"user","parts":[' + '{"type":"text","content":[' * 500 + "]}" * 500 + "]}]",
    "50 KB": "é" * 25_000,
    "quotes": "'\"\\`${}{}%s\u2028\u202e<script>",
}  # fmt: skip
NUMBERED = ("0", "65535", "65536", "99999999999999999999", "007")


def keys(index: str) -> list[str]:
    found = {key for convention in load() for sources in convention.fields.values() for key in sources}
    return [key.replace("#", index) for key in sorted(found)]


def rows_of(span_ids: list[str], store: Store) -> dict[str, dict[str, Any]]:
    calls = store.query("SELECT * FROM llm_calls WHERE has({ids:Array(String)}, span_id)", {"ids": span_ids})
    return {call["span_id"]: call for call in calls}


def assert_readable(call: dict[str, Any]) -> None:
    """Whoever reads the messages finds a JSON list, of objects. orjson: Python's own parser gives up at depth 1,000."""
    for column in ("input_messages", "output_messages"):
        assert all(isinstance(message, dict) for message in orjson.loads(call[column] or "[]"))
    assert isinstance(orjson.loads(call["system_instructions"] or "[]"), list)


def test_any_value_under_any_key(insert: Insert, converted: Store) -> None:
    marks = ("openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name")
    others = [key for key in keys("0") if not key.endswith((".span.kind", "operation.name"))]
    rows = {
        f"{value}/{mark}": {**dict.fromkeys(others, text), mark: "LLM"}
        for value, text in VALUES.items()
        for mark in marks
    }
    insert(
        "otel_traces",
        [{"SpanId": name, "SpanAttributes": attributes, "StatusCode": "Error"} for name, attributes in rows.items()],
    )
    calls = rows_of(list(rows), converted)
    assert calls.keys() == rows.keys()
    for call in calls.values():
        assert_readable(call)
        assert call["usage_input_tokens"] in (None, 7)


def test_any_log_event(insert: Insert, converted: Store) -> None:
    details = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")
    scored = ("gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label", "watchglass.score.source")
    insert("otel_traces", [{"SpanId": name, "SpanAttributes": {"gen_ai.operation.name": "chat"}} for name in VALUES])
    events = []
    for name, text in VALUES.items():
        wrapped = json.dumps({"message": text, "content": text, "finish_reason": text, "tool_calls": text})
        for event in MESSAGE_EVENTS:
            events += [(name, event, body, {}) for body in (text, wrapped, '{"content":' + text + "}")]
        events.append((name, DETAILS, text, dict.fromkeys(details, text)))
        events.append((name, EVALUATION, text, {"gen_ai.evaluation.name": "n", **dict.fromkeys(scored, text)}))
    insert(
        "otel_logs",
        [{"SpanId": name, "EventName": e, "Body": body, "LogAttributes": more} for name, e, body, more in events],
    )
    calls = rows_of(list(VALUES), converted)
    assert calls.keys() == VALUES.keys()
    for call in calls.values():
        assert_readable(call)
    assert len(converted.query("SELECT span_id FROM scores FINAL")) == len(VALUES)


def test_odd_numbers_in_keys(insert: Insert, converted: Store) -> None:
    kind = {"openinference.span.kind": "LLM"}
    rows = [{"SpanId": index, "SpanAttributes": kind | dict.fromkeys(keys(index), "x")} for index in NUMBERED]
    insert("otel_traces", rows)
    calls = rows_of(list(NUMBERED), converted)
    assert calls.keys() == {*NUMBERED}
    for call in calls.values():
        assert_readable(call)


def test_hostile_text_survives(span: Span) -> None:
    said = "a\0b \u202e<script>' \ud83d\ude00 \u2028"
    content = json.dumps([{"role": "user", "parts": [{"type": "text", "content": said}]}])
    call = span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": content})
    assert call["prompt_text"] == "a\0b \u202e<script>' 😀 \u2028"


def test_half_a_surrogate_pair_costs_only_itself(span: Span) -> None:
    content = '[{"role": "user", "parts": [{"type": "text", "content": "x \\ud83d y \\ud83d\\ude00 \\\\ud83d"}]}]'
    call = span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": content})
    assert call["prompt_text"] == "x  y 😀 \\ud83d"


def test_a_broken_clock_cannot_block_everybody(converted: Store) -> None:
    rows = [
        {
            "Timestamp": f"{year}-01-{day:02d} 00:00:00",
            "TraceId": "a" * 32,
            "SpanId": f"{year}{day:02d}".ljust(16, "0"),
            "SpanAttributes": {"gen_ai.operation.name": "chat"},
        }
        for year in range(1971, 2100, 4)
        for day in (1, 2)
    ]
    settings = {"max_partitions_per_insert_block": "0"}  # otel_traces itself is partitioned by the clients' clocks
    data = "\n".join(map(json.dumps, rows)).encode()
    converted.raw_insert("otel_traces", data, fmt="JSONEachRow", settings=settings)
    (found,) = converted.query(
        "SELECT uniqExact(hour) AS hours, min(hour) >= today() - 30 AS recent FROM llm_call_parts"
    )
    assert found["hours"] <= 3
    assert found["recent"]
