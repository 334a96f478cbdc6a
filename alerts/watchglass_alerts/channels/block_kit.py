"""A message as Slack's Block Kit, for both Slack channels.

Texts are `plain_text` with & < > escaped, or elements of a `rich_text` block, which Slack never parses: a model or
service called `<!channel>` mentions nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from watchglass_alerts.message import Kind, Message
from watchglass_alerts.text import clean

HEADER, SECTION, FOOTER, BUTTON, URL = 150, 3000, 2000, 75, 3000
"""Slack's limits in characters; it refuses a whole message for one text that is longer."""
FACT = 300
"""Ours: enough for a name from telemetry."""
MAX_FACTS = 20
MAX_NOTES = 10

_MARKS = {Kind.FIRING: "🔴", Kind.RESOLVED: "🟢", Kind.NO_DATA: "⚪", Kind.ERROR: "🟠", Kind.TEST: "🔵"}


def payload(message: Message) -> dict[str, Any]:
    """The body of a webhook's or `chat.postMessage`'s request, without where it goes."""
    blocks = [
        {"type": "header", "text": _text(f"{_MARKS[message.kind]} {message.title}", HEADER)},
        {"type": "section", "text": _text(f"{message.headline}\n{message.reason}", SECTION)},
        *_chart(message),
        *_named((*message.facts, *message.where)[:MAX_FACTS], FACT),
        *_named(message.notes[:MAX_NOTES], SECTION),
        *_examples(message),
        *_buttons(message),
    ]
    silence = f"To silence: {message.silence}\n" if message.silence else ""
    footer = f"{silence}Notification {message.id}"
    blocks.append({"type": "context", "elements": [_text(footer, FOOTER)]})
    return {
        "text": _escape(f"{message.title}: {message.headline}", SECTION),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _chart(message: Message) -> list[dict[str, Any]]:
    if message.chart is None:
        return []
    text = _text(f"{message.chart.sparkline}\n{message.chart.caption}", SECTION)
    return [{"type": "section", "text": text}]


def _named(pairs: Sequence[tuple[str, str]], limit: int) -> list[dict[str, Any]]:
    """A line for each pair, the name in bold."""
    lines: list[dict[str, Any]] = []
    for name, value in pairs:
        lines += [_run("\n")] if lines else []
        lines += [_run(f"{clean(name, FACT) or '-'}  ", bold=True), _run(clean(value, limit, lines=True) or "-")]
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": lines}]}] if lines else []


def _examples(message: Message) -> list[dict[str, Any]]:
    if not message.examples:
        return []
    items = [
        {"type": "rich_text_section", "elements": _example(title, url, text)} for title, url, text in message.examples
    ]
    heading = {"type": "rich_text_section", "elements": [_run("Worst calls", bold=True)]}
    return [
        {"type": "rich_text", "elements": [heading, {"type": "rich_text_list", "style": "ordered", "elements": items}]}
    ]


def _example(title: str, url: str, text: str) -> list[dict[str, Any]]:
    shown = clean(title, 200) or "call"
    link = {"type": "link", "url": url, "text": shown} if url and len(url) <= URL else _run(shown)
    return [link, _run(f"\n{clean(text, 300)}")] if text else [link]


def _run(text: str, *, bold: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"style": {"bold": True}} if bold else {})


def _buttons(message: Message) -> list[dict[str, Any]]:
    buttons = [
        {"type": "button", "text": _text(name, BUTTON), "url": url, "action_id": f"link-{index}"}
        for index, (name, url) in enumerate(message.links)
        if len(url) <= URL
    ]
    return [{"type": "actions", "elements": buttons}] if buttons else []


def _text(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escape(text, limit), "emoji": False}


def _escape(text: str, limit: int) -> str:
    """Slack's three control characters as entities, cut so that the result fits and ends between two of them."""
    escaped = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    parts: list[str] = []
    room = limit - 1
    for char in clean(text, limit, lines=True):
        part = escaped.get(char, char)
        room -= len(part)
        if room < 0:
            return "".join(parts) + "…"
        parts.append(part)
    return "".join(parts)
