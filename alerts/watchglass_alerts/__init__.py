"""Alerts: rules evaluated at fixed times, and notifications that arrive.

`Engine` does the work, `load_rules` and `parse_rule` validate, `save_rule` and `delete_rule` change what is in force.
"""

from watchglass_alerts.config import AlertsConfig
from watchglass_alerts.engine import Engine, RunReport
from watchglass_alerts.errors import AlertsError, ConfigError, RuleError
from watchglass_alerts.heartbeat import Heartbeat
from watchglass_alerts.rulebook import delete_rule, save_rule
from watchglass_alerts.rules import Rule
from watchglass_alerts.rules_file import load_rules, parse_rule
from watchglass_alerts.silences import save_silence

__all__ = [
    "AlertsConfig",
    "AlertsError",
    "ConfigError",
    "Engine",
    "Heartbeat",
    "Rule",
    "RuleError",
    "RunReport",
    "delete_rule",
    "load_rules",
    "parse_rule",
    "save_rule",
    "save_silence",
]
