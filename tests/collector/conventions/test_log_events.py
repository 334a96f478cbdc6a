"""Messages that arrive as log events, in whatever order they and their span come."""

import json
from collections.abc import Callable
from typing import Any

from watchglass_store import Store

Span = Callable[..., dict[str, Any]]
Log = Callable[..., None]


def text(role: str, content: str, **more: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}], **more}


def test_one_event_for_each_message(span: Span, log: Log) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"city": "Rome"}'}}
    log("gen_ai.system.message", {"content": "Be terse."})
    log("gen_ai.user.message", {"content": "Weather?"})
    log("gen_ai.assistant.message", {"tool_calls": [call]})
    log("gen_ai.tool.message", {"id": "c1", "content": "14"})
    log("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "14 °C"}})
    row = span({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"})
    assert (row["prompt_text"], row["response_text"], row["finish_reasons"]) == ("Weather?", "14 °C", ["stop"])
    assert json.loads(row["system_instructions"]) == [{"type": "text", "content": "Be terse."}]
    assert json.loads(row["input_messages"]) == [
        text("user", "Weather?"),
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "w", "arguments": {"city": "Rome"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "14"}]},
    ]
    assert json.loads(row["output_messages"]) == [text("assistant", "14 °C", finish_reason="stop")]


def test_choices_with_their_calls_beside_the_message(span: Span, log: Log) -> None:
    call = {"id": "c1", "function": {"name": "w", "arguments": {"city": "Rome"}}, "type": "function"}
    log("gen_ai.choice", {"index": 0, "message": {"content": "Looking."}, "finish_reason": "tool_call"})
    log("gen_ai.choice", {"index": 1, "message": {"content": None}, "finish_reason": "tool_call", "tool_calls": [call]})
    row = span({"gen_ai.operation.name": "chat"})
    assert row["response_text"] == "Looking."
    assert json.loads(row["output_messages"])[1]["parts"] == [
        {"type": "tool_call", "id": "c1", "name": "w", "arguments": {"city": "Rome"}}
    ]


def test_litellm_names_its_event_in_an_attribute(span: Span, log: Log) -> None:
    log("", {"role": "user", "content": "hi"}, {"event_name": "gen_ai.content.prompt"})
    log(
        "", {"index": 0, "message": {"role": "assistant", "content": "ho"}}, {"event_name": "gen_ai.content.completion"}
    )
    row = span({"gen_ai.operation.name": "chat"})
    assert (row["prompt_text"], row["response_text"]) == ("hi", "ho")


def test_one_event_for_the_call(span: Span, log: Log) -> None:
    attributes = {
        "gen_ai.input.messages": json.dumps([text("user", "hi")]),
        "gen_ai.output.messages": json.dumps([text("assistant", "ho", finish_reason="stop")]),
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be terse."}]),
    }
    before = span({"gen_ai.operation.name": "chat"})
    assert (before["prompt_text"], before["input_messages"]) == ("", "")
    log("gen_ai.client.inference.operation.details", "", attributes)
    row = span({"gen_ai.operation.name": "chat"})
    assert (row["prompt_text"], row["response_text"]) == ("hi", "ho")
    assert json.loads(row["input_messages"]) == [text("user", "hi")]
    assert json.loads(row["system_instructions"]) == [{"type": "text", "content": "Be terse."}]


def test_what_the_span_says_wins(span: Span, log: Log) -> None:
    log("gen_ai.client.inference.operation.details", "", {"gen_ai.input.messages": json.dumps([text("user", "event")])})
    row = span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps([text("user", "span")])})
    log("gen_ai.user.message", {"content": "event"})
    assert row["prompt_text"] == "span"


def test_an_event_alone_is_no_call(converted: Store, log: Log) -> None:
    log("gen_ai.user.message", {"content": "hi"})
    assert converted.query("SELECT span_id FROM llm_calls") == []
    assert converted.query("SELECT count() AS n FROM llm_calls_1m") == [{"n": 0}]


def test_odd_bodies(span: Span, log: Log) -> None:
    log("gen_ai.user.message", "just text")
    log("gen_ai.user.message", {"content": [{"type": "text", "text": "in parts"}]})
    log("gen_ai.choice", {"index": 0, "message": {"content": [0.1, 0.2]}})
    log("gen_ai.choice", "")
    row = span({"gen_ai.operation.name": "chat"})
    assert json.loads(row["input_messages"]) == [text("user", "just text"), text("user", "in parts")]
    assert row["response_text"] == ""
