"""Captured messages, parsed for reading. Whatever cannot be parsed is shown as it came: nothing is hidden."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a message."""

    kind: str  # 'text', 'reasoning', 'tool_call', 'tool_result' or 'other'
    title: str  # tool name and id, or the part's type; captured text, '' = none
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: str  # captured text
    blocks: tuple[Block, ...]
    finish_reason: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One retrieved document."""

    id: str
    score: float | None
    text: str


def turns(messages: str, default_role: str) -> list[Turn]:
    """Messages in the OpenTelemetry GenAI schema (JSON) as turns.

    Args:
        messages: JSON: a list of `{role, parts}`, of `{role, content}`, or of bare parts (system instructions).
        default_role: Role of messages that do not say theirs.
    """
    if not messages:
        return []
    try:
        parsed = orjson.loads(messages)
    except orjson.JSONDecodeError:
        return [Turn(default_role, (Block("text", "", messages),))]
    items = parsed if isinstance(parsed, list) else [parsed]
    found: list[Turn] = []
    bare: list[Block] = []
    for item in items:
        if isinstance(item, dict) and ("role" in item or "parts" in item):
            role, finish = item.get("role") or default_role, item.get("finish_reason") or ""
            found.append(Turn(_text(role), tuple(_blocks(item)), _text(finish)))
        else:
            bare.append(_block(item))
    if bare:
        found.insert(0, Turn(default_role, tuple(bare)))
    return found


def documents(retrieved: str) -> list[Document]:
    """Retrieved documents (JSON list of `{id, score, content}`); text that is no such list is one document."""
    if not retrieved:
        return []
    try:
        parsed = orjson.loads(retrieved)
    except orjson.JSONDecodeError:
        return [Document("", None, retrieved)]
    return [_document(item) for item in (parsed if isinstance(parsed, list) else [parsed])]


def _document(item: Any) -> Document:
    if not isinstance(item, dict):
        return Document("", None, _text(item))
    text = next((item[key] for key in ("content", "text", "page_content", "document") if item.get(key)), None)
    score = item.get("score")
    return Document(
        _text(item.get("id") or ""),
        float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None,
        _text({key: value for key, value in item.items() if key not in ("id", "score")} if text is None else text),
    )


def _blocks(message: dict[str, Any]) -> Iterator[Block]:
    parts = message.get("parts", message.get("content"))
    if isinstance(parts, list):
        for part in parts:
            yield _block(part)
    elif parts is not None:
        yield Block("text", "", _text(parts))
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        for call in calls:
            function = call.get("function") if isinstance(call, dict) else None
            yield (
                _block({"id": call.get("id"), **function, "type": "tool_call"})
                if isinstance(function, dict)
                else _block(call)
            )


def _block(part: Any) -> Block:
    if not isinstance(part, dict):
        return Block("text", "", _text(part))
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text"):
        return Block("text", "", _text(part.get("content", part.get("text", ""))))
    if kind in ("reasoning", "thinking"):
        return Block("reasoning", "", _text(part.get("content", part.get("text", ""))))
    if kind == "tool_call":
        return Block("tool_call", _text(part.get("name") or part.get("id") or ""), _text(part.get("arguments", "")))
    if kind in ("tool_call_response", "tool_result"):
        result = next((part[key] for key in ("response", "result", "content") if key in part), "")
        return Block("tool_result", _text(part.get("id") or ""), _text(result))
    return Block("other", _text(kind or ""), _text(part))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
