"""The dashboard: Streamlit pages over the store's read-only user."""

from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.launch import command

__all__ = ["DashboardConfig", "command"]
