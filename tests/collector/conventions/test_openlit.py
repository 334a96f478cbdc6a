"""OpenLIT's own keys, and the values that nobody has set."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.sdk.version": "2.54.0",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.request.temperature": "1",
    "gen_ai.request.top_p": "1.0",
    "gen_ai.request.max_tokens": "-1",
    "gen_ai.server.time_to_first_token": "0.25",
    "gen_ai.usage.cost": "0.0004",
}


def test_defaults_that_the_client_invents_are_not_parameters(span: Span) -> None:
    call = span({**CHAT, "gen_ai.request.stream": "true"})
    assert (call["convention"], call["cost_usd"]) == ("openlit", 0.0004)
    assert (call["request_temperature"], call["request_top_p"], call["request_max_tokens"]) == (None, None, None)
    assert span({**CHAT, "gen_ai.request.temperature": "0.2"}, SpanId="2" * 16)["request_temperature"] == 0.2


def test_time_to_the_first_token_means_something_in_a_stream_only(span: Span) -> None:
    assert span({**CHAT, "gen_ai.request.stream": "true"}, SpanId="1" * 16)["time_to_first_token_s"] == 0.25
    assert span({**CHAT, "gen_ai.request.stream": "false"}, SpanId="2" * 16)["time_to_first_token_s"] is None


def test_a_content_list_inside_a_part_is_unpacked(span: Span) -> None:
    inner = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "again"}]
    said = [{"role": "user", "parts": [{"type": "text", "content": inner}]}]
    call = span({**CHAT, "gen_ai.input.messages": json.dumps(said), "gen_ai.output.messages": "done ✅"})
    assert (call["prompt_text"], call["response_text"]) == ("Hello\nagain", "done ✅")


def test_a_workflow_and_a_tool(span: Span) -> None:
    flow = span(
        {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.sdk.version": "1",
            "gen_ai.workflow.input": '"How long?"',
            "gen_ai.workflow.output": "30 days",
        }
    )
    assert (flow["operation_name"], flow["prompt_text"], flow["response_text"]) == (
        "invoke_workflow",
        "How long?",
        "30 days",
    )
    failed = {"gen_ai.operation.name": "execute_tool", "gen_ai.sdk.version": "1", "gen_ai.tool.name": "broken"}
    failed |= {"error.type": "ValueError", "gen_ai.framework.error.message": "boom 💥", "gen_ai.tool.args": "{}"}
    tool = span(failed, SpanId="2" * 16, StatusCode="Error")
    assert (tool["tool_name"], tool["tool_call_arguments"], tool["error_message"]) == ("broken", "{}", "boom 💥")
