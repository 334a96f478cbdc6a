"""Drift: what the monitors say, one of them over time, and what changed, with examples."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, drift_evidence, tables
from watchglass_dashboards.ui.drift_evidence import moment
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.layout import card, kpi, nothing
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.tables import figures, words
from watchglass_dashboards.ui.text import one_line, option, untrusted
from watchglass_dashboards.ui.zoom import zoomable
from watchglass_store.queries import pages_drift as queries
from watchglass_store.queries.pages_drift import Watched

_KNOWN_FOR = timedelta(days=90)
_HOW = {"p_value": "p-value", "distance": "distance", "evidence": "evidence"}
_EXAMPLE = '[[evaluators.monitors]]\nname = "answers"\ngroup_by = ["service_name"]\n'


def page() -> None:
    """Draw the page."""
    if not has_calls():
        return
    scope = selection().scope(datetime.now(UTC))
    since = scope.end.replace(hour=0, minute=0) - _KNOWN_FOR
    with st.skeleton(height=400):
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
    with card("Over time", _limit_said(row), rows=course_rows(found), key="drift_course"):
        if any(result["value"] is not None for result in found):
            spec = drift_evidence.chart(found, row["value_kind"], ink(), height=charts.HEIGHT)
            zoomable(spec, key="drift_course")
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
    columns = {
        "state": words("State", 85, pinned=True),
        "monitor": words("Monitor and group", 200),
        "target": words("Watches", 120),
        "method": words("Method", 90),
        "value": figures("Last value", 80, "%.3g"),
        "how": words("which is a", 75),
        "limit": figures("Limit", 65, "%.3g"),
        "reference": figures("n reference", 80),
        "current": figures("n now", 65),
        "until": words("Until", 120),
        "alarms": figures("Alarms", 62),
        "why": words("Unscored because", 180),
    }
    shown, names = [_shown(row) for row in rows], [name_of(row) for row in rows]
    return rows[tables.choose(shown, columns, names, title="Monitor", key="monitor", most_height=330)]


def course_rows(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_drift.results` for a file; times in UTC."""
    return [
        {
            "from": datetime.fromtimestamp(row["start_ms"] / 1000, UTC),
            "until": datetime.fromtimestamp(row["end_ms"] / 1000, UTC),
            "value": row["value"],
            "limit": row["threshold"],
            "alarm": bool(row["is_alarm"]),
            "n_reference": row["n_reference"],
            "n_now": row["n_current"],
            "unscored_because": row["reason"] or None,
        }
        for row in found
    ]


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
