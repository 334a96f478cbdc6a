"""Alerts: rules evaluated at fixed times, and notifications that arrive.

`Engine` does the work, `load_rules` and `parse_rule` validate, `save_rule` and `delete_rule` change what is in force;
`backtest`, `plot` and `test_rules` try rules out.
"""

from watchglass_alerts.backtest import BacktestReport, backtest
from watchglass_alerts.config import AlertsConfig
from watchglass_alerts.engine import Engine, RunReport
from watchglass_alerts.errors import AlertsError, ConfigError, RuleError
from watchglass_alerts.heartbeat import Heartbeat
from watchglass_alerts.listing import list_alerts, list_history, list_silences
from watchglass_alerts.plot import plot
from watchglass_alerts.rule_tests import Check, test_rules
from watchglass_alerts.rulebook import delete_rule, save_rule
from watchglass_alerts.rules import Rule
from watchglass_alerts.rules_file import load_rules, parse_rule
from watchglass_alerts.silences import lift_silence, save_silence

__all__ = [
    "AlertsConfig",
    "AlertsError",
    "BacktestReport",
    "Check",
    "ConfigError",
    "Engine",
    "Heartbeat",
    "Rule",
    "RuleError",
    "RunReport",
    "backtest",
    "delete_rule",
    "lift_silence",
    "list_alerts",
    "list_history",
    "list_silences",
    "load_rules",
    "parse_rule",
    "plot",
    "save_rule",
    "save_silence",
    "test_rules",
]
