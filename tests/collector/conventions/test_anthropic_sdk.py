"""Anthropic's own spans."""

from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def test_a_call(span: Span) -> None:
    call = span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "http.request.method": "POST",
            "anthropic.message.stop_reason": "tool_use",
            "gen_ai.usage.input_tokens": "518",
            "gen_ai.usage.cache_creation.input_tokens": "505",
        },
        scope="com.anthropic.sdk.python",
    )
    names = ("convention", "finish_reasons", "usage_input_tokens", "usage_cache_write_input_tokens")
    assert tuple(call[name] for name in names) == ("anthropic_sdk", ["tool_use"], 518, 505)
