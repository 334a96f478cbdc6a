"""The dashboard: Streamlit pages over the store's read-only user."""

from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.installation import Installation
from watchglass_dashboards.launch import CannotStart, command

__all__ = ["CannotStart", "DashboardConfig", "Installation", "command"]
