"""Rules, their states, what was sent, and silences, for the Alerts page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

SLOW = {
    "name": "Slow answers", "metric": "duration_s", "statistic": "p95", "window": "10m", "interval": "5m",
    "group_by": ["model"], "filters": {"service_name": ["support-bot"], "operation_name": ["chat"]},
    "condition": {"op": ">", "threshold": 4.0}, "for": "5m", "severity": "critical",
    "channels": ["slack #llm-oncall", "e-mail on-call"],
}  # fmt: skip
ERRORS = {
    "name": "Error rate", "metric": "error_rate", "window": "1h", "interval": "5m", "min_sample_size": 5,
    "condition": {"op": ">", "threshold": 0.05, "resolve_threshold": 0.03}, "channels": ["slack #llm-oncall"],
}  # fmt: skip
RUDE = {
    "name": "Rude answers", "metric": "score:profanity", "statistic": "share", "share_of": {"above": 0.5},
    "window": "1h", "interval": "5m", "condition": {"op": ">", "threshold": 0.01}, "confidence": "bound",
    "channels": [],
}  # fmt: skip


def rule_rows(now: datetime) -> list[dict[str, Any]]:
    """Three rules, one of them from a file, and one that was deleted."""
    authors = ("ann", "file:rules.yaml", "ann")
    rows = [
        {"name": rule["name"], "version": now - timedelta(days=3), "definition": orjson.dumps(rule).decode(),
         "deleted": 0, "author": author}
        for rule, author in zip((SLOW, ERRORS, RUDE), authors, strict=True)
    ]  # fmt: skip
    gone = {**rows[0], "name": "Gone", "definition": orjson.dumps({**SLOW, "name": "Gone"}).decode()}
    return [*rows, gone, {**gone, "version": now - timedelta(days=2), "deleted": 1}]


def silence_rows(now: datetime) -> list[dict[str, Any]]:
    """One in force, and one that has ended."""
    common = {"starts_at": now - timedelta(hours=3), "comment": "known, the fix is out", "author": "ann", "deleted": 0}
    return [
        {"id": "s1", "version": now - timedelta(hours=3), "matchers": {"rule": "Error rate"},
         "ends_at": now + timedelta(hours=5), **common},
        {"id": "s2", "version": now - timedelta(hours=3), "matchers": {"severity": "info"},
         "ends_at": now - timedelta(hours=1), **common},
    ]  # fmt: skip


def turn(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What an event of the shared seed lacks: that the slow answers have fired, and are still so."""
    is_open = event["rule"] == "Slow answers" and event["kind"] == "transition"
    since = event["slot"] if is_open else datetime.fromtimestamp(0, UTC)
    return {"change": "opened" if is_open else "", "open_since": since, "reason": "4.31 s is > 4 s for 5m"}
