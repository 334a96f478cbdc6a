"""LiteLLM's callback and its proxy."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def test_a_call_of_version_1(span: Span) -> None:
    empty = [{"role": "assistant", "parts": [], "finish_reason": "tool_calls"}]
    call = span(
        {
            "litellm.call_id": "1",
            "gen_ai.operation.name": "acompletion",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.output.messages": json.dumps(empty),
            "gen_ai.completion.0.function_call.name": "w",
            "gen_ai.completion.0.function_call.arguments": '{"city": "Rome"}',
            "gen_ai.response.finish_reasons": '"[\\"tool_calls\\"]"',
            "gen_ai.system_instructions": "Be terse.",
            "gen_ai.cost.total_cost": "2.55e-05",
            "llm.request.functions.0.name": "w",
            "llm.user": "u",
        },
        scope="litellm",
    )
    wanted = {
        "convention": "litellm",
        "operation_name": "chat",
        "finish_reasons": ["tool_calls"],
        "cost_usd": 2.55e-05,
        "user_id": "u",
        "tool_definitions": '[{"name":"w"}]',
    }
    assert {name: call[name] for name in wanted} == wanted
    assert json.loads(call["output_messages"])[0]["parts"][0]["arguments"] == {"city": "Rome"}


def test_the_raw_request_is_no_second_call(span: Span) -> None:
    raw = {"llm.openai.model": "gpt-4o", "llm.openai.messages": "[{'role': 'user'}]", "llm.openai.output": "x"}
    assert span(raw, scope="litellm") == {}


def test_a_call_of_the_proxy_2(span: Span) -> None:
    asked = [{"role": "user", "content": "Hi"}]
    call = span(
        {
            "litellm.call_type": "acompletion",
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(asked),
            "litellm.cost.total": "0.1",
            "litellm.metadata.user_api_key_end_user_id": "u",
            "gen_ai.tool.0.name": "w",
            "gen_ai.response.time_to_first_chunk": "0.5",
        }
    )
    assert (call["prompt_text"], call["cost_usd"], call["user_id"]) == ("Hi", 0.1, "u")
    assert (call["tool_definitions"], call["time_to_first_token_s"]) == ('[{"name":"w"}]', 0.5)
