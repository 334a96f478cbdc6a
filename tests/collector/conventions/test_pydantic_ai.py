"""Pydantic AI and Logfire."""

import json
from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def test_an_agent_whose_sums_are_not_counted(span: Span) -> None:
    agent = span(
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "helper",
            "pydantic_ai.all_messages": json.dumps([text("user", "Why?"), text("assistant", "Because.")]),
            "final_result": "Because.",
            "gen_ai.aggregated_usage.input_tokens": "42",
            "metadata": '{"user_id": "u", "session_id": "s"}',
        },
        scope="pydantic-ai",
    )
    wanted = ("pydantic_ai", "invoke_agent", "Why?", "Because.", None, 0, "u", "s")
    names = ("convention", "operation_name", "prompt_text", "response_text", "usage_input_tokens", "usage_counted")
    assert tuple(agent[name] for name in (*names, "user_id", "conversation_id")) == wanted


def test_a_model_call_and_its_cost(span: Span) -> None:
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.details.reasoning_tokens": "3",
        "operation.cost": "0.0004",
        "gen_ai.client.operation.time_to_first_chunk": "0.08",
        "gen_ai.response.finish_reasons": '"[\\"tool_call\\"]"',
    }
    call = span(chat, scope="pydantic-ai")
    names = ("usage_reasoning_output_tokens", "cost_usd", "time_to_first_token_s", "finish_reasons")
    assert tuple(call[name] for name in names) == (3, 0.0004, 0.08, ["tool_calls"])


def test_a_tool_of_format_2(span: Span) -> None:
    tool = {"gen_ai.tool.name": "w", "tool_arguments": "{}", "tool_response": "14"}
    call = span({**tool, "gen_ai.operation.name": "execute_tool"}, scope="pydantic-ai")
    assert (call["tool_name"], call["tool_call_arguments"], call["tool_call_result"]) == ("w", "{}", "14")


def test_events_of_openai_agents_are_split_into_question_and_answer(span: Span) -> None:
    asked = {"event.name": "gen_ai.user.message", "content": "Weather?", "role": "user"}
    chosen = {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Sunny"}}
    said = {"event.name": "gen_ai.assistant.message", "role": "assistant", "content": "Rainy"}
    mark = {"gen_ai.request.model": "gpt-4o"}
    for number, (answer, words) in enumerate(((chosen, "Sunny"), (said, "Rainy"))):
        events = {**mark, "events": json.dumps([asked, said, asked, answer])}
        call = span(events, scope="logfire.openai_agents", SpanId=f"{number}" * 16)
        assert (call["operation_name"], call["prompt_text"], call["response_text"]) == ("chat", "Weather?", words)
        assert len(json.loads(call["input_messages"])) == 3


def test_a_function_of_openai_agents(span: Span) -> None:
    function = {"logfire.msg_template": "Function: {name}", "name": "w", "input": "{}", "output": "14"}
    call = span(function, scope="logfire.openai_agents")
    assert (call["operation_name"], call["tool_name"], call["tool_call_result"]) == ("execute_tool", "w", "14")


def test_what_the_app_itself_logs_is_no_call(span: Span) -> None:
    assert span({"logfire.msg": "cart has 3 items", "n": "3"}, scope="logfire") == {}
