"""Beats that travel the whole pipeline: span, collector, store, evaluator, rule, outbox, channel, and out.

Each minute a tiny trace goes to our own collector, its answer short in even minutes and long in odd ones. The built-in
rule holds the evaluators' score of that answer, its length, against a line in between. So it fires in every even
minute and resolves in every odd one, and each change is an ordinary notification to the `heartbeat` channel. Whatever
breaks on the way ends the changes, and so the pings. See design/0011-heartbeat.md.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import SecretStr

from watchglass_alerts.channels.heartbeat import RULE, HeartbeatConfig
from watchglass_alerts.config import AlertsConfig
from watchglass_alerts.rulebook import save_rule
from watchglass_alerts.rules import Rule
from watchglass_alerts.rules_file import parse_rule
from watchglass_store import Store
from watchglass_store.queries import alerting

logger = logging.getLogger("watchglass.alerts")

SERVICE = "watchglass-heartbeat"
AUTHOR = "watchglass"
ANSWERS = ("All is well.", "All is well, and the beat goes on.")
"""For even and odd minutes."""
LINE = 20.0
"""Characters; between the two answers' lengths. Even minutes are below it, and fire."""
TIMEOUT_S = 5.0


def heartbeat_rule(channels: tuple[str, ...]) -> Rule:
    """The built-in rule."""
    return parse_rule(
        {
            "name": RULE,
            "metric": "score:response_length",
            "statistic": "mean",
            "filters": {"service_name": SERVICE},
            "window": "1m",
            "interval": "1m",
            "condition": {"op": "<", "threshold": LINE},
            "min_sample_size": 1,
            "repeat_interval": "0s",
            "severity": "info",
            "notify_on": ["firing", "resolved"],
            "examples": "none",
            "channels": list(channels),
        }
    )


class Heartbeat:
    """Sends a beat each minute while a `heartbeat` channel is configured; otherwise there is nothing to do."""

    def __init__(
        self, store: Store, config: AlertsConfig, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Read the settings and the collector's keys; nothing is sent yet.

        Args:
            store: a connection that may write rules.
            config: section `[alerts]`.
            clock: what time it is; aware, UTC.

        Raises:
            ConfigError: a key is set and cannot be read.
        """
        self._store = store
        self._clock = clock
        self._channels = {
            name: settings for name, settings in config.channels.items() if isinstance(settings, HeartbeatConfig)
        }
        self._collectors = {(each.collector_url, each.read_collector_key()) for each in self._channels.values()}
        self._last = datetime.fromtimestamp(0, UTC)
        self._is_failing = False
        self._is_installed = False

    @property
    def is_configured(self) -> bool:
        """Whether somebody waits for beats."""
        return bool(self._channels)

    def install(self) -> None:
        """Put the built-in rule into force, unless it is.

        Raises:
            StoreError: the store failed.
        """
        rule = heartbeat_rule(tuple(sorted(self._channels)))
        for row in alerting.current_rules(self._store):
            if row["name"] == RULE and not row["deleted"] and orjson.loads(row["definition"]) == rule.definition():
                break
        else:
            save_rule(self._store, rule, AUTHOR, now=self._clock())
        self._is_installed = True

    def run_once(self) -> bool:
        """Send this minute's beat, unless it was sent; returns whether one was. The first time, install the rule.

        A beat that does not get through is reported once and tried again.

        Raises:
            StoreError: the rule could not be written; nothing was sent.
        """
        now = self._clock()
        minute = now.replace(second=0, microsecond=0)
        if not self.is_configured or minute <= self._last:
            return False
        if not self._is_installed:
            self.install()
        sent = [_post(url, key, trace(now)) for url, key in self._collectors]
        if all(sent):
            self._last = minute
        if all(sent) == self._is_failing:
            self._is_failing = not all(sent)
            logger.warning("the collector does not take heartbeats" if self._is_failing else "heartbeats go on")
        return all(sent)


def trace(now: datetime) -> dict[str, Any]:
    """The beat of a minute, as OTLP JSON. Its ids depend on the minute only, so a beat sent twice is one call."""
    minute = int(now.timestamp()) // 60
    digest = hashlib.sha256(f"{SERVICE} {minute}".encode()).hexdigest()
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": ANSWERS[minute % 2]}]}]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "watchglass",
        "gen_ai.request.model": "heartbeat",
        "gen_ai.output.messages": orjson.dumps(answer).decode(),
    }
    # A moment ago, and within the minute: the beat belongs to this minute's slot.
    start = max(now - timedelta(milliseconds=1), now.replace(second=0, microsecond=0))
    span = {
        "traceId": digest[:32],
        "spanId": digest[32:48],
        "name": "heartbeat",
        "kind": 3,
        "startTimeUnixNano": str(int(start.timestamp() * 1_000_000) * 1000),
        "endTimeUnixNano": str(int(now.timestamp() * 1_000_000) * 1000),
        "attributes": _attributes(attributes),
    }
    resource = {"attributes": _attributes({"service.name": SERVICE})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _post(url: str, key: SecretStr | None, body: dict[str, Any]) -> bool:
    """Whether the collector took it. The collector is ours, so the address rules for webhooks do not apply."""
    import httpx

    headers = {"x-api-key": key.get_secret_value()} if key is not None else {}
    try:
        reply = httpx.post(f"{url}/v1/traces", json=body, headers=headers, timeout=TIMEOUT_S, trust_env=False)
        return reply.is_success
    except httpx.HTTPError:
        return False
