"""The dashboard: Streamlit pages over the store's read-only user."""

from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.installation import Installation
from watchglass_dashboards.launch import CannotStart, command
from watchglass_dashboards.rule_desk import RULE_DESK_VARIABLE

__all__ = ["RULE_DESK_VARIABLE", "CannotStart", "DashboardConfig", "Installation", "command"]
