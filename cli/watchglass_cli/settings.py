"""All settings in one place: arguments > environment > TOML file > defaults.

A setting's path is the same everywhere: `[collector] http_port` in the file is `WATCHGLASS_COLLECTOR__HTTP_PORT`
in the environment. Each part owns its own section (`config.py` there); this module only composes them.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from watchglass_alerts import AlertsConfig
from watchglass_collector import CollectorConfig
from watchglass_dashboards import DashboardConfig
from watchglass_evaluators import EvaluatorsConfig
from watchglass_store import StoreConfig

DEFAULT_FILE = Path("watchglass.toml")


class ConfigError(Exception):
    """A setting is wrong. The message names the key, the value and what is allowed; raised only at start."""


class Settings(BaseSettings):
    """Every section, validated. Frozen: settings do not change while a process runs."""

    model_config = SettingsConfigDict(
        env_prefix="WATCHGLASS_", env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    store: StoreConfig = StoreConfig()
    collector: CollectorConfig = CollectorConfig()
    evaluators: EvaluatorsConfig = EvaluatorsConfig()
    alerts: AlertsConfig = AlertsConfig()
    dashboard: DashboardConfig = DashboardConfig()


def load(file: Path | None) -> Settings:
    """Read the settings.

    Args:
        file: TOML file; None reads `watchglass.toml` in the working directory if there is one.

    Raises:
        ConfigError: the file is missing or not TOML, or a key or a value is not allowed.
    """
    if file is not None and not file.is_file():
        raise ConfigError(f"--config {file}: no such file; copy watchglass.example.toml there or leave --config out")
    path = file or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)

    class FileSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    try:
        return FileSettings()
    except ValidationError as error:
        raise ConfigError("\n".join(_line(item) for item in error.errors())) from None
    except (SettingsError, ValueError, OSError) as error:
        raise ConfigError(f"{path or 'environment'}: {error}") from None


def _line(item: Any) -> str:
    """One error as `section.key = value: what is wrong`; a value that may be a secret is not repeated."""
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{key}: no such setting; watchglass.example.toml lists them all"
    value = item["input"]
    shown = f" = {value!r}" if isinstance(value, bool | int | float | str) and not _secret(key) else ""
    return f"{key}{shown}: {item['msg']}"


def _secret(key: str) -> bool:
    return any(word in key for word in ("password", "url", "token", "secret", "key"))
