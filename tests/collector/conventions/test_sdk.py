"""Our own SDK's attributes on single spans."""

from collections.abc import Callable
from typing import Any

Span = Callable[..., dict[str, Any]]


def test_chain_and_agent(span: Span) -> None:
    said = {"watchglass.input": '{"q": "hi"}', "watchglass.output": '"ho"'}
    for place, operation in enumerate(("chain", "invoke_agent")):
        call = span({"gen_ai.operation.name": operation, **said}, scope="watchglass", SpanId=f"{place}" * 16)
        names = ("convention", "operation_name", "prompt_text", "response_text")
        assert tuple(call[name] for name in names) == ("watchglass", operation, '{"q": "hi"}', "ho")


def test_the_context_is_read_on_spans_of_every_convention(span: Span) -> None:
    context = {"session.id": "s", "user.id": "u", "gen_ai.prompt.name": "p", "watchglass.reference.text": "r"}
    kinds = ({"openinference.span.kind": "LLM"}, {"traceloop.span.kind": "task"}, {"gen_ai.operation.name": "chat"})
    for place, kind in enumerate(kinds):
        call = span({**kind, **context}, SpanId=f"{place}" * 16)
        names = ("conversation_id", "user_id", "prompt_name", "reference_text")
        assert tuple(call[name] for name in names) == ("s", "u", "p", "r")
