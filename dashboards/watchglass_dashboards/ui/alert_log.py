"""What fired and resolved, and whether each channel got it."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.layout import card, nothing
from watchglass_dashboards.ui.text import label, one_line, untrusted

_OUTCOMES = {"": "waiting", "sending": "sending", "retry": "trying again"}
Row = Mapping[str, Any]


def history(rows: Sequence[Row]) -> None:
    """Draw the turns of the time range, newest first.

    Args:
        rows: As `alerting_lists.past_transitions` gives them.
    """
    if not rows:
        nothing("Nothing fired or resolved in this time. Choose a longer one above.")
        return
    config = st.column_config
    shown = [history_row(row) for row in rows]
    with card("What fired and resolved", f"{len(rows):,} changes, newest first", rows=shown, key="alert_history"):
        st.dataframe(
            pd.DataFrame(shown),
            hide_index=True,
            height=min(560, 39 + 34 * len(shown)),
            row_height=34,
            placeholder=format.GAP,
            key="alert_history_table",
            column_config={
                "when": config.DatetimeColumn(
                    "When", format="D MMM HH:mm:ss", timezone=getattr(viewer_zone(), "key", "UTC"), width=118
                ),
                "what": config.TextColumn("What", width=95),
                "rule": config.TextColumn("Rule", width=180),
                "labels": config.TextColumn("Of", width=170),
                "value": config.NumberColumn("Value", format="%.4g", width=75),
                "low": config.NumberColumn("95 % from", format="%.4g", width=75),
                "high": config.NumberColumn("to", format="%.4g", width=70),
                "n": config.NumberColumn("n", format="localized", width=65),
                "line": config.NumberColumn("Line", format="%.4g", width=65),
                "why": config.TextColumn("Why", width=260),
                "told": config.TextColumn("Told", width=220),
            },
        )


def history_row(row: Row) -> dict[str, Any]:
    """One turn as cells."""
    told = [
        f"{one_line(channel, 40)}: {_OUTCOMES.get(outcome, outcome)}" for channel, outcome, _ in row["deliveries"] or ()
    ]
    return {
        "when": row["slot"].replace(tzinfo=UTC),
        "what": ("▲ fired" if row["change"] == "opened" else "✓ resolved") + (" late" if row["late"] else ""),
        "rule": one_line(row["rule"], 100),
        "labels": one_line(" ".join(f"{key}={value}" for key, value in sorted(row["labels"].items())), 120),
        "value": row["value"],
        "low": row["value_low"],
        "high": row["value_high"],
        "n": row["sample_size"],
        "line": row["threshold"],
        "why": one_line(row["reason"], 200),
        "told": ", ".join(told) or "nobody",
    }


def channels(rows: Sequence[Row], configured: Mapping[str, str]) -> None:
    """Draw what became of the notifications, channel by channel.

    Args:
        rows: As `pages_alerts.outcomes` gives them.
        configured: Channel -> type, from the settings.
    """
    by_name = {row["channel"]: row for row in rows}
    names = [*configured, *(name for name in by_name if name not in configured)]
    if not names:
        nothing("No channel is configured. Add one to the configuration file: docs/channels.md says how.")
        return
    with st.grid(3, min_column_width=300, gap="small"):
        for at, name in enumerate(names):
            _channel(name, configured.get(name, ""), by_name.get(name), key=f"channel_{at}")


def _channel(name: str, kind: str, row: Row | None, *, key: str) -> None:
    with st.container(border=True, gap="small", height="stretch", key=key):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown(f"**{label(name, 60)}**", width="content")
            st.caption(label(kind, 40) if kind else "not configured any more", width="content")
        if row is None:
            st.caption("Nothing was due in this time range.")
            return
        with st.container(horizontal=True, gap="small"):
            for what, colour in (
                ("delivered", "green"),
                ("waiting", "orange"),
                ("failed", "red"),
                ("silenced", "gray"),
            ):
                if row[what]:
                    st.badge(f"{row[what]:,} {what}", color=colour)  # type: ignore[arg-type]
        if row["last_delivered"] is not None:
            st.caption(f"last delivered {format.clock(row['last_delivered'].replace(tzinfo=UTC), viewer_zone())}")
        if row["last_error"]:
            st.caption(f"last trouble {format.clock(row['last_error_at'].replace(tzinfo=UTC), viewer_zone())}")
            untrusted(row["last_error"], limit=300)
