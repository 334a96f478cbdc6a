"""Langfuse's observations."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]
USAGE = {
    "completion_tokens": 40,
    "prompt_tokens": 16,
    "total_tokens": 56,
    "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": 24},
    "prompt_tokens_details": {"cached_tokens": 4},
}


def observed(**attributes: object) -> dict[str, str]:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in attributes.items()}
    return {f"langfuse.observation.{name.replace('__', '.')}": value for name, value in texts.items()}


def test_a_generation(span: Span) -> None:
    call = span(
        {
            **observed(
                type="generation",
                model__name="gpt-4o-2024-08-06",
                model__parameters={"temperature": 0.7, "max_tokens": "Infinity", "top_p": 1},
                input={"tools": [{"type": "function"}], "messages": [{"role": "user", "content": "Hi"}]},
                output={"role": "assistant", "content": "Hello"},
                usage_details=USAGE,
                metadata__finish_reason='"stop"',
                completion_start_time='"2026-11-21T00:00:01.500Z"',
                prompt__name="greet",
                prompt__version="3",
            ),
            "session.id": "s",
            "user.id": "u",
        },
        Timestamp="2026-11-21 00:00:01.000000000",
    )
    wanted = {
        "convention": "langfuse",
        "operation_name": "chat",
        "response_model": "gpt-4o-2024-08-06",
        "request_temperature": 0.7,
        "request_top_p": None,
        "request_max_tokens": None,
        "prompt_text": "Hi",
        "response_text": "Hello",
        "tool_definitions": '[{"type":"function"}]',
        "usage_input_tokens": 16,
        "usage_output_tokens": 40,
        "usage_cache_read_input_tokens": 4,
        "usage_reasoning_output_tokens": 24,
        "finish_reasons": ["stop"],
        "time_to_first_token_s": 0.5,
        "prompt_name": "greet",
        "prompt_version": "3",
        "conversation_id": "s",
        "user_id": "u",
    }
    assert {
        name: call[name].replace(" ", "") if name == "tool_definitions" else call[name] for name in wanted
    } == wanted


def test_plain_text_and_usage_by_hand(span: Span) -> None:
    call = span(observed(type="generation", input="fail [[429]]", output="no", usage_details={"input": 8, "output": 9}))
    assert (call["prompt_text"], call["response_text"]) == ("fail [[429]]", "no")
    assert (call["usage_input_tokens"], call["usage_output_tokens"]) == (8, 9)


def test_an_error_level_is_an_error(span: Span) -> None:
    call = span(observed(type="generation", level="ERROR", status_message="Error code: 500"))
    assert (call["error_type"], call["error_message"]) == ("ERROR", "Error code: 500")
    assert span(observed(type="span", level="WARNING"), SpanId="2" * 16)["error_type"] == ""


def test_tools_agents_and_retrievers_are_named_by_their_spans(span: Span) -> None:
    tool = span(observed(type="tool", input={"city": "Rome"}, output="14"), SpanName="get_weather")
    assert (tool["tool_name"], tool["tool_call_result"]) == ("get_weather", "14")
    agent = span(observed(type="agent", input="go"), SpanName="planner", SpanId="2" * 16)
    assert (agent["operation_name"], agent["agent_name"]) == ("invoke_agent", "planner")
    documents = [{"id": "1", "content": "In the EU."}]
    found = span(observed(type="retriever", input="where?", output=documents), SpanId="3" * 16)
    assert (found["prompt_text"], found["context_text"]) == ("where?", "In the EU.")
