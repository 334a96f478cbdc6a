"""What is found at which HTTP path, and what is said to clients that expect something else there."""

import re
from collections.abc import Mapping
from typing import Final

from watchglass_collector.signals import SIGNALS, Signal

_BY_PATH: Final[Mapping[str, Signal]] = {signal.http_path: signal for signal in SIGNALS}
_PREFIXED: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._~-]*){1,8}?(/v1/[a-z]+)\Z")
"""As many clients let a prefix be set, any that cannot be mistaken is taken; Langfuse's is /api/public/otel."""

_ELSEWHERE: Final = (
    (re.compile(r"/api/public/scores\Z"), "Langfuse scores are not taken here: send them with watchglass.score()"),
    (re.compile(r"/api/public/media\b.*"), "media are not stored: what is in the span is"),
    (re.compile(r"/api/public/ingestion\Z"), "Langfuse's own batches are not taken: use its OpenTelemetry SDK (v3 up)"),
    (re.compile(r"/api/public/.*"), "this is an OpenTelemetry collector, not Langfuse's API"),
    (re.compile(r"/v2/traces/[^/]+/spans/[^/]+/images\Z"), "images are not stored: what is in the span is"),
    (re.compile(r"(?:.*/)?v1/metrics\Z"), "metrics are not collected: set OTEL_METRICS_EXPORTER=none"),
    (re.compile(r"(?:.*/)?v1(development)?/profiles\Z"), "profiles are not collected"),
)


def signal_at(path: str) -> Signal | None:
    """The kind of telemetry that is taken at a path, None if none is."""
    known = _BY_PATH.get(path)
    if known is not None:
        return known
    match = _PREFIXED.match(path)
    return _BY_PATH.get(match[1]) if match else None


def why_not(path: str) -> str:
    """Why nothing is at a path, for the developer who sent something there."""
    for pattern, reason in _ELSEWHERE:
        if pattern.match(path):
            return reason
    return f"nothing is here: this collector takes {' and '.join(_BY_PATH)}"
