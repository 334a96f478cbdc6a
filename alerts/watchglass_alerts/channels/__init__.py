"""Ways to tell somebody, one file each.

To add one: write `channels/NAME.py` with a config model and a class, add its row to `BUILTIN`, give it a heading in
docs/channels.md, and test it with `watchglass_alerts.testing.assert_channel_contract`. Packages outside this one use
the entry-point group `watchglass.channels` with the same `module:Class` form.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from pydantic import ValidationError

from watchglass_alerts.channels.base import Channel, ChannelConfig, Delivered, Failed, Retry, SendResult
from watchglass_alerts.errors import ConfigError

__all__ = [
    "BUILTIN",
    "Channel",
    "ChannelConfig",
    "Delivered",
    "Failed",
    "Retry",
    "SendResult",
    "create_channel",
    "parse_channel",
]

BUILTIN: dict[str, str] = {
    "email": "watchglass_alerts.channels.email:EmailChannel",
    "heartbeat": "watchglass_alerts.channels.heartbeat:HeartbeatChannel",
    "pagerduty": "watchglass_alerts.channels.pagerduty:PagerDutyChannel",
    "slack": "watchglass_alerts.channels.slack:SlackChannel",
    "slack_bot": "watchglass_alerts.channels.slack_bot:SlackBotChannel",
    "teams": "watchglass_alerts.channels.teams:TeamsChannel",
    "webhook": "watchglass_alerts.channels.webhook:WebhookChannel",
}
"""Channel type -> 'module:Class'. The class has a `Config` and is made as `Class(config, allow_loopback=…)`."""

GROUP = "watchglass.channels"


def parse_channel(settings: object) -> ChannelConfig:
    """A channel's settings, checked by the model of its type.

    Raises:
        ValueError: they are wrong; the text names the key and holds no value, since any may be a secret.
    """
    if isinstance(settings, ChannelConfig):
        return settings
    if not isinstance(settings, Mapping) or not isinstance(settings.get("type"), str):
        raise ValueError(f"needs a type; allowed: {', '.join(_known())}")
    try:
        config: ChannelConfig = _load(settings["type"]).Config.model_validate(dict(settings))
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'settings'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise ValueError("; ".join(problems)) from None
    return config


def create_channel(name: str, config: ChannelConfig, *, allow_loopback: bool) -> Channel:
    """The channel, with its secrets read and its address checked.

    Raises:
        ConfigError: a secret is missing or an address is not allowed; names the channel and the key.
    """
    try:
        channel: Channel = _load(config.type)(config, allow_loopback=allow_loopback)
    except ConfigError as error:
        raise ConfigError(f"alerts.channels.{name}: {error}") from None
    return channel


def _known() -> dict[str, str]:
    theirs = {point.name: point.value for point in entry_points(group=GROUP)}
    clash = sorted(set(theirs) & set(BUILTIN))
    if clash:
        raise ConfigError(f"channel type {clash[0]!r} is built in; a package declares it again as {theirs[clash[0]]}")
    return BUILTIN | theirs


def _load(type_name: str) -> Any:
    known = _known()
    if type_name not in known:
        raise ValueError(f"type {type_name!r} is unknown; allowed: {', '.join(sorted(known))}")
    module, _, attribute = known[type_name].partition(":")
    return getattr(import_module(module), attribute)
