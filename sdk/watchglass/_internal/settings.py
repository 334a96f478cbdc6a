"""Every setting of the SDK, in one table: its argument of ``init``, its variables, its default, its meaning.

Order: argument, then ``WATCHGLASS_*``, then the standard ``OTEL_*`` variable, then the default. A value that cannot be
used is reported once and the next one in that order is taken: a typo must not stop the application.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from watchglass._internal.guard import LOGGER

CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force; ``TABLE`` documents each."""

    endpoint: str
    service_name: str
    environment: str
    headers: Mapping[str, str]
    capture_content: bool
    instrument: tuple[str, ...] | bool
    enabled: bool
    max_text_chars: int
    compression: str
    timeout_s: float
    flush_interval_s: float
    queue_size: int
    queue_mb: float
    batch_size: int
    certificate: str
    client_certificate: str
    client_key: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    """Argument of ``init`` and field of ``Settings``; the variable is ``WATCHGLASS_`` + its upper case."""
    read: Callable[[Any], Any]
    """Turns an argument or a variable's text into the value; raises ValueError or TypeError when it cannot."""
    allowed: str
    """What is accepted, for people."""
    default: Any
    """The value when nobody says anything; already in its final type."""
    meaning: str
    """One sentence for the documentation."""
    standard: str = ""
    """OpenTelemetry's own variable for the same thing, or ''."""
    read_standard: Callable[[str], Any] | None = None
    """Reads that variable where its format or unit differs."""
    is_secret: bool = False
    """Whether the value must not appear in a log line."""

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return f"WATCHGLASS_{self.name.upper()}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value.strip()


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).lower()
    if word not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise ValueError(word)
    return word in ("true", "1", "yes", "on")


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(value)
    return number


def _count(value: Any) -> int:
    return math.ceil(_positive(int(value)))


def _endpoint(value: Any) -> str:
    url = _text(value).rstrip("/").removesuffix("/v1/traces")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(value)
    return url


def _headers(value: Any) -> dict[str, str]:
    """Read a mapping, or OpenTelemetry's ``key=value,key=value`` with percent-encoded values."""
    if not isinstance(value, Mapping):
        pairs = [pair.partition("=") for pair in _text(value).split(",") if pair.strip()]
        value = {name.strip(): unquote(text.strip()) for name, _, text in pairs}
    headers = {_text(name): _text(text) for name, text in value.items()}
    for name, text in headers.items():
        if not name or not (name + text).isascii() or not (name + text).isprintable() or set(name) & set(": "):
            raise ValueError("not a header")
    return headers


def _instrument(value: Any) -> tuple[str, ...] | bool:
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(_text(name).lower() for name in value)
    try:
        return _switch(value)
    except ValueError:
        return tuple(name.strip().lower() for name in _text(value).split(",") if name.strip())


def _compression(value: Any) -> str:
    word = _text(value).lower()
    if word not in ("gzip", "none"):
        raise ValueError(word)
    return word


TABLE: tuple[Setting, ...] = (
    Setting("endpoint", _endpoint, "an http:// or https:// URL", "http://127.0.0.1:4318",
            "Where the collector listens for OTLP over HTTP; `/v1/traces` and `/v1/logs` are added.",
            "OTEL_EXPORTER_OTLP_ENDPOINT"),
    Setting("service_name", _text, "text", "",
            "Name of the application on every page and in every rule. Fixed by the first `init` of a process.",
            "OTEL_SERVICE_NAME"),
    Setting("environment", _text, "text", "", "Deployment environment, such as `production`."),
    Setting("headers", _headers, "a mapping, or key=value,key=value", {},
            "Headers of every request, such as an authorization.", "OTEL_EXPORTER_OTLP_HEADERS", is_secret=True),
    Setting("capture_content", _switch, "true or false", True,
            "Whether prompts, answers, arguments and results leave the process.",
            CAPTURE_VARIABLE, lambda mode: mode.strip().lower() not in ("no_content", "false")),
    Setting("instrument", _instrument, "true, false, or names such as openai,anthropic", True,
            "Which installed GenAI instrumentation packages to turn on."),
    Setting("enabled", _switch, "true or false", True, "Turns the whole SDK off.",
            "OTEL_SDK_DISABLED", lambda text: not _switch(text)),
    Setting("max_text_chars", _count, "a whole number above 0", 100_000,
            "Characters kept of each captured input or output; the rest is cut and marked."),
    Setting("compression", _compression, "gzip or none", "gzip", "Compression of requests.",
            "OTEL_EXPORTER_OTLP_COMPRESSION"),
    Setting("timeout_s", _positive, "seconds above 0", 10.0, "Seconds that one request may take.",
            "OTEL_EXPORTER_OTLP_TIMEOUT"),
    Setting("flush_interval_s", _positive, "seconds above 0", 1.0, "Seconds that a finished span waits for others.",
            "OTEL_BSP_SCHEDULE_DELAY", lambda text: _positive(text) / 1000),
    Setting("queue_size", _count, "a whole number above 0", 20_000,
            "Finished spans kept while the collector is away; further ones are dropped and counted.",
            "OTEL_BSP_MAX_QUEUE_SIZE"),
    Setting("queue_mb", _positive, "a number above 0", 64.0, "The same bound in megabytes of captured text."),
    Setting("batch_size", _count, "a whole number above 0", 512, "Spans in one request at most.",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
    Setting("certificate", _text, "a path", "", "CA certificates (PEM) to trust instead of the system's.",
            "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    Setting("client_certificate", _text, "a path", "", "Client certificate (PEM) for mutual TLS.",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    Setting("client_key", _text, "a path", "", "Private key of the client certificate.",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
)  # fmt: skip


def resolve(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Find the value of every setting.

    Args:
        arguments: What the caller of ``init`` said; None means nothing.
        environ: The environment variables.
    """
    return Settings(**{setting.name: _value(setting, arguments.get(setting.name), environ) for setting in TABLE})


def _value(setting: Setting, argument: Any, environ: Mapping[str, str]) -> Any:
    candidates = [
        (f"{setting.name}=", argument, setting.read),
        (setting.variable, environ.get(setting.variable) or None, setting.read),
    ]
    if setting.standard and not (setting.name == "endpoint" and _speaks_grpc(environ)):
        reader = setting.read_standard or setting.read
        candidates.append((setting.standard, environ.get(setting.standard) or None, reader))
    for origin, value, read in candidates:
        if value is None:
            continue
        try:
            return read(value)
        except Exception:
            shown = "" if setting.is_secret else f" {_shown(value)}"
            LOGGER.warning("watchglass ignores %s%s: allowed is %s", origin, shown, setting.allowed)
    return setting.default


def _speaks_grpc(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's endpoint variable names a gRPC port, which this SDK cannot use."""
    return environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip().lower() == "grpc"


def _shown(value: Any) -> str:
    return repr(value)[:80] if isinstance(value, str | int | float) else f"of type {type(value).__name__}"
