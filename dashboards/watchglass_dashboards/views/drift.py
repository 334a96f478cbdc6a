"""Drift: what the monitors say, one of them over time, and what changed, with examples."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, drift_evidence, format
from watchglass_dashboards.ui.drift_evidence import moment
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.first_span import first_span
from watchglass_dashboards.ui.layout import card, fresh_line, kpi, nothing
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.text import one_line, option, untrusted
from watchglass_store.queries import pages_drift as queries
from watchglass_store.queries.pages_drift import Watched

_KNOWN_FOR = timedelta(days=90)
_HOW = {"p_value": "p-value", "distance": "distance", "evidence": "evidence"}
_EXAMPLE = '[[evaluators.monitors]]\nname = "answers"\ngroup_by = ["service_name"]\n'


def page() -> None:
    """Draw the page."""
    fresh = fresh_line()
    if fresh.last_received is None:
        first_span(fresh.spans)
        return
    scope = selection().scope(datetime.now(UTC))
    since = scope.end.replace(hour=0, minute=0) - _KNOWN_FOR
    rows = read(queries.monitors, since)
    if scope.service:
        rows = [row for row in rows if row["service_name"] in ("", scope.service)]
    if not rows:
        nothing("No drift monitor has found anything yet. Add one to the configuration file, for example:")
        st.code(_EXAMPLE, language="toml")
        return
    _numbers(rows)
    row = _choose(rows)
    watched = Watched(row["monitor"], row["version"], row["service_name"], row["model"], row["prompt_version"])
    found = read(queries.results, watched, scope.end)
    with card("Over time", _limit_said(row)):
        if any(result["value"] is not None for result in found):
            spec = drift_evidence.chart(found, row["value_kind"], ink(), height=charts.HEIGHT)
            st.vega_lite_chart(spec, key="drift_course", width="stretch")
        else:
            nothing("This monitor has no value up to the end of the time range.")
    if found:
        _what_changed(watched, found)


def _numbers(rows: Sequence[dict[str, Any]]) -> None:
    alarms = sum(row["last_alarm"] for row in rows)
    unscored = sum(row["last_value"] is None for row in rows)
    with st.grid(4, min_column_width=170, gap="small"):
        kpi("Drifting now", f"{alarms:,}", f"of {len(rows):,} watched series, by their last result")
        kpi("Unscored now", f"{unscored:,}", "the table says why")
        kpi("Alarms", f"{sum(row['n_alarms'] for row in rows):,}", f"in {_KNOWN_FOR.days:d} days")
        kpi("Looks", f"{sum(row['n_results'] for row in rows):,}", f"in {_KNOWN_FOR.days:d} days")


def name_of(row: dict[str, Any]) -> str:
    """Monitor and group, as the choice shows it."""
    group = [row[column] for column in ("service_name", "model", "prompt_version") if row[column]]
    return " / ".join([row["monitor"], *group])


def _choose(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = [option(name_of(row)) for row in rows]

    def take() -> None:
        picked = st.session_state.monitors.selection.rows
        if picked and picked[0] < len(names):
            st.session_state.monitor = names[picked[0]]

    config = st.column_config
    shown = pd.DataFrame([_shown(row) for row in rows])
    st.dataframe(
        shown,
        hide_index=True,
        height=min(330, 39 + 34 * len(shown)),
        row_height=34,
        placeholder=format.GAP,
        key="monitors",
        on_select=take,
        selection_mode="single-row",
        column_config={
            "state": config.TextColumn("State", width=85, pinned=True),
            "monitor": config.TextColumn("Monitor and group", width=200),
            "target": config.TextColumn("Watches", width=120),
            "method": config.TextColumn("Method", width=90),
            "value": config.NumberColumn("Last value", format="%.3g", width=80),
            "how": config.TextColumn("which is a", width=75),
            "limit": config.NumberColumn("Limit", format="%.3g", width=65),
            "reference": config.NumberColumn("n reference", format="localized", width=80),
            "current": config.NumberColumn("n now", format="localized", width=65),
            "until": config.TextColumn("Until", width=120),
            "alarms": config.NumberColumn("Alarms", format="localized", width=62),
            "why": config.TextColumn("Unscored because", width=180),
        },
    )
    chosen = st.selectbox("Monitor", names, key="monitor", bind="query-params", format_func=option, width=380)
    return rows[names.index(chosen)]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    state = "unscored" if row["last_value"] is None else "drift" if row["last_alarm"] else "no drift"
    return {
        "state": state,
        "monitor": one_line(name_of(row), 120),
        "target": one_line(row["target"].replace("_", " "), 60),
        "method": one_line(row["method"], 40),
        "value": row["last_value"],
        "how": _HOW.get(row["value_kind"], ""),
        "limit": row["last_threshold"],
        "reference": row["last_reference_calls"],
        "current": row["last_current_calls"],
        "until": moment(row["last_end_ms"]),
        "alarms": row["n_alarms"],
        "why": one_line(row["last_error"], 160) or None,
    }


def _limit_said(row: dict[str, Any]) -> str:
    side = "at or below" if row["value_kind"] == "p_value" else "at or above"
    return f"{_HOW.get(row['value_kind'], 'value')} of each look; alarm {side} the dashed line"


def _what_changed(watched: Watched, found: Sequence[dict[str, Any]]) -> None:
    alarms = [result for result in found if result["is_alarm"]]
    ends = {moment(result["end_ms"]): result for result in reversed(found)}
    preset = list(ends).index(moment(alarms[-1]["end_ms"])) if alarms else 0
    with card("What changed", "against the reference, the surest first"):
        chosen = st.selectbox("Look that ended at", list(ends), index=preset, key="look", format_func=option, width=260)
        result = ends[chosen]
        details = read(queries.result, watched, result["end_ms"])
        if details is None:
            return
        reference = f"{moment(details['reference_start_ms'])} to {moment(details['reference_end_ms'])}"
        st.caption(
            f"{result['n_current']:,} calls against {result['n_reference']:,} of {reference}. "
            "With many calls everything small is clear: look at the shares too."
        )
        if result["value"] is None:
            untrusted(f"Unscored: {result['reason']}")
            return
        drift_evidence.show_changes(drift_evidence.parse_changes(details["changes"]), key="change")
        if details["has_report"]:
            st.download_button(
                "Evidently's report (HTML)",
                lambda: read(queries.report, watched, result["end_ms"]),
                "drift-report.html",
                "text/html",
                icon=":material/download:",
            )
