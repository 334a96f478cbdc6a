"""The dashboard: Streamlit pages over the store's read-only user."""

from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.installation import Installation
from watchglass_dashboards.judge_desk import JUDGE_DESK_VARIABLE
from watchglass_dashboards.launch import CannotStart, command
from watchglass_dashboards.price_desk import PRICE_DESK_VARIABLE
from watchglass_dashboards.rule_desk import RULE_DESK_VARIABLE

__all__ = [
    "JUDGE_DESK_VARIABLE",
    "PRICE_DESK_VARIABLE",
    "RULE_DESK_VARIABLE",
    "CannotStart",
    "DashboardConfig",
    "Installation",
    "command",
]
