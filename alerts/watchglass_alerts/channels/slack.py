"""Slack, by an incoming webhook: one Block Kit message for each notification.

The webhook's URL is a secret. Slack answers 200 with the body `ok`; 200 with anything else means that it refused the
message. For threads use a bot token: `slack_bot`.
"""

from __future__ import annotations

from typing import Literal

import orjson
from pydantic import Field

from watchglass_alerts.channels.base import Delivered, Failed, SendResult
from watchglass_alerts.channels.block_kit import payload
from watchglass_alerts.channels.posting import Poster, UrlConfig
from watchglass_alerts.channels.replies import classify, error_code
from watchglass_alerts.http import Reply
from watchglass_alerts.message import Message


class SlackConfig(UrlConfig):
    """Settings of a `slack` channel."""

    type: Literal["slack"] = Field(description="`slack`.")


class SlackChannel:
    """Posts to one incoming webhook."""

    Config = SlackConfig

    def __init__(self, config: SlackConfig, *, allow_loopback: bool) -> None:
        self._poster = Poster(config.read_url(), ca_file=config.ca_file, allow_loopback=allow_loopback)

    def send(self, message: Message) -> SendResult:
        """Post the message; 429 and 5xx are tried again, every other refusal is final."""
        reply = self._poster.post(orjson.dumps(payload(message)))
        if not isinstance(reply, Reply):
            return reply
        result = classify("Slack", reply)
        if isinstance(result, Delivered) and reply.body.strip() != b"ok":
            return Failed(f"Slack refused the message{error_code(reply)}")
        return result
