"""OpenLLMetry, new and old, on single spans."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]

SCOPE = "opentelemetry.instrumentation.openai.v1"


def test_a_chat_call(span: Span) -> None:
    call = span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.input.messages": '[{"role": "user", "parts": [{"content": "hi", "type": "text"}]}]',
            "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"content": "ho", "type": "text"}]}]',
            "gen_ai.usage.reasoning_tokens": "3",
            "traceloop.association.properties.session_id": "s",
            "traceloop.association.properties.user_id": "u",
            "traceloop.prompt.key": "greet",
            "traceloop.prompt.version": "2",
        }
    )
    names = (
        "convention",
        "prompt_text",
        "response_text",
        "conversation_id",
        "user_id",
        "prompt_name",
        "prompt_version",
    )
    assert tuple(call[name] for name in names) == ("openllmetry", "hi", "ho", "s", "u", "greet", "2")
    assert call["usage_reasoning_output_tokens"] == 3


def test_wrappers(span: Span) -> None:
    entity = {"traceloop.entity.name": "weather", "traceloop.entity.input": '{"args": []}'}
    tool = span(
        {**entity, "traceloop.span.kind": "tool", "traceloop.entity.output": '"{\\"c\\": 14}"'}, SpanId="1" * 16
    )
    assert (tool["operation_name"], tool["tool_name"], tool["agent_name"]) == ("execute_tool", "weather", "")
    assert (tool["tool_call_arguments"], tool["tool_call_result"]) == ('{"args": []}', '{"c": 14}')
    agent = span({**entity, "traceloop.span.kind": "agent", "traceloop.entity.output": '"fine"'}, SpanId="2" * 16)
    assert (agent["operation_name"], agent["agent_name"], agent["tool_name"]) == ("invoke_agent", "weather", "")
    assert (agent["prompt_text"], agent["response_text"]) == ('{"args": []}', "fine")
    kinds = {"workflow": "invoke_workflow", "task": "chain"}
    for place, (kind, operation) in enumerate(kinds.items()):
        assert span({"traceloop.span.kind": kind}, SpanId=f"{place + 3}" * 16)["operation_name"] == operation


def test_version_0_40(span: Span) -> None:
    call = span(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Weather?",
            "gen_ai.prompt.1.role": "assistant",
            "gen_ai.prompt.1.tool_calls.0.id": "c1",
            "gen_ai.prompt.1.tool_calls.0.name": "w",
            "gen_ai.prompt.1.tool_calls.0.arguments": '{"city": "Rome"}',
            "gen_ai.prompt.2.role": "tool",
            "gen_ai.prompt.2.tool_call_id": "c1",
            "gen_ai.prompt.2.content": "14",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "14 degrees",
            "gen_ai.completion.0.finish_reason": "stop",
            "gen_ai.usage.prompt_tokens": "5",
            "gen_ai.usage.completion_tokens": "2",
            "llm.request.functions.0.name": "w",
            "llm.request.functions.0.parameters": '{"type": "object"}',
        },
        scope=SCOPE,
    )
    names = ("convention", "operation_name", "prompt_text", "response_text", "usage_input_tokens", "finish_reasons")
    assert [call[name] for name in names] == ["openllmetry", "chat", "Weather?", "14 degrees", 5, ["stop"]]
    assert json.loads(call["input_messages"])[1:] == [
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "w", "arguments": {"city": "Rome"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "14"}]},
    ]
    assert json.loads(call["tool_definitions"]) == [{"name": "w", "parameters": {"type": "object"}}]
