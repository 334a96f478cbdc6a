"""OpenTelemetry's keys on single spans."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def text(role: str, content: str, **more: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}], **more}


def test_a_chat_call(span: Span) -> None:
    messages = [text("system", "Be terse."), text("user", "Hi"), text("assistant", "Yes?"), text("user", "Why is sky?")]
    call = span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024",
            "gen_ai.response.id": "r-1",
            "gen_ai.request.temperature": "0",
            "gen_ai.request.top_p": "0.9",
            "gen_ai.request.max_tokens": "256",
            "gen_ai.usage.input_tokens": "42",
            "gen_ai.usage.output_tokens": "7.0",
            "gen_ai.usage.cache_creation.input_tokens": "5",
            "gen_ai.usage.cache_read.input_tokens": "0",
            "gen_ai.response.finish_reasons": '["stop"]',
            "gen_ai.response.time_to_first_chunk": "0.25",
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.output.messages": json.dumps([text("assistant", "Rayleigh", finish_reason="stop")]),
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be terse."}]),
            "gen_ai.conversation.id": "c-1",
            "session.id": "s-1",
            "user.id": "u-1",
            "gen_ai.prompt.name": "sky",
            "gen_ai.prompt.version": "3",
            "watchglass.reference.text": "scattering",
        },
        resource={"deployment.environment.name": "prod", "service.namespace": "shop", "service.version": "1.4.2"},
    )
    wanted = {
        "convention": "otel_genai",
        "operation_name": "chat",
        "provider_name": "openai",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024",
        "response_id": "r-1",
        "request_temperature": 0.0,
        "request_top_p": 0.9,
        "request_max_tokens": 256,
        "usage_input_tokens": 42,
        "usage_output_tokens": 7,
        "usage_cache_write_input_tokens": 5,
        "usage_cache_read_input_tokens": 0,
        "usage_reasoning_output_tokens": None,
        "finish_reasons": ["stop"],
        "time_to_first_token_s": 0.25,
        "prompt_text": "Why is sky?",
        "response_text": "Rayleigh",
        "conversation_id": "c-1",
        "user_id": "u-1",
        "prompt_name": "sky",
        "prompt_version": "3",
        "reference_text": "scattering",
        "environment": "prod",
        "project": "shop",
        "service_name": "app",
        "service_version": "1.4.2",
        "duration_s": 1.5,
        "error_type": "",
    }
    assert {name: call[name] for name in wanted} == wanted
    assert json.loads(call["input_messages"]) == messages
    assert json.loads(call["system_instructions"]) == [{"type": "text", "content": "Be terse."}]


def test_a_turn_of_tool_calls_has_messages_but_no_answer_text(span: Span) -> None:
    said = [{"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "weather", "arguments": {}}]}]
    call = span({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(said)})
    assert call["response_text"] == ""
    assert json.loads(call["output_messages"]) == said


def test_two_choices_and_reasoning(span: Span) -> None:
    first = {
        "role": "assistant",
        "parts": [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "red"}],
        "finish_reason": "length",
    }
    said = [first, text("assistant", "blue", finish_reason="length")]
    call = span({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(said)})
    assert call["response_text"] == "red\nblue"
    assert call["finish_reasons"] == ["length"]


def test_a_refusal_is_an_answer(span: Span) -> None:
    said = [{"role": "assistant", "parts": [{"type": "refusal", "content": "I won't."}]}]
    assert (
        span({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(said)})["response_text"]
        == "I won't."
    )


def test_messages_in_the_providers_form_are_rebuilt(span: Span) -> None:
    messages = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Weather?"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"city": "Rome"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "14 °C"},
    ]
    call = span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages)})
    assert json.loads(call["input_messages"]) == [
        {
            "role": "user",
            "parts": [{"type": "text", "content": "Weather?"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "w", "arguments": {"city": "Rome"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "14 °C"}]},
    ]
    assert call["prompt_text"] == "Weather?"


def test_plain_text_becomes_a_message(span: Span) -> None:
    call = span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": "{not json",
            "gen_ai.output.messages": '"done ✅"',
            "gen_ai.system_instructions": "Be brief.",
        }
    )
    assert (call["prompt_text"], call["response_text"]) == ("{not json", "done ✅")
    assert json.loads(call["output_messages"]) == [text("assistant", "done ✅")]
    assert json.loads(call["system_instructions"]) == [{"type": "text", "content": "Be brief."}]


def test_a_retrieval(span: Span) -> None:
    documents = [
        {"id": "1", "content": "Within the EU."},
        {"id": "2", "score": 0.5},
        {"id": "3", "content": "30 days."},
    ]
    call = span(
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.retrieval.query.text": "shipping?",
            "gen_ai.retrieval.documents": json.dumps(documents),
        }
    )
    assert (call["operation_name"], call["prompt_text"]) == ("retrieval", "shipping?")
    assert call["context_text"] == "Within the EU.\n\n30 days."
    assert json.loads(call["retrieval_documents"]) == documents


def test_a_tool(span: Span) -> None:
    call = span(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.id": "c1",
            "gen_ai.tool.call.arguments": '{"city": "Rome"}',
            "gen_ai.tool.call.result": "14",
        }
    )
    wanted = ("execute_tool", "weather", "c1", '{"city": "Rome"}', "14")
    names = ("operation_name", "tool_name", "tool_call_id", "tool_call_arguments", "tool_call_result")
    assert tuple(call[name] for name in names) == wanted


def test_errors(span: Span) -> None:
    chat = {"gen_ai.operation.name": "chat"}
    failed = {"StatusCode": "Error", "StatusMessage": "429"}
    exception = {
        "Events.Timestamp": ["1"],
        "Events.Name": ["exception"],
        "Events.Attributes": [{"exception.type": "openai.RateLimitError", "exception.message": "slow down"}],
    }
    calls = [
        span({**chat, "error.type": "timeout"}, SpanId="1" * 16, **failed),
        span(chat, SpanId="2" * 16, **failed, **exception),
        span(chat, SpanId="3" * 16, StatusCode="Error", **exception),
        span(chat, SpanId="4" * 16, StatusCode="STATUS_CODE_ERROR"),
        span(chat, SpanId="5" * 16, **exception),
    ]
    assert [(call["error_type"], call["error_message"]) for call in calls] == [
        ("timeout", "429"),
        ("openai.RateLimitError", "429"),
        ("openai.RateLimitError", "slow down"),
        ("_OTHER", ""),
        ("", ""),
    ]


def test_older_names(span: Span) -> None:
    call = span({"gen_ai.system": "openai", "gen_ai.request.model": "m", "gen_ai.usage.prompt_tokens": "3"})
    assert (call["operation_name"], call["provider_name"], call["usage_input_tokens"]) == ("chat", "openai", 3)


def test_a_span_of_something_else_is_no_call(span: Span) -> None:
    assert span({"http.request.method": "GET", "session.id": "s", "user.id": "u"}) == {}


def test_an_unknown_operation_is_a_step(span: Span) -> None:
    assert span({"gen_ai.operation.name": "agent_step"})["operation_name"] == "chain"


def test_the_project_of_the_key_goes_before_what_a_client_says(span: Span) -> None:
    resource = {"watchglass.project": "shop", "openinference.project.name": "other", "service.namespace": "third"}
    assert span({"gen_ai.operation.name": "chat"}, resource=resource)["project"] == "shop"
