"""A dead-man's switch: pings a URL for each beat that came through the whole pipeline, and stays silent otherwise.

The built-in rule of `watchglass_alerts.heartbeat` changes its state with every beat, so each beat is a notification.
This channel takes no other, and none that is late: a ping says that the pipeline works now.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from watchglass_alerts.channels.base import Failed, SendResult
from watchglass_alerts.channels.posting import Poster, UrlConfig
from watchglass_alerts.channels.replies import classify
from watchglass_alerts.http import Reply
from watchglass_alerts.links import check_link
from watchglass_alerts.message import Message
from watchglass_alerts.secret import read_secret

RULE = "watchglass heartbeat"
"""The built-in rule's name."""
MAX_AGE_S = 240.0
"""From a slot's time; an engine with the usual `settle_s` evaluates it after 60 s."""


def _collector_url(url: str) -> str:
    return check_link("collector_url", url).rstrip("/")


class HeartbeatConfig(UrlConfig):
    """Settings of a `heartbeat` channel."""

    type: Literal["heartbeat"] = Field(description="`heartbeat`.")
    collector_url: Annotated[str, AfterValidator(_collector_url)] = Field(
        "http://127.0.0.1:4318", description="The collector's OTLP/HTTP address, where beats are sent."
    )
    collector_key: SecretStr | None = Field(
        None, description="An API key with the scope `ingest`, where the collector asks for one. Prefer the two below."
    )
    collector_key_env: str = Field("", description="The environment variable that holds the key.")
    collector_key_file: Path | None = Field(None, description="The file that holds the key; not readable by everybody.")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if sum((self.collector_key is not None, bool(self.collector_key_env), self.collector_key_file is not None)) > 1:
            raise ValueError("set one of collector_key, collector_key_env, collector_key_file, or none")
        return self

    def read_collector_key(self) -> SecretStr | None:
        """The key for the collector; None where it asks for none.

        Raises:
            ConfigError: it is set and cannot be read.
        """
        if self.collector_key is None and not self.collector_key_env and self.collector_key_file is None:
            return None
        return read_secret(
            "collector_key", inline=self.collector_key, env=self.collector_key_env, file=self.collector_key_file
        )


class HeartbeatChannel:
    """Pings one URL."""

    Config = HeartbeatConfig

    def __init__(self, config: HeartbeatConfig, *, allow_loopback: bool, clock: Callable[[], datetime] | None = None):
        self._poster = Poster(config.read_url(), ca_file=config.ca_file, allow_loopback=allow_loopback)
        self._clock = clock or (lambda: datetime.now(UTC))

    def send(self, message: Message) -> SendResult:
        """Ping, if the message is a beat of the last minutes."""
        if message.data.get("rule") != RULE:
            return Failed(f"a heartbeat channel is for the rule {RULE!r} only")
        age_s = _age_s(message.data.get("slot"), self._clock())
        if age_s is None or age_s > MAX_AGE_S:
            return Failed("the beat came through too late to say that all is well")
        reply = self._poster.post(b"")
        return classify("the dead-man's switch", reply) if isinstance(reply, Reply) else reply


def _age_s(slot: Any, now: datetime) -> float | None:
    try:
        return (now - datetime.fromisoformat(slot)).total_seconds()
    except (TypeError, ValueError):
        return None
