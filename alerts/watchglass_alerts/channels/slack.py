"""Slack, by an incoming webhook: one Block Kit message for each notification.

Every text is `plain_text` with & < > escaped, so a model or service called `<!channel>` mentions nobody. The webhook's
URL is a secret. Slack answers 200 with the body `ok`; 200 with anything else means that it refused the message.
"""

from __future__ import annotations

import ssl
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import Field, SecretStr, model_validator

from watchglass_alerts.channels.base import ChannelConfig, Delivered, Failed, Retry, SendResult
from watchglass_alerts.channels.replies import classify, error_code, explain_failure
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.http import post
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.network import AddressRefusedError, check_url
from watchglass_alerts.secret import read_secret
from watchglass_alerts.text import clean

HEADER, SECTION, FIELD, URL = 150, 3000, 2000, 3000
"""Slack's limits in characters; it refuses a whole message for one text that is longer."""
MAX_FIELDS = 10
MAX_NOTES = 10

_MARKS = {Kind.FIRING: "🔴", Kind.RESOLVED: "🟢", Kind.NO_DATA: "⚪", Kind.ERROR: "🟠"}


class SlackConfig(ChannelConfig):
    """Settings of a `slack` channel."""

    type: Literal["slack"] = Field(description="`slack`.")
    url: SecretStr | None = Field(None, description="The incoming webhook's URL. It is a secret: prefer the two below.")
    url_env: str = Field("", description="The environment variable that holds the URL.")
    url_file: Path | None = Field(None, description="The file that holds the URL; not readable by everybody.")
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's, in PEM.")

    @model_validator(mode="after")
    def _one_url(self) -> SlackConfig:
        if sum((self.url is not None, bool(self.url_env), self.url_file is not None)) != 1:
            raise ValueError("set exactly one of url, url_env, url_file")
        return self


class SlackChannel:
    """Posts to one incoming webhook."""

    Config = SlackConfig

    def __init__(self, config: SlackConfig, *, allow_loopback: bool) -> None:
        secret = read_secret("url", inline=config.url, env=config.url_env, file=config.url_file)
        self._allow_loopback = allow_loopback
        try:
            self._target = check_url(secret.get_secret_value(), allow_loopback=allow_loopback)
        except AddressRefusedError as error:
            raise ConfigError(f"url: {error}") from None
        try:
            self._tls = ssl.create_default_context(cafile=config.ca_file)
        except OSError as error:
            raise ConfigError(f"ca_file: {config.ca_file} cannot be used: {error.strerror or error}") from None

    def send(self, message: Message) -> SendResult:
        """Post the message; 429 and 5xx are tried again, every other refusal is final."""
        body = orjson.dumps(payload(message))
        try:
            reply = post(
                self._target,
                body,
                content_type="application/json; charset=utf-8",
                allow_loopback=self._allow_loopback,
                tls=self._tls,
            )
        except AddressRefusedError as error:
            return Failed(str(error))
        except (OSError, HTTPException) as error:
            return Retry(None, explain_failure(error))
        result = classify("Slack", reply)
        if isinstance(result, Delivered) and reply.body.strip() != b"ok":
            return Failed(f"Slack refused the message{error_code(reply)}")
        return result


def payload(message: Message) -> dict[str, Any]:
    """The webhook's JSON body."""
    fields = [_text(f"{name}\n{value}", FIELD) for name, value in (*message.facts, *message.where)[:MAX_FIELDS]]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _text(f"{_MARKS[message.kind]} {message.title}", HEADER)},
        {"type": "section", "text": _text(f"{message.headline}\n{message.reason}", SECTION)},
        {"type": "section", "fields": fields},
        *({"type": "section", "text": _text(f"{name}\n{text}", SECTION)} for name, text in message.notes[:MAX_NOTES]),
    ]
    buttons = [
        {"type": "button", "text": _text(name, 75), "url": url, "action_id": f"link-{index}"}
        for index, (name, url) in enumerate(message.links)
        if len(url) <= URL
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    footer = f"To silence: {message.silence}\nNotification {message.id}"
    blocks.append({"type": "context", "elements": [_text(footer, FIELD)]})
    return {
        "text": _escape(f"{message.title}: {message.headline}", SECTION),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


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
