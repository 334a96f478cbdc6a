"""Input and output of each kind, as OpenTelemetry GenAI attributes."""

from __future__ import annotations

import json
from typing import Any

import pytest

import watchglass
from watchglass import testing
from watchglass._internal.kinds import KINDS, messages


def recorded(kind: str, value: object, result: object) -> dict[str, Any]:
    with testing.capture() as captured:
        with watchglass.span("name", kind=kind) as span:
            span.set_input(value)
            span.set_output(result)
    return captured.spans[0].attributes


def test_the_operations_are_the_conventions() -> None:
    assert {name: kind.operation for name, kind in KINDS.items()} == {
        "chain": "chain",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "retrieval": "retrieval",
        "llm": "chat",
        "embeddings": "embeddings",
    }


@pytest.mark.parametrize(("kind", "more"), [("chain", {}), ("agent", {"gen_ai.agent.name": "name"})])
def test_chains_and_agents_keep_json(kind: str, more: dict[str, str]) -> None:
    assert recorded(kind, {"a": 1}, "b") == {
        "gen_ai.operation.name": KINDS[kind].operation,
        "watchglass.input": '{"a":1}',
        "watchglass.output": '"b"',
        **more,
    }


def test_tools_keep_arguments_and_result() -> None:
    assert recorded("tool", {"city": "Paris"}, {"celsius": 21}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "name",
        "gen_ai.tool.call.arguments": '{"city":"Paris"}',
        "gen_ai.tool.call.result": '{"celsius":21}',
    }


def test_retrieval_keeps_query_and_documents() -> None:
    documents = [
        "plain",
        {"page_content": "langchain", "id": "1"},
        {"text": "other", "score": 0.5},
        {"content": "ours"},
    ]
    attributes = recorded("retrieval", "what?", documents)
    assert attributes["gen_ai.retrieval.query.text"] == "what?"
    assert json.loads(attributes["gen_ai.retrieval.documents"]) == [
        {"content": "plain"},
        {"content": "langchain", "id": "1"},
        {"content": "other", "score": 0.5},
        {"content": "ours"},
    ]


def test_embeddings_keep_no_vectors() -> None:
    assert recorded("embeddings", ["a"], [[0.1] * 1536]) == {
        "gen_ai.operation.name": "embeddings",
        "watchglass.input": '["a"]',
    }


def test_llm_calls_keep_messages() -> None:
    attributes = recorded("llm", "hello", "hi")
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "hello"}]}
    ]
    assert json.loads(attributes["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}
    ]


def test_messages_of_openai_are_put_into_the_conventions_form() -> None:
    conversation = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": "u"}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}, "garbage"]},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
    ]  # fmt: skip
    assert messages(conversation, "user") == [
        {"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
        {"role": "user", "parts": [{"type": "text", "content": "look"}, {"type": "image_url", "image_url": "u"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": "{}"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "42"}]},
    ]


def test_messages_in_the_conventions_form_stay() -> None:
    message = {"role": "assistant", "parts": [{"type": "text", "content": "x"}], "finish_reason": "stop"}
    assert messages(message, "user") == [message]


@pytest.mark.parametrize("value", [None, 3, [], [1, 2], {"a": 1}, [{"a": 1}]])
def test_anything_else_becomes_one_text(value: object) -> None:
    (message,) = messages(value, "user")
    assert message["role"] == "user"
    assert json.loads(message["parts"][0]["content"]) == value


def test_an_unknown_kind_is_a_chain_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("nonsense", None, ["unhashable"]):
        assert recorded(kind, 1, 2)["gen_ai.operation.name"] == "chain"  # type: ignore[arg-type]  # garbage on purpose
    assert caplog.text.count("unknown kind") == 1
