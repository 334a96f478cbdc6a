"""MLflow over OTLP: values are JSON, messages are the provider's request and response."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def test_a_call_in_the_providers_own_form(span: Span) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"city": "Rome"}'}}
    message = {"role": "assistant", "content": "Sure.", "refusal": None, "tool_calls": [call]}
    found = span(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}),
            "mlflow.spanOutputs": json.dumps({"id": "r-1", "choices": [{"finish_reason": "stop", "message": message}]}),
            "mlflow.chat.tokenUsage": '{"input_tokens": 42, "output_tokens": 7, "cache_read_input_tokens": 5}',
            "mlflow.llm.model": '"gpt-4o-2024"',
            "mlflow.llm.provider": '"openai"',
            "model": '"gpt-4o"',
            "temperature": "0.2",
            "user": '"u"',
        }
    )
    wanted = {
        "convention": "mlflow",
        "operation_name": "chat",
        "provider_name": "openai",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024",
        "response_id": "r-1",
        "prompt_text": "Hi",
        "response_text": "Sure.",
        "usage_input_tokens": 42,
        "usage_output_tokens": 7,
        "usage_cache_read_input_tokens": 5,
        "request_temperature": 0.2,
        "finish_reasons": ["stop"],
        "user_id": "u",
    }
    assert {name: found[name] for name in wanted} == wanted
    assert json.loads(found["output_messages"])[0]["parts"][1]["arguments"] == {"city": "Rome"}


def test_openai_responses_and_anthropic(span: Span) -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Canberra"}]},
        {"type": "function_call", "call_id": "c1", "name": "w", "arguments": "{}"},
    ]
    kind = {"mlflow.spanType": '"LLM"'}
    call = span(
        {**kind, "mlflow.spanInputs": '{"input": "Capital?"}', "mlflow.spanOutputs": json.dumps({"output": output})}
    )
    assert (call["prompt_text"], call["response_text"]) == ("Capital?", "Canberra")
    parts = [part["type"] for message in json.loads(call["output_messages"]) for part in message["parts"]]
    assert parts == ["reasoning", "text", "tool_call"]
    content = [{"type": "text", "text": "Looking."}, {"type": "tool_use", "id": "t1", "name": "w", "input": {"a": 1}}]
    reply = {"role": "assistant", "content": content, "stop_reason": "tool_use"}
    call = span({**kind, "mlflow.spanOutputs": json.dumps(reply)}, SpanId="2" * 16)
    assert (call["response_text"], call["finish_reasons"]) == ("Looking.", ["tool_use"])
    assert json.loads(call["output_messages"])[0]["parts"][1]["arguments"] == {"a": 1}


def test_a_tool_and_a_retriever(span: Span) -> None:
    tool = span({"mlflow.spanType": '"TOOL"', "mlflow.spanInputs": "{}", "mlflow.spanOutputs": '"14 °C"'}, SpanName="w")
    assert (tool["tool_name"], tool["tool_call_result"], tool["tool_call_arguments"]) == ("w", "14 °C", "{}")
    documents = [{"page_content": "In the EU.", "id": "1"}]
    found = {"mlflow.spanType": '"RETRIEVER"', "mlflow.spanOutputs": json.dumps(documents)}
    assert span(found, SpanId="2" * 16)["context_text"] == "In the EU."


def test_the_genai_flag(span: Span) -> None:
    flagged = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-2024", "model": '"gpt-4o"'}
    call = span(flagged, scope="mlflow.tracing.provider")
    assert (call["convention"], call["operation_name"], call["request_model"]) == ("mlflow", "chat", "gpt-4o")
