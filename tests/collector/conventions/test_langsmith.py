"""LangSmith's exporter: LangChain's serialized messages, token details as Python prints them."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def constructed(kind: str, **fields: object) -> dict[str, Any]:
    return {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", kind],
        "kwargs": {"type": {"HumanMessage": "human", "SystemMessage": "system", "AIMessage": "ai"}[kind], **fields},
    }


def test_a_model_call(span: Span) -> None:
    asked = {
        "messages": [[constructed("SystemMessage", content="Be terse."), constructed("HumanMessage", content="Hi")]]
    }
    call = {"name": "w", "args": {"city": "Rome"}, "id": "c1", "type": "tool_call"}
    answer = constructed(
        "AIMessage", content="Hello", tool_calls=[call], response_metadata={"finish_reason": "tool_calls"}
    )
    found = span(
        {
            "langsmith.span.kind": "llm",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.prompt": json.dumps(asked),
            "gen_ai.completion": json.dumps({"generations": [[{"text": "Hello", "message": answer}]]}),
            "gen_ai.usage.input_tokens": "12",
            "gen_ai.usage.output_tokens": "3",
            "gen_ai.usage.input_token_details": "{'audio': 0, 'cache_read': 5}",
            "gen_ai.usage.output_token_details": "{'audio': 0, 'reasoning': 2}",
            "langsmith.metadata.ls_model_name": "gpt-4o-mini",
            "langsmith.metadata.ls_temperature": "0.1",
            "langsmith.metadata.session_id": "s",
            "langsmith.metadata.user_id": "u",
        }
    )
    wanted = {
        "convention": "langsmith",
        "operation_name": "chat",
        "request_model": "gpt-4o-mini",
        "request_temperature": 0.1,
        "prompt_text": "Hi",
        "response_text": "Hello",
        "usage_input_tokens": 12,
        "usage_cache_read_input_tokens": 5,
        "usage_reasoning_output_tokens": 2,
        "finish_reasons": ["tool_calls"],
        "conversation_id": "s",
        "user_id": "u",
    }
    assert {name: found[name] for name in wanted} == wanted
    assert [message["role"] for message in json.loads(found["input_messages"])] == ["system", "user"]
    assert json.loads(found["output_messages"])[0]["parts"][1] == {
        "type": "tool_call",
        "id": "c1",
        "name": "w",
        "arguments": {"city": "Rome"},
    }


def test_a_retriever_that_calls_itself_embeddings(span: Span) -> None:
    document = {"lc": 1, "type": "constructor", "kwargs": {"page_content": "In the EU.", "metadata": {}}}
    found = span(
        {
            "langsmith.span.kind": "retriever",
            "gen_ai.operation.name": "embeddings",
            "gen_ai.prompt": '{"query": "where?"}',
            "gen_ai.completion": json.dumps({"documents": [document]}),
        }
    )
    assert (found["operation_name"], found["prompt_text"], found["context_text"]) == (
        "retrieval",
        "where?",
        "In the EU.",
    )
    assert json.loads(found["retrieval_documents"]) == [document]


def test_a_tool_and_a_chain(span: Span) -> None:
    io = {"gen_ai.prompt": '{"input": "{}"}', "gen_ai.completion": '{"output": 14}'}
    tool = span({"langsmith.span.kind": "tool", **io}, SpanName="w")
    assert (tool["operation_name"], tool["tool_name"], tool["tool_call_result"]) == (
        "execute_tool",
        "w",
        '{"output": 14}',
    )
    assert span({"langsmith.span.kind": "chain", **io}, SpanId="2" * 16)["operation_name"] == "chain"
