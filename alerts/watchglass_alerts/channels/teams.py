"""Microsoft Teams, by a workflow's webhook ("Post to a channel when a webhook request is received"): an Adaptive Card.

Every text is a `TextRun`, which Teams shows as it is; a `TextBlock` would read it as Markdown. Teams refuses cards
over 28 KB, so texts are shortened until the card fits. The URL is a secret.
"""

from __future__ import annotations

from typing import Any, Literal

import orjson
from pydantic import Field

from watchglass_alerts.channels.base import Delivered, Retry, SendResult
from watchglass_alerts.channels.posting import Poster, UrlConfig
from watchglass_alerts.channels.replies import classify
from watchglass_alerts.http import Reply
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.text import clean

MAX_BYTES = 28_000
MAX_FACTS = 20
MAX_NOTES = 10
MAX_ACTIONS = 6
URL = 2000

_COLOURS = {
    Kind.FIRING: "Attention",
    Kind.RESOLVED: "Good",
    Kind.NO_DATA: "Default",
    Kind.ERROR: "Warning",
    Kind.TEST: "Accent",
}
_RELAY_FAILED = b"Webhook message delivery failed"
"""How older webhooks begin their answer 200 when Teams itself did not take the card."""


class TeamsConfig(UrlConfig):
    """Settings of a `teams` channel."""

    type: Literal["teams"] = Field(description="`teams`.")


class TeamsChannel:
    """Posts to one workflow."""

    Config = TeamsConfig

    def __init__(self, config: TeamsConfig, *, allow_loopback: bool) -> None:
        self._poster = Poster(config.read_url(), ca_file=config.ca_file, allow_loopback=allow_loopback)

    def send(self, message: Message) -> SendResult:
        """Post the card; the workflow accepts it with 202."""
        reply = self._poster.post(render(message))
        if not isinstance(reply, Reply):
            return reply
        result = classify("Teams", reply)
        if isinstance(result, Delivered) and reply.body.startswith(_RELAY_FAILED):
            return Retry(None, "Teams did not take the message from its webhook")
        return result


def render(message: Message) -> bytes:
    """The request's body, at most 28,000 bytes."""
    body = b""
    for limit in (2000, 500, 150, 50):
        body = orjson.dumps(_envelope(card(message, limit)))
        if len(body) <= MAX_BYTES:
            break
    return body


def card(message: Message, limit: int) -> dict[str, Any]:
    """The Adaptive Card, each text cut at `limit` characters."""
    facts = (*message.facts, *message.where)[:MAX_FACTS]
    heading = {"size": "Large", "weight": "Bolder", "color": _COLOURS[message.kind]}
    body = [
        _text([_run(message.title, min(limit, 150), **heading)]),
        _text([_run(message.headline, limit, weight="Bolder")]),
        _text([_run(message.reason, limit)]),
        *_chart(message, limit),
        *(
            _text([_run(f"{name}: ", limit, isSubtle=True), _run(value, limit)], spacing="Small")
            for name, value in facts
        ),
        *(
            _text([_run(f"{name}: ", limit, weight="Bolder"), _run(text, limit)])
            for name, text in message.notes[:MAX_NOTES]
        ),
        *_examples(message, limit),
        *_silence(message, limit),
        _text([_run(f"Notification {message.id}", limit, isSubtle=True, size="Small")]),
    ]
    links = [(name, url) for name, url in message.links if len(url) <= URL]
    actions = [{"type": "Action.OpenUrl", "title": clean(name, 75), "url": url} for name, url in links[:MAX_ACTIONS]]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": clean(f"{message.title}: {message.headline}", min(limit, 500)),
        "msteams": {"width": "Full"},
        "body": body,
        "actions": actions,
    }


def _silence(message: Message, limit: int) -> list[dict[str, Any]]:
    if not message.silence:
        return []
    return [_text([_run(f"To silence: {message.silence}", limit, fontType="Monospace", size="Small")], separator=True)]


def _envelope(content: dict[str, Any]) -> dict[str, Any]:
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _chart(message: Message, limit: int) -> list[dict[str, Any]]:
    if message.chart is None:
        return []
    sparkline = _run(message.chart.sparkline, limit, fontType="Monospace", color=_COLOURS[message.kind])
    return [_text([sparkline]), _text([_run(message.chart.caption, limit, isSubtle=True)], spacing="None")]


def _examples(message: Message, limit: int) -> list[dict[str, Any]]:
    rows = []
    for title, url, text in message.examples:
        runs = [_run(title, limit)]
        if url and len(url) <= URL:
            runs[0]["selectAction"] = {"type": "Action.OpenUrl", "url": url}
            runs[0]["underline"] = True
        rows.append(_text([*runs, _run(f"  {text}", limit, isSubtle=True)] if text else runs, spacing="Small"))
    return [_text([_run("Worst calls", limit, weight="Bolder")]), *rows] if rows else []


def _text(runs: list[dict[str, Any]], **style: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs, **style}


def _run(text: str, limit: int, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": clean(text, limit, lines=True), **style}
