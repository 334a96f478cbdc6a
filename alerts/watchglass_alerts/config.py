"""Settings of the alerts: section `[alerts]`, environment `WATCHGLASS_ALERTS__…`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny

from watchglass_alerts.channels import ChannelConfig, parse_channel
from watchglass_alerts.inhibition import Inhibition
from watchglass_alerts.links import check_link


def _parse(settings: Any) -> ChannelConfig:
    return parse_channel(settings)


def _link(url: str) -> str:
    return check_link("dashboard_url", url) if url else url


ChannelSettings = Annotated[SerializeAsAny[ChannelConfig], BeforeValidator(_parse)]
ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class AlertsConfig(BaseModel):
    """When rules are evaluated and whom they can tell."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    rules_file: Path | None = Field(
        None,
        description="YAML file of rules. It owns the rules in it: they are written to the table at start and whenever "
        "the file changes, and a rule that leaves the file is deleted. A file that becomes wrong changes nothing.",
    )
    settle_s: float = Field(
        60.0, ge=0, le=3600, description="A slot is evaluated this many seconds after its time, when late spans are in."
    )
    channels: dict[ChannelName, ChannelSettings] = Field(
        default_factory=dict, description="Name to settings; `type` says which kind. See docs/channels.md."
    )
    group_by: tuple[str, ...] = Field(
        ("rule",),
        description="Notifications that are due together, of one kind, and the same in these labels go as one message. "
        "Labels are `rule`, `severity`, and a rule's filters, labels and groups. Empty: each goes by itself.",
    )
    group_wait_s: float = Field(
        0.0, ge=0, le=3600, description="A group's first message waits this long for others to join it."
    )
    group_interval_s: float = Field(
        0.0, ge=0, le=86_400, description="Between two messages of a group at least this long passes."
    )
    messages_per_hour: int = Field(
        60, ge=1, le=10_000, description="To one channel. What comes after waits, and then goes grouped."
    )
    inhibit: tuple[Inhibition, ...] = Field(
        (), description="While one alert fires, others are not told: tables with `source`, `target` and `equal`."
    )
    dashboard_url: Annotated[str, AfterValidator(_link)] = Field(
        "http://127.0.0.1:8501", description="Where messages link to; '' leaves the link out."
    )
    allow_loopback: bool = Field(
        False, description="Let webhooks go to this machine. For tests and the demo; never needed otherwise."
    )
