"""What a span is about, and the OpenTelemetry GenAI attributes its input and output become.

Adding a kind is one row of ``KINDS``. The functions here see plain data only (``plain.to_plain`` has bounded it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from watchglass._internal.plain import dump

Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table."""

    operation: str
    """Value of gen_ai.operation.name."""
    describe_input: Callable[[Any], Attributes]
    """Plain input -> attributes."""
    describe_output: Callable[[Any], Attributes]
    """Plain output -> attributes."""
    name_attribute: str = ""
    """Attribute that carries the span's name as well, or ''."""
    input_names: tuple[str, ...] = ()
    """Arguments of an observed function that are the input by themselves; without a match, the first one is.
    Empty: the input is all the arguments by name."""
    is_client: bool = False
    """Whether the work happens in another process (span kind CLIENT)."""


def _chain_input(value: Any) -> Attributes:
    return {"watchglass.input": dump(value)}


def _chain_output(value: Any) -> Attributes:
    return {"watchglass.output": dump(value)}


def _tool_input(value: Any) -> Attributes:
    return {"gen_ai.tool.call.arguments": dump(value)}


def _tool_output(value: Any) -> Attributes:
    return {"gen_ai.tool.call.result": _as_text(value)}


def _query(value: Any) -> Attributes:
    return {"gen_ai.retrieval.query.text": _as_text(value)}


def _documents(value: Any) -> Attributes:
    found = value if isinstance(value, list) else [value]
    return {"gen_ai.retrieval.documents": dump([_document(item) for item in found])}


def _input_messages(value: Any) -> Attributes:
    return {"gen_ai.input.messages": dump(messages(value, "user"))}


def _output_messages(value: Any) -> Attributes:
    return {"gen_ai.output.messages": dump(messages(value, "assistant"))}


def _nothing(value: Any) -> Attributes:
    return {}


_QUESTION = ("query", "question", "text", "input")

KINDS: Mapping[str, Kind] = {
    "chain": Kind("chain", _chain_input, _chain_output),
    "agent": Kind("invoke_agent", _chain_input, _chain_output, name_attribute="gen_ai.agent.name"),
    "tool": Kind("execute_tool", _tool_input, _tool_output, name_attribute="gen_ai.tool.name"),
    "retrieval": Kind("retrieval", _query, _documents, input_names=_QUESTION),
    "llm": Kind(
        "chat", _input_messages, _output_messages, input_names=("messages", "prompt", *_QUESTION), is_client=True
    ),
    # The output of an embedding call is a vector: megabytes that nobody reads.
    "embeddings": Kind("embeddings", _chain_input, _nothing, input_names=("texts", *_QUESTION), is_client=True),
}


def messages(value: Any, role: str) -> list[dict[str, Any]]:
    """Put text, one message or a list of messages into the convention's form.

    Args:
        value: Plain data: text; a message with ``role`` and ``parts``, or with OpenAI's ``content`` and ``tool_calls``;
            a list of them; anything else becomes one text part of JSON.
        role: The role of what does not name one.

    Returns:
        ``[{"role": ..., "parts": [{"type": "text", "content": ...}, ...]}, ...]``.
    """
    if isinstance(value, list) and value and all(_is_message(item) for item in value):
        return [_message(item, role) for item in value]
    if _is_message(value):
        return [_message(value, role)]
    return [{"role": role, "parts": [_text_part(value)]}]


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys().isdisjoint(("parts", "content", "tool_calls"))


def _message(value: dict[str, Any], role: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": value.get("role") or role}
    if "parts" in value:
        message["parts"] = value["parts"]
    elif value.get("tool_call_id"):
        part = {"type": "tool_call_response", "id": value["tool_call_id"], "response": value.get("content")}
        message["parts"] = [part]
    else:
        message["parts"] = _content_parts(value.get("content")) + _tool_call_parts(value.get("tool_calls"))
    for extra in ("name", "finish_reason"):
        if value.get(extra):
            message[extra] = value[extra]
    return message


def _content_parts(content: Any) -> list[Any]:
    if content is None:
        return []
    if not isinstance(content, list):
        return [_text_part(content)]
    return [_text_part(item["text"]) if isinstance(item, dict) and "text" in item else item for item in content]


def _tool_call_parts(calls: Any) -> list[dict[str, Any]]:
    parts = []
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            described = {"name": function.get("name"), "arguments": function.get("arguments")}
            parts.append({"type": "tool_call", "id": call.get("id"), **described})
    return parts


def _text_part(value: Any) -> dict[str, Any]:
    return {"type": "text", "content": _as_text(value)}


def _document(value: Any) -> Any:
    """Name a retrieved document's text ``content``, whatever its library calls it."""
    if not isinstance(value, dict):
        return {"content": _as_text(value)}
    for name in ("page_content", "text"):
        if name in value and "content" not in value:
            return {"content": value[name], **{key: item for key, item in value.items() if key != name}}
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else dump(value)
