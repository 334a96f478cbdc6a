"""Clients that nobody knows, and spans that are about no model."""

from collections.abc import Callable
from typing import Any

import pytest

Span = Callable[..., dict[str, Any]]


def test_a_client_that_nobody_knows(span: Span) -> None:
    call = span(
        {
            "acme.llm.model": "acme-1",
            "acme.llm.prompt": "Why?",
            "acme.llm.completion": "Because.",
            "acme.usage.prompt_tokens": "9",
            "acme.usage.completion_tokens": "3",
            "acme.temperature": "0.5",
            "acme.stop_reason": "end",
            "user_id": "u",
        }
    )
    wanted = {
        "convention": "generic",
        "operation_name": "chat",
        "request_model": "acme-1",
        "prompt_text": "Why?",
        "response_text": "Because.",
        "usage_input_tokens": 9,
        "usage_output_tokens": 3,
        "request_temperature": 0.5,
        "finish_reasons": ["end"],
        "user_id": "u",
    }
    assert {name: call[name] for name in wanted} == wanted


def test_claude_code(span: Span) -> None:
    call = span({"model": "claude", "input_tokens": "9", "output_tokens": "1", "cache_read_tokens": "5"})
    assert (call["request_model"], call["usage_input_tokens"], call["usage_cache_read_input_tokens"]) == (
        "claude",
        9,
        5,
    )


def test_input_and_output_alone_are_a_step(span: Span) -> None:
    assert span({"genkit:input": "a", "genkit:output": "b"})["operation_name"] == "chain"


@pytest.mark.parametrize(
    "attributes",
    [
        {"http.request.method": "GET", "url.path": "/", "user_id": "u", "session_id": "s"},
        {"db.query.text": "SELECT", "db.operation.name": "SELECT", "provider": "x", "cost": "1"},
        {"device.model.name": "Pixel", "app.input": "tap"},
    ],
)
def test_an_ordinary_span_is_no_call(attributes: dict[str, str], span: Span) -> None:
    assert span(attributes) == {}
