"""What the dashboard's process is told about the installation that it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from watchglass_dashboards.config import DashboardConfig

#: Carries `Installation` to the process. It holds no secret, only the names of variables that do.
INSTALLATION_VARIABLE = "WATCHGLASS_DASHBOARD_INSTALLATION"
#: What stands in place of a value that may be a secret.
HIDDEN = "••••••"
_SECRET = ("password", "secret", "token", "key", "url", "smtp", "dsn")
_PLAIN = ("_env", "key_file", "public_url", "dashboard_url", "metadata_url", "collector_url", "tls_key")


@dataclass(frozen=True, slots=True)
class Installation:
    """The dashboard's own settings, where the collector is, and every other section to show."""

    config: DashboardConfig
    collector_url: str = "http://127.0.0.1:4318"
    """Where applications send OTLP over HTTP; also shown in the code that sends the first span."""
    collector_grpc: str = "127.0.0.1:4317"
    needs_key: bool = False
    """Whether the collector asks for an API key."""
    file: str = ""
    """The configuration file, '' = there is none."""
    sections: Mapping[str, Any] = field(default_factory=dict)
    """Every section of the configuration as it is in force, secrets hidden: for the Settings page."""

    evaluators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Every evaluator that is installed or configured -> what it is by the settings file: `summary` (what it
    measures, in a line), `enabled`, `sample_rate` and `filters`; for the Evaluators page."""

    def to_json(self) -> str:
        """The text for `INSTALLATION_VARIABLE`."""
        return orjson.dumps(
            {
                "config": self.config.model_dump(mode="json"),
                "collector_url": self.collector_url,
                "collector_grpc": self.collector_grpc,
                "needs_key": self.needs_key,
                "file": self.file,
                "sections": hidden(self.sections),
                "evaluators": dict(self.evaluators),
            }
        ).decode()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Installation":
        """Read `INSTALLATION_VARIABLE`.

        Raises:
            KeyError: It is not set: the process was not started by `watchglass dashboard`.
        """
        parsed = orjson.loads(environment[INSTALLATION_VARIABLE])
        return cls(**{**parsed, "config": DashboardConfig(**parsed["config"])})


def hidden(value: Any, name: str = "") -> Any:
    """A setting with everything that may be a secret replaced by `HIDDEN`, judged by the settings' names."""
    if isinstance(value, Mapping):
        return {str(key): hidden(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item, name) for item in value]
    may_be_secret = any(word in name for word in _SECRET) and not any(word in name for word in _PLAIN)
    if may_be_secret and isinstance(value, str) and value:
        return HIDDEN
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
