"""A signed JSON POST, for retraining triggers, ticketing and whatever else takes a webhook.

The body is documented in docs/channels.md and versioned: fields are added to version 1, never changed. The signature is
that of https://www.standardwebhooks.com, for which there are libraries in most languages: HMAC-SHA256 over id, time and
body, so a request that was seen on the way can be neither altered nor sent again later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import orjson
from pydantic import Field, SecretStr, model_validator

from watchglass_alerts.channels.base import SendResult
from watchglass_alerts.channels.posting import Poster, UrlConfig
from watchglass_alerts.channels.replies import classify
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.http import Reply
from watchglass_alerts.message import Message
from watchglass_alerts.secret import read_secret
from watchglass_alerts.text import clean

VERSION = 1
MAX_TEXT = 4000
"""Characters of any one text in the body."""
MAX_ITEMS = 50
"""Entries of any one list in the body."""
PREFIX = "whsec_"
MIN_KEY_BYTES = 24


class WebhookConfig(UrlConfig):
    """Settings of a `webhook` channel."""

    type: Literal["webhook"] = Field(description="`webhook`.")
    secret: SecretStr | None = Field(
        None,
        description="The key of the signature: at least 24 bytes in base64, with or without `whsec_` before it "
        "(`openssl rand -base64 32`). Prefer the two below.",
    )
    secret_env: str = Field("", description="The environment variable that holds the key.")
    secret_file: Path | None = Field(None, description="The file that holds the key; not readable by everybody.")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if sum((self.secret is not None, bool(self.secret_env), self.secret_file is not None)) != 1:
            raise ValueError("set exactly one of secret, secret_env, secret_file")
        return self


class WebhookChannel:
    """Posts to one URL."""

    Config = WebhookConfig

    def __init__(self, config: WebhookConfig, *, allow_loopback: bool, clock: Callable[[], float] = time.time) -> None:
        secret = read_secret("secret", inline=config.secret, env=config.secret_env, file=config.secret_file)
        self._key = _decode(secret.get_secret_value())
        self._clock = clock
        self._poster = Poster(config.read_url(), ca_file=config.ca_file, allow_loopback=allow_loopback)

    def send(self, message: Message) -> SendResult:
        """Post the message; any 2xx means that the receiver has it."""
        body = orjson.dumps(document(message))
        timestamp = int(self._clock())
        headers = {
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._key, message.id, timestamp, body),
        }
        reply = self._poster.post(body, headers)
        return classify("the webhook's receiver", reply) if isinstance(reply, Reply) else reply


def sign(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: 'v1,' and the HMAC-SHA256 of 'ID.TIMESTAMP.BODY' in base64."""
    digest = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def document(message: Message) -> dict[str, Any]:
    """The body, as docs/channels.md describes it."""
    chart = message.chart
    return {
        "version": VERSION,
        "id": message.id,
        "event": message.kind.value,
        "alert": message.thread,
        "incident": message.incident or None,
        "severity": _cut(message.severity),
        "title": _cut(message.title),
        "headline": _cut(message.headline),
        "reason": _cut(message.reason),
        **message.data,
        "labels": _pairs(message.where),
        "facts": _pairs(message.facts),
        "annotations": _pairs(message.notes),
        "links": _pairs(message.links),
        "history": list(chart.values) if chart else [],
        "examples": [
            {"title": _cut(title), "url": url[:MAX_TEXT] or None, "text": _cut(text) or None}
            for title, url, text in message.examples[:MAX_ITEMS]
        ],
        "silence": _cut(message.silence),
    }


def _pairs(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {_cut(name): _cut(value) for name, value in pairs[:MAX_ITEMS]}


def _cut(text: str) -> str:
    return clean(text, MAX_TEXT, lines=True)


def _decode(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError("secret is not base64; make one with: openssl rand -base64 32") from None
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(f"secret holds {len(key)} bytes; {MIN_KEY_BYTES} or more are needed")
    return key
