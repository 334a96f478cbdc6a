"""Vercel's AI SDK 6 and 7."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def test_a_call_of_version_6(span: Span) -> None:
    calls = [{"toolCallId": "c1", "toolName": "get_weather", "input": '{"city": "Paris"}'}]
    asked = [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "c0", "toolName": "w", "output": {"type": "text"}}],
        },
    ]
    call = span(
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.id": "gpt-4o",
            "ai.model.provider": "openai.chat",
            "gen_ai.system": "openai.chat",
            "ai.prompt.messages": json.dumps(asked),
            "ai.schema": '{"type":"object"}',
            "ai.prompt.tools": '["{\\"name\\":\\"get_weather\\"}"]',
            "ai.response.text": "I'll look that up.",
            "ai.response.reasoning": "Hm.",
            "ai.response.toolCalls": json.dumps(calls),
            "ai.response.finishReason": "tool-calls",
            "gen_ai.response.finish_reasons": '["tool-calls"]',
            "ai.response.msToFirstChunk": "65.4",
            "ai.settings.maxOutputTokens": "256",
            "ai.usage.inputTokens": "91",
            "ai.usage.outputTokens": "17",
            "ai.usage.inputTokenDetails.cacheReadTokens": "5",
            "ai.usage.reasoningTokens": "3",
            "ai.telemetry.functionId": "weather-agent",
            "ai.telemetry.metadata.userId": "u",
            "ai.telemetry.metadata.sessionId": "s",
            "ai.telemetry.metadata.promptName": "p",
            "ai.telemetry.metadata.promptVersion": "3",
        },
        scope="ai",
    )
    wanted = {
        "convention": "vercel_ai",
        "operation_name": "chat",
        "provider_name": "openai",
        "prompt_text": "Weather?",
        "output_schema": '{"type":"object"}',
        "response_text": "I'll look that up.",
        "finish_reasons": ["tool_calls"],
        "time_to_first_token_s": 0.0654,
        "request_max_tokens": 256,
        "usage_input_tokens": 91,
        "usage_cache_read_input_tokens": 5,
        "usage_reasoning_output_tokens": 3,
        "agent_name": "weather-agent",
        "user_id": "u",
        "conversation_id": "s",
        "prompt_name": "p",
        "prompt_version": "3",
    }
    assert {name: call[name] for name in wanted} == wanted
    assert json.loads(call["output_messages"])[0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "I'll look that up."},
        {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}},
    ]
    assert json.loads(call["input_messages"])[2]["parts"] == [
        {"type": "tool_call_response", "id": "c0", "response": {"type": "text"}}
    ]


def test_a_wrapper_is_an_agent_whose_usage_is_not_counted(span: Span) -> None:
    prompt = {"system": "Be terse.", "messages": [{"role": "user", "content": "Why?"}]}
    call = span(
        {
            "ai.operationId": "ai.generateText",
            "ai.prompt": json.dumps(prompt),
            "ai.response.text": "Because.",
            "ai.usage.promptTokens": "9",
        }
    )
    assert (call["operation_name"], call["usage_input_tokens"]) == ("invoke_agent", 9)
    assert (call["prompt_text"], call["response_text"]) == ("Why?", "Because.")
    assert (
        span({"ai.operationId": "ai.generateObject", "ai.prompt": '{"prompt": "City?"}'}, SpanId="2" * 16)[
            "prompt_text"
        ]
        == "City?"
    )


def test_tools_and_embeddings_of_version_6(span: Span) -> None:
    tool = span(
        {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "w", "ai.toolCall.id": "1", "ai.toolCall.args": "{}"}
    )
    assert (tool["operation_name"], tool["tool_name"], tool["tool_call_arguments"]) == ("execute_tool", "w", "{}")
    values = {"ai.operationId": "ai.embedMany.doEmbed", "ai.values": '["\\"a b\\""]', "ai.usage.tokens": "22"}
    call = span(values, SpanId="2" * 16)
    assert (call["operation_name"], call["usage_input_tokens"]) == ("embeddings", 22)


def test_a_step_of_version_7_is_no_call_of_a_model(span: Span) -> None:
    assert span({"gen_ai.operation.name": "agent_step"}, scope="gen_ai")["operation_name"] == "chain"
    chat = {"gen_ai.operation.name": "chat", "gen_ai.client.operation.time_to_first_chunk": "0.07"}
    call = span(chat, scope="gen_ai", SpanId="2" * 16)
    assert (call["convention"], call["operation_name"], call["time_to_first_token_s"]) == ("vercel_ai", "chat", 0.07)
