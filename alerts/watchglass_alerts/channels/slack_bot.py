"""Slack, by a bot token: `chat.postMessage`, with everything about one incident in the thread of its first message.

The receipt of a delivery is 'INCIDENT CHANNEL TS'. It comes back with the alert's next message, from the store, so
threads survive restarts. Slack answers 200 with `ok: false` and a code for nearly everything that can go wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import orjson
from pydantic import AfterValidator, Field, SecretStr, model_validator

from watchglass_alerts.channels.base import ChannelConfig, Delivered, Failed, Retry, SendResult
from watchglass_alerts.channels.block_kit import payload
from watchglass_alerts.channels.posting import Poster
from watchglass_alerts.channels.replies import classify, is_code, reply_object, retry_after
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.http import Reply
from watchglass_alerts.links import check_link
from watchglass_alerts.message import Message
from watchglass_alerts.secret import read_secret

RETRYABLE = {
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "accesslimited",
}
"""Codes after which the same message may be accepted later; every other is final."""
THREAD_IS_GONE = {"thread_not_found", "message_not_found", "cannot_reply_to_message", "thread_locked"}
"""Codes after which the message goes to the channel itself."""


def _api_url(url: str) -> str:
    return check_link("api_url", url).rstrip("/")


class SlackBotConfig(ChannelConfig):
    """Settings of a `slack_bot` channel."""

    type: Literal["slack_bot"] = Field(description="`slack_bot`.")
    channel: str = Field(
        pattern=r"^[#A-Za-z0-9][A-Za-z0-9_.-]{0,79}$",
        description="The channel's ID (`C0123456789`) or name; the app must be a member.",
    )
    token: SecretStr | None = Field(None, description="The bot token, `xoxb-…`. It is a secret: prefer the two below.")
    token_env: str = Field("", description="The environment variable that holds the token.")
    token_file: Path | None = Field(None, description="The file that holds the token; not readable by everybody.")
    api_url: Annotated[str, AfterValidator(_api_url)] = Field(
        "https://slack.com/api", description="Slack's API; another for GovSlack."
    )
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's, in PEM.")

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if sum((self.token is not None, bool(self.token_env), self.token_file is not None)) != 1:
            raise ValueError("set exactly one of token, token_env, token_file")
        return self


class SlackBotChannel:
    """Posts to one channel as a bot."""

    Config = SlackBotConfig

    def __init__(self, config: SlackBotConfig, *, allow_loopback: bool) -> None:
        secret = read_secret("token", inline=config.token, env=config.token_env, file=config.token_file)
        if not secret.get_secret_value().isascii():
            raise ConfigError("token holds a character outside ASCII")
        self._headers = {"Authorization": f"Bearer {secret.get_secret_value()}"}
        self._channel = config.channel
        self._poster = Poster(
            f"{config.api_url}/chat.postMessage", ca_file=config.ca_file, allow_loopback=allow_loopback
        )

    def send(self, message: Message) -> SendResult:
        """Post the message into its incident's thread, or begin the thread."""
        thread = self._thread(message)
        result, code = self._post(message, thread)
        if thread and code in THREAD_IS_GONE:
            result, _ = self._post(message, "")
        return result

    def _thread(self, message: Message) -> str:
        incident, _, rest = message.reply_to.partition(" ")
        channel, _, ts = rest.partition(" ")
        return ts if message.incident and (incident, channel) == (message.incident, self._channel) else ""

    def _post(self, message: Message, thread: str) -> tuple[SendResult, str]:
        """What became of it, and Slack's code where it refused."""
        body = {"channel": self._channel, **payload(message)} | ({"thread_ts": thread} if thread else {})
        reply = self._poster.post(orjson.dumps(body), self._headers)
        if not isinstance(reply, Reply):
            return reply, ""
        result = classify("Slack", reply)
        if not isinstance(result, Delivered):
            return result, ""
        answer = reply_object(reply)
        if answer.get("ok") is True:
            ts = thread or str(answer.get("ts", ""))
            return Delivered(receipt=f"{message.incident} {self._channel} {ts}" if message.incident and ts else ""), ""
        said = answer.get("error")
        code = said if isinstance(said, str) and is_code(said) else ""
        reason = f"Slack refused the message{f': {code}' if code else ''}"
        return (Retry(retry_after(reply), reason) if code in RETRYABLE else Failed(reason)), code
