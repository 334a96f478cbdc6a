"""What fires, and whether the messages about it arrived."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.text import clean, label, untrusted
from watchglass_store.queries import pages_overview as queries
from watchglass_store.queries.pages import Scope

_SHOWN = 5
_COLOURS = {"critical": "red", "warning": "orange", "info": "blue"}
_STATES = {"firing": "firing", "pending": "pending", "no_data": "no data", "error": "cannot be evaluated"}


def alert_strip() -> None:
    """The rules that are not quiet, worst first; nothing where all are."""
    rows = read(queries.alerts)
    if not rows:
        return
    firing = sum(row["last_state"] == "firing" for row in rows)
    with st.container(border=True, gap="small", key="alerts"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown("**Alerts**", width="content")
            st.caption(f"{firing:,} firing · {len(rows) - firing:,} pending or without data", width="content")
        for row in rows[:_SHOWN]:
            _line(row)
        if len(rows) > _SHOWN:
            st.caption(f"and {len(rows) - _SHOWN:,} more")


def _line(row: dict[str, Any]) -> None:
    state = row["last_state"]
    colour = _COLOURS.get(row["last_severity"], "gray") if state == "firing" else "gray"
    age_s = (datetime.now(UTC) - row["last_since"].replace(tzinfo=UTC)).total_seconds()
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(_STATES[state], color=colour, icon=":material/notifications_active:" if state == "firing" else None)  # type: ignore[arg-type]
        labels = " ".join(f"{key}={value}" for key, value in sorted(row["rule_labels"].items()))
        st.markdown(f"**{label(row['rule'], 100)}**", width="content")
        if labels:
            st.caption(label(labels, 120), width="content")
        st.caption(f"{_evidence(row)} · since {format.clock(row['last_since'].replace(tzinfo=UTC), viewer_zone())} "
                   f"({format.seconds(max(0.0, age_s))})", width="content")  # fmt: skip


def _evidence(row: dict[str, Any]) -> str:
    if row["last_value"] is None:
        return "no value"
    text = f"{format.score(row['last_value'])} against a limit of {format.score(row['last_threshold'])}"
    if row["last_low"] is not None and row["last_high"] is not None:
        text += f" (95 % interval {format.score(row['last_low'])} to {format.score(row['last_high'])})"
    return f"{text} · n {row['last_sample_size']:,}"


def delivery_line(scope: Scope) -> None:
    """What became of the notifications of the time range, by channel; nothing where none was due."""
    rows = read(queries.deliveries, scope)
    if not rows:
        return
    with st.container(border=True, gap="small", key="deliveries"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown("**Notifications**", width="content")
            st.caption("of this time range", width="content")
        for row in rows:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.markdown(label(row["channel"], 60), width="content")
                for name, colour in (
                    ("delivered", "green"),
                    ("silenced", "gray"),
                    ("waiting", "gray"),
                    ("retrying", "orange"),
                    ("failed", "red"),
                ):
                    if row[name]:
                        st.badge(f"{row[name]:,} {name}", color=colour)  # type: ignore[arg-type]
            if row["last_error"] and (row["failed"] or row["retrying"]):
                untrusted(clean(row["last_error"], 300))
