"""Alerts: the rules and their states, what fired, silences, channels, and the editor of rules."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.rule_desk import RuleDesk, rule_desk
from watchglass_dashboards.ui import alert_editor, alert_list, alert_log, alert_silences
from watchglass_dashboards.ui.layout import fresh_line, kpi
from watchglass_store.queries import alerting, alerting_lists, pages_alerts

_TABS = ("Rules", "History", "Silences", "Channels")
_STATES = ("firing", "pending", "no_data", "error", "inactive")
_MOST_ALERTS = 5_000
_RANGES = {"24 h": timedelta(days=1), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}
_MOST_TURNS = 1_000


def page() -> None:
    """Draw the page."""
    fresh_line()
    desk = rule_desk()
    with st.skeleton(height=400):
        rules = [row for row in read(alerting.current_rules) if not row["deleted"]]
    edited = st.query_params.get("edit", "")
    is_known = any(row["name"] == edited for row in rules)
    if desk is not None and (is_known or st.query_params.get("new")):
        alert_editor.editor(desk, rules, edited if is_known else "", list(_channels()))
        return
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    alerts = read(alerting_lists.current_alerts, list(_STATES), _MOST_ALERTS)
    silences = read(alerting_lists.silences_since, now - timedelta(days=30))
    units = {f"{row['metric']} {row['statistic']}".strip(): row["unit"] for row in desk.catalogue()} if desk else {}
    rows = alert_list.shown_rules(rules, alerts, _in_force(silences, now), units)
    _numbers(rows, read(pages_alerts.outcomes, now - timedelta(days=1)))
    _body(desk, rows, silences)


def _channels() -> dict[str, str]:
    """Channel -> type, from the settings that this process was told."""
    found: Mapping[str, Any] = access.installation().sections.get("alerts", {}).get("channels", {})
    return {name: str(settings.get("type", "")) for name, settings in found.items()}


def _in_force(silences: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    return [row for row in silences if not row["deleted"] and row["ends_at"].replace(tzinfo=UTC) > now]


def _numbers(rows: Sequence[Mapping[str, Any]], outcomes: Sequence[Mapping[str, Any]]) -> None:
    def number(*states: str) -> int:
        return sum(row["state"] in states for row in rows)

    delivered, failed = (sum(row[name] for row in outcomes) for name in ("delivered", "failed"))
    waiting = sum(row["waiting"] for row in outcomes)
    with st.grid(5, min_column_width=150, gap="small"):
        kpi("Firing", f"{number('firing'):,}", f"of {len(rows):,} rules")
        kpi("Pending", f"{number('pending'):,}", "about to fire")
        kpi("Without verdict", f"{number('no_data', 'error', ''):,}", "no data, an error, or not yet evaluated")
        kpi("Quiet", f"{number('inactive'):,}", "evaluated, and well")
        kpi("Delivered in 24 h", f"{delivered:,}", f"{waiting:,} waiting · {failed:,} failed")


def _body(desk: RuleDesk | None, rows: Sequence[dict[str, Any]], silences: Sequence[Mapping[str, Any]]) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center", horizontal_alignment="distribute"):
        shown = st.segmented_control(
            "Show", _TABS, default=_TABS[0], required=True, key="show", bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
        if desk is not None:
            st.button("New rule", key="new_rule", type="primary", icon=":material/add_alert:", on_click=_new)
    if shown == "Rules":
        alert_list.rule_list(desk, rows)
    elif shown == "Silences":
        alert_silences.silences(silences, [row["name"] for row in rows])
    else:
        since, until = _range()
        if shown == "History":
            turns = alerting_lists.past_transitions
            alert_log.history(read(turns, rule="", since=since, until=until, turns_only=True, limit=_MOST_TURNS))
        else:
            alert_log.channels(read(pages_alerts.outcomes, since), _channels())


def _range() -> tuple[datetime, datetime]:
    chosen = st.segmented_control(
        "Time range", list(_RANGES), default="7 d", required=True, key="back", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    return until - _RANGES[chosen], until


def _new() -> None:
    st.query_params["new"] = "1"
