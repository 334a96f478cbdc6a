"""PagerDuty, by the Events API v2: an alert triggers an incident, and its end resolves it.

`dedup_key` is the alert's id (rule and labels), so a notification that came twice, or that tells more of an alert that
is open, changes the incident that is there. The routing key is a secret; it travels in the body.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, Field, SecretStr, model_validator

from watchglass_alerts.channels.base import ChannelConfig, Delivered, SendResult
from watchglass_alerts.channels.posting import Poster
from watchglass_alerts.channels.replies import classify
from watchglass_alerts.http import Reply
from watchglass_alerts.links import check_link
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.secret import read_secret
from watchglass_alerts.text import clean

SUMMARY, TEXT, LINK = 1024, 2000, 2000
"""Limits in characters: the first is PagerDuty's; the others keep an event far below its 512 KB."""
MAX_ITEMS = 30

_SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}
"""The rule's severity -> PagerDuty's; any other is 'error'."""


def _events_url(url: str) -> str:
    return check_link("events_url", url)


class PagerDutyConfig(ChannelConfig):
    """Settings of a `pagerduty` channel."""

    type: Literal["pagerduty"] = Field(description="`pagerduty`.")
    routing_key: SecretStr | None = Field(
        None, description="The integration's routing key. It is a secret: prefer the two below."
    )
    routing_key_env: str = Field("", description="The environment variable that holds the key.")
    routing_key_file: Path | None = Field(None, description="The file that holds the key; not readable by everybody.")
    events_url: Annotated[str, AfterValidator(_events_url)] = Field(
        "https://events.pagerduty.com/v2/enqueue",
        description="Where events go; `https://events.eu.pagerduty.com/v2/enqueue` for accounts in the EU.",
    )
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's, in PEM.")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if sum((self.routing_key is not None, bool(self.routing_key_env), self.routing_key_file is not None)) != 1:
            raise ValueError("set exactly one of routing_key, routing_key_env, routing_key_file")
        return self


class PagerDutyChannel:
    """Sends events with one routing key."""

    Config = PagerDutyConfig

    def __init__(self, config: PagerDutyConfig, *, allow_loopback: bool) -> None:
        self._key = read_secret(
            "routing_key", inline=config.routing_key, env=config.routing_key_env, file=config.routing_key_file
        )
        self._poster = Poster(config.events_url, ca_file=config.ca_file, allow_loopback=allow_loopback)

    def send(self, message: Message) -> SendResult:
        """Send one event; PagerDuty accepts it with 202. A test triggers an incident and resolves it at once."""
        result = self._post(message)
        if message.kind is Kind.TEST and isinstance(result, Delivered):
            return self._post(replace(message, kind=Kind.RESOLVED))
        return result

    def _post(self, message: Message) -> SendResult:
        body = {"routing_key": self._key.get_secret_value(), **event(message)}
        reply = self._poster.post(orjson.dumps(body))
        if not isinstance(reply, Reply):
            return reply
        # A refusal's text repeats what was wrong in the request, where the key is: only the status is told.
        result = classify("PagerDuty", reply._replace(body=b""))
        return Delivered() if isinstance(result, Delivered) else result


def event(message: Message) -> dict[str, Any]:
    """The event, without the routing key."""
    where = dict(message.where)
    links = [(name, url) for name, url in message.links if len(url) <= LINK]
    examples = [(title, url) for title, url, _ in message.examples if url and len(url) <= LINK]
    return {
        "event_action": "resolve" if message.kind is Kind.RESOLVED else "trigger",
        "dedup_key": message.thread,
        "payload": {
            "summary": clean(f"{message.title}: {message.headline}", SUMMARY),
            "source": clean(where.get("service_name") or "watchglass", 255),
            "severity": _SEVERITIES.get(message.severity, "error"),
            "component": clean(where.get("model", ""), 255),
            "custom_details": _details(message),
        },
        "client": "Watchglass",
        "client_url": next((url for name, url in links if name == "Dashboard"), ""),
        "links": [{"href": url, "text": clean(name, 200)} for name, url in (*links, *examples)],
    }


def _details(message: Message) -> dict[str, str]:
    pairs = [
        ("Reason", message.reason),
        *message.facts[:MAX_ITEMS],
        *message.where[:MAX_ITEMS],
        *message.notes[:MAX_ITEMS],
        *((f"Worst call {rank}", text) for rank, (_, _, text) in enumerate(message.examples, 1) if text),
    ]
    if message.chart is not None:
        pairs.append(("Chart", f"{message.chart.sparkline} {message.chart.caption}"))
    pairs += [("To silence", message.silence)] if message.silence else []
    pairs.append(("Notification", message.id))
    return {clean(name, 200): clean(value, TEXT, lines=True) for name, value in pairs}
