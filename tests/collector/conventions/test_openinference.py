"""OpenInference's numbered keys on single spans."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]

I, O = "llm.input_messages", "llm.output_messages"  # noqa: E741


def test_a_chat_call(span: Span) -> None:
    call = span(
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "anthropic",
            "llm.model_name": "claude-x",
            "llm.invocation_parameters": '{"model": "claude", "temperature": 0.5, "max_tokens": 9, "stop": ["a"]}',
            "llm.token_count.prompt": "10",
            "llm.token_count.completion": "4",
            "llm.token_count.prompt_details.cache_write": "6",
            "llm.finish_reason": "tool_use",
            "output.value": '{"id": "msg_1", "content": []}',
            f"{I}.0.message.role": "system",
            f"{I}.0.message.content": "Be terse.",
            f"{I}.1.message.role": "user",
            f"{I}.1.message.contents.0.message_content.type": "text",
            f"{I}.1.message.contents.0.message_content.text": 'Say "hi"',
            f"{I}.1.message.contents.1.message_content.type": "image",
            f"{I}.1.message.contents.1.message_content.image.image.url": "data:image/png;base64,AA",
            f"{I}.2.message.role": "tool",
            f"{I}.2.message.tool_call_id": "t0",
            f"{I}.2.message.content": "14",
            f"{I}.10.message.role": "user",
            f"{I}.10.message.content": "And now?",
            f"{O}.0.message.role": "assistant",
            f"{O}.0.message.content": "Looking.",
            f"{O}.0.message.tool_calls.1.tool_call.id": "t2",
            f"{O}.0.message.tool_calls.1.tool_call.function.name": "time",
            f"{O}.0.message.tool_calls.0.tool_call.id": "t1",
            f"{O}.0.message.tool_calls.0.tool_call.function.name": "weather",
            f"{O}.0.message.tool_calls.0.tool_call.function.arguments": '{"city": "Rome"}',
            "llm.tools.1.tool.json_schema": '{"name": "time"}',
            "llm.tools.0.tool.json_schema": '{"name": "weather"}',
            "session.id": "s",
            "user.id": "u",
        }
    )
    wanted = {
        "convention": "openinference",
        "operation_name": "chat",
        "provider_name": "anthropic",
        "request_model": "claude",
        "response_model": "claude-x",
        "response_id": "msg_1",
        "request_temperature": 0.5,
        "request_max_tokens": 9,
        "usage_input_tokens": 10,
        "usage_output_tokens": 4,
        "usage_cache_write_input_tokens": 6,
        "finish_reasons": ["tool_use"],
        "prompt_text": "And now?",
        "response_text": "Looking.",
        "conversation_id": "s",
        "user_id": "u",
    }
    assert {name: call[name] for name in wanted} == wanted
    assert json.loads(call["input_messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be terse."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": 'Say "hi"'},
                {"type": "uri", "modality": "image", "uri": "data:image/png;base64,AA"},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t0", "response": "14"}]},
        {"role": "user", "parts": [{"type": "text", "content": "And now?"}]},
    ]
    assert json.loads(call["output_messages"]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Looking."},
                {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Rome"}},
                {"type": "tool_call", "id": "t2", "name": "time", "arguments": ""},
            ],
        }
    ]
    assert json.loads(call["tool_definitions"]) == [{"name": "weather"}, {"name": "time"}]


def test_retrieval(span: Span) -> None:
    documents = "retrieval.documents"
    call = span(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "refund?",
            "output.value": '{"documents": []}',
            f"{documents}.0.document.id": "1",
            f"{documents}.0.document.content": "30 days.",
            f"{documents}.0.document.score": "0.5",
            f"{documents}.0.document.metadata": '{"page": 1}',
            f"{documents}.1.document.content": "Ask us.",
        }
    )
    assert (call["operation_name"], call["prompt_text"], call["response_text"]) == ("retrieval", "refund?", "")
    assert call["context_text"] == "30 days.\n\nAsk us."
    assert json.loads(call["retrieval_documents"]) == [
        {"id": "1", "content": "30 days.", "score": 0.5, "metadata": {"page": 1}},
        {"content": "Ask us."},
    ]


def test_tool_and_chain(span: Span) -> None:
    tool = span(
        {"openinference.span.kind": "TOOL", "tool.name": "w", "input.value": '{"city": "Rome"}', "output.value": "14"},
        SpanId="1" * 16,
    )
    assert (tool["operation_name"], tool["tool_name"]) == ("execute_tool", "w")
    assert (tool["tool_call_arguments"], tool["tool_call_result"]) == ('{"city": "Rome"}', "14")
    assert (tool["prompt_text"], tool["response_text"]) == ("", "")
    chain = span({"openinference.span.kind": "CHAIN", "input.value": "q", "output.value": "a"}, SpanId="2" * 16)
    assert (chain["operation_name"], chain["prompt_text"], chain["response_text"]) == ("chain", "q", "a")
    assert json.loads(chain["output_messages"]) == [{"role": "assistant", "parts": [{"type": "text", "content": "a"}]}]


def test_embeddings(span: Span) -> None:
    call = span(
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "e",
            "embedding.embeddings.0.embedding.text": "what to embed",
            "embedding.embeddings.0.embedding.vector": "[0.1,0.2]",
            "llm.token_count.prompt": "7",
        }
    )
    assert (call["operation_name"], call["prompt_text"], call["request_model"]) == ("embeddings", "what to embed", "e")
    assert call["response_text"] == ""


def test_time_to_first_token_is_an_event(span: Span) -> None:
    call = span(
        {"openinference.span.kind": "LLM"},
        Timestamp="1795219292.000000000",
        **{
            "Events.Timestamp": ["1795219292.250000000"],
            "Events.Name": ["First Token Stream Event"],
            "Events.Attributes": [{}],
        },
    )
    assert call["time_to_first_token_s"] == 0.25
