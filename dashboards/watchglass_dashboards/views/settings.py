"""Settings: users, keys, price table, retention and log of changes; what is only in the configuration file is shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.channels_panel import channels_panel
from watchglass_dashboards.ui.keys_panel import keys_panel
from watchglass_dashboards.ui.layout import card, nothing
from watchglass_dashboards.ui.prices_panel import prices_panel
from watchglass_dashboards.ui.text import clean, one_line
from watchglass_dashboards.ui.users_panel import users_panel
from watchglass_store.queries import pages_health, pages_settings

_SECTIONS = ("Channels", "Models and prices", "Redaction", "Retention", "Changes", "All settings", "API keys", "Users")


def page() -> None:
    """Draw the page."""
    found = access.installation()
    where = f"file {found.file}" if found.file else "no file: defaults and WATCHGLASS_… variables"
    st.text(f"Configuration: {clean(where, 300)}. What it holds changes there, followed by a restart of watchglass up.")
    shown = _SECTIONS if access.may("admin") else _SECTIONS[:-2]
    name = st.segmented_control(
        "Section",
        shown,
        default="Channels",
        required=True,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
    draw = {
        "Channels": lambda: channels_panel(found.sections.get("alerts", {}).get("channels", {})),
        "Models and prices": prices_panel,
        "Redaction": lambda: _redaction(found.sections.get("collector", {}).get("redaction", {})),
        "Retention": _retention,
        "Changes": _changes,
        "All settings": lambda: _all(found.sections),
        "API keys": keys_panel,
        "Users": users_panel,
    }
    draw[name]()


def _redaction(redaction: Mapping[str, Any]) -> None:
    with card("Redaction", "[collector.redaction] of the configuration file"):
        st.caption("Rules run before anything is stored; changing them changes nothing that is stored already.")
        st.json(dict(redaction), expanded=True)


def _retention() -> None:
    rows = [
        {"table": one_line(row["name"], 80), "days": row["ttl_days"], "rows": row["n_rows"], "mb": row["n_bytes"] / 1e6}
        for row in read(pages_health.disk)
    ]
    with card("Retention", "whole days are dropped at once; set in the tables' TTL", rows=rows, key="retention"):
        config = st.column_config
        st.dataframe(rows, hide_index=True, placeholder="for ever", key="table_retention", column_config={
            "table": config.TextColumn("Table"), "days": config.NumberColumn("Days kept"),
            "rows": config.NumberColumn("Rows", format="localized"), "mb": config.NumberColumn("MB", format="%.1f"),
        })  # fmt: skip


def _changes() -> None:
    rows = [
        {
            "time": row["time"].replace(tzinfo=UTC) if isinstance(row["time"], datetime) else row["time"],
            "actor": one_line(row["actor"], 80),
            "action": one_line(row["action"], 60),
            "object": one_line(row["object"], 120),
            "before": one_line(row["before"], 300) or None,
            "after": one_line(row["after"], 300) or None,
        }
        for row in read(pages_settings.changes)
    ]
    with card("Changes", "the newest 200 of the audit log; looking at texts is left out", rows=rows, key="changes"):
        if not rows:
            nothing("Nobody has changed anything yet.")
            return
        config = st.column_config
        st.dataframe(rows, hide_index=True, placeholder=format.GAP, key="table_changes", column_config={
            "time": config.DatetimeColumn("When", format="D MMM YYYY HH:mm:ss"), "actor": config.TextColumn("Who"),
            "action": config.TextColumn("What"), "object": config.TextColumn("On"),
            "before": config.TextColumn("Before", width="medium"), "after": config.TextColumn("After", width="medium"),
        })  # fmt: skip


def _all(sections: Mapping[str, Any]) -> None:
    st.caption("As in force; secrets are hidden.")
    st.json(dict(sections), expanded=1)
