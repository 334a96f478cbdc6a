"""The rules in force: what state each is in, in words, and what can be done about one."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards import access, writing
from watchglass_dashboards.rule_desk import RuleDesk
from watchglass_dashboards.ui import alert_silences, format, tables
from watchglass_dashboards.ui.alert_words import STATES, metric_key, sentence
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.layout import card, nothing, told
from watchglass_dashboards.ui.tables import words
from watchglass_dashboards.ui.text import label, one_line, untrusted

_ORDER = ("firing", "error", "pending", "no_data", "inactive", "")
_MARKS = {"firing": "▲", "error": "✕", "pending": "△", "no_data": "–", "inactive": "✓", "": "·"}
_COLOURS = {"firing": "red", "error": "orange", "pending": "orange", "no_data": "gray", "inactive": "green"}
_MOST_ALERTS = 20
Row = Mapping[str, Any]


def shown_rules(
    rules: Sequence[Row], alerts: Sequence[Row], silences: Sequence[Row], units: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One row for each rule, those in trouble first. Pure.

    Args:
        rules: In force, as `alerting.current_rules` gives them.
        alerts: The latest state of each alert, as `alerting_lists.current_alerts` gives them.
        silences: In force.
        units: 'metric statistic' -> unit.
    """
    found = []
    for rule in rules:
        definition = json.loads(rule["definition"])
        own = [alert for alert in alerts if alert["rule"] == rule["name"]]
        worst = min(own, key=lambda alert: _ORDER.index(_state(alert)), default=None)
        state = _state(worst) if worst else ""
        names = {"rule": rule["name"], "severity": definition.get("severity", "warning")}
        found.append(
            {
                "name": rule["name"],
                "state": state,
                "firing": sum(_state(alert) == "firing" for alert in own),
                "words": sentence(definition, units),
                "severity": names["severity"],
                "channels": ", ".join(definition.get("channels", ())),
                "since": worst["since"].replace(tzinfo=UTC) if worst else None,
                "unit": units.get(metric_key(definition["metric"], definition.get("statistic", "")), ""),
                "value": worst["value"] if worst else None,
                "silenced_until": max(
                    (each["ends_at"] for each in silences if _matches(each["matchers"], names)), default=None
                ),
                "author": rule["author"],
                "definition": definition,
                "alerts": own,
            }
        )
    return sorted(found, key=lambda row: (_ORDER.index(row["state"]), row["name"]))


def _state(alert: Row) -> str:
    """An alert that is open fires, whatever its last slot could not tell."""
    is_open = alert["open_since"].replace(tzinfo=UTC) > datetime.fromtimestamp(0, UTC)
    return "firing" if is_open and alert["state"] in ("firing", "inactive") else str(alert["state"])


def _matches(matchers: Mapping[str, str], names: Mapping[str, str]) -> bool:
    return bool(matchers) and all(names.get(name) == value for name, value in matchers.items())


def rule_list(desk: RuleDesk | None, rows: Sequence[dict[str, Any]]) -> None:
    """Draw the list and the rule that is chosen in it."""
    if not rows:
        nothing(
            "There is no rule yet. Make the first one with the button above, or put a rules file into the settings."
        )
        return
    columns = {
        "state": words("State", 125, pinned=True),
        "name": words("Rule", 190),
        "words": words("Tells when", 430),
        "since": words("Since", 120),
        "severity": words("Severity", 75),
        "channels": words("Tells", 130),
        "silenced": words("Silenced until", 115),
        "author": words("From", 120),
    }
    shown, names = [_cells(row) for row in rows], [row["name"] for row in rows]
    _one(desk, rows[tables.choose(shown, columns, names, title="Rule", key="rule")])


def _cells(row: Row) -> dict[str, Any]:
    many = f" ({row['firing']})" if row["firing"] > 1 else ""
    tz = viewer_zone()
    return {
        "state": f"{_MARKS[row['state']]} {STATES[row['state']]}{many}",
        "name": one_line(row["name"], 100),
        "words": one_line(row["words"], 200),
        "since": format.clock(row["since"], tz) if row["since"] else None,
        "severity": row["severity"],
        "channels": one_line(row["channels"], 100) or "nobody",
        "silenced": format.clock(row["silenced_until"].replace(tzinfo=UTC), tz) if row["silenced_until"] else None,
        "author": one_line(row["author"], 60),
    }


def _one(desk: RuleDesk | None, row: Row) -> None:
    with card(label(row["name"], 100), label(f"from {row['author']}", 80)):
        told = label(row["channels"], 100) if row["channels"] else "nobody"
        st.markdown(f"Tells {told} when {label(row['words'], 400)}.")
        if row["author"].startswith("file:"):
            st.caption("This rule is in a file: what you change here lasts until the file changes. Edit the file too.")
        for alert in row["alerts"][:_MOST_ALERTS]:
            _alert(row, alert)
        if len(row["alerts"]) > _MOST_ALERTS:
            st.caption(f"and {len(row['alerts']) - _MOST_ALERTS:,} more")
        if not row["alerts"]:
            st.caption("It has not been evaluated yet. `watchglass alert` does that, a minute after each slot.")
        _actions(desk, row)


def _alert(row: Row, alert: Row) -> None:
    state = _state(alert)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(STATES[state], color=_COLOURS.get(state, "gray"))  # type: ignore[arg-type]
        labels = " ".join(f"{name}={value or '(none)'}" for name, value in sorted(alert["labels"].items()))
        if labels:
            st.markdown(f"**{label(labels, 120)}**", width="content")
        st.caption(f"since {format.clock(alert['since'].replace(tzinfo=UTC), viewer_zone())}", width="content")
    untrusted(one_line(alert["reason"], 300))


def _actions(desk: RuleDesk | None, row: Row) -> None:
    if not access.may("editor"):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if desk is not None:
            st.button("Edit", key="rule_edit", icon=":material/edit:", on_click=_edit, args=(row["name"],))
        quiet, name = ":material/notifications_paused:", row["name"]
        st.button("Silence 2 h", key="rule_silence_2h", icon=quiet, on_click=_silence, args=(name, timedelta(hours=2)))
        st.button("Silence 1 d", key="rule_silence_1d", icon=quiet, on_click=_silence, args=(name, timedelta(days=1)))
        if desk is not None:
            with st.popover("Delete", icon=":material/delete:"):
                st.caption(
                    f"What is firing for {label(name, 100)} resolves with this as its reason. "
                    "Old versions stay in the table."
                )
                st.button("Delete it", key="rule_delete", type="primary", on_click=_delete, args=(desk, row))


@told()
def _silence(name: str, length: timedelta) -> None:
    alert_silences.silence({"rule": name}, length, "from the Alerts page")


def _edit(name: str) -> None:
    st.query_params["edit"] = name


@told()
def _delete(desk: RuleDesk, row: Row) -> None:
    writing.change(
        "alert_rule.delete",
        row["name"],
        lambda store, author, now: desk.delete(store, row["name"], author, now),
        before=row["definition"],
    )
    st.session_state.pop("rule", None)
