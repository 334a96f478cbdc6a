"""Safety: how many calls each check flags and how sure that is, of which kind, and which calls."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, format, interval_charts, tables
from watchglass_dashboards.ui.choice import choice
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.layout import card, kpi, nothing
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.quality import by_moment, score_bucket_s
from watchglass_dashboards.ui.stats import wilson
from watchglass_dashboards.ui.tables import links, moments, words
from watchglass_dashboards.ui.text import label, one_line, option
from watchglass_dashboards.ui.trace_address import trace_address
from watchglass_dashboards.ui.zoom import zoomable
from watchglass_store.queries import pages_safety as queries
from watchglass_store.queries import pages_traces
from watchglass_store.queries.evaluation import CallId
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_safety import Versions


def page() -> None:
    """Draw the page."""
    if not has_calls():
        return
    chosen = selection()
    scope = chosen.scope(datetime.now(UTC))
    bucket_s = score_bucket_s(chosen.bucket_s)
    with st.skeleton(height=400):
        versions = tuple(read(queries.newest, scope))
        series = read(queries.flag_series, scope, versions, bucket_s) if versions else []
    rows, course = queries.flags(series), [row for row in series if row["n"]]
    if not rows:
        nothing("No safety check scored calls of this time range. Choose a longer one, or switch one on.")
        return
    _numbers(rows, course)
    left, right = st.columns([1.35, 1], gap="small")
    with left:
        _course(scope, course, rows, bucket_s)
    with right:
        _kinds(scope, versions)
    _calls(scope, versions)


def title_of(row: dict[str, Any]) -> str:
    """'pii_prompt' -> 'pii in prompts'; safe in markdown."""
    name = row["name"]
    if name.endswith("_prompt"):
        return f"{label(name.removesuffix('_prompt').replace('_', ' '), 40)} in prompts"
    return label(name.replace("_", " "), 40)


def _numbers(rows: Sequence[dict[str, Any]], course: Sequence[dict[str, Any]]) -> None:
    courses: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for point in course:
        courses[point["name"], point["evaluator"]].append(point["n_flagged"] / point["n"])
    with st.grid(5, min_column_width=165, gap="small"):
        for row in rows:
            low, high = wilson(row["n_flagged"], row["n"])
            share = row["n_flagged"] / row["n"] if row["n"] else None
            rests_on = f"95 % interval {format.percent_range(low, high)} · {row['n_flagged']:,} of {row['n']:,}"
            if row["n_unscored"]:
                rests_on += f" · {row['n_unscored']:,} unscored"
            kpi(title_of(row), format.percent(share), rests_on, trend=courses[row["name"], row["evaluator"]])


def share_rows(course: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_safety.flag_series` as `charts.band` takes them."""
    rows = []
    for point in course:
        low, high = wilson(point["n_flagged"], point["n"])
        share = point["n_flagged"] / point["n"]
        rows.append({"time": point["bucket"] * 1000, "mean": share, "low": low, "high": high, "n": point["n"]})
    return rows


def _course(scope: Scope, series: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], bucket_s: int) -> None:
    names = [option(f"{row['name']} / {row['evaluator']}") for row in rows]
    course: list[dict[str, Any]] = []
    said = f"share of each {format.whole(bucket_s)} with its 95 % interval"
    with card("Flagged over time", said, rows=lambda: by_moment(course), key="flag_course"):
        row = rows[choice("Check", names, key="check", width=300, label="collapsed")]
        course = share_rows(
            [point for point in series if (point["name"], point["evaluator"]) == (row["name"], row["evaluator"])]
        )
        if not course:
            nothing("No call of this time range has a value.")
            return
        span_ms = round((scope.end - scope.start).total_seconds() * 1000)
        spec = charts.band(course, span_ms, ink(), height=charts.HEIGHT, is_share=True)
        zoomable(spec, key="flag_course")


def kind_rows(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_safety.kinds` as `interval_charts.bars` takes them."""
    return [
        {"name": f"{one_line(row['name'].replace('_', ' '), 24)}: {one_line(row['kind'], 30)}", "value": row["calls"]}
        for row in found[:12]
    ]


def _kinds(scope: Scope, versions: Versions) -> None:
    found = kind_rows(read(queries.kinds, scope, versions))
    with card("Kinds of findings", "flagged calls, by what was found", rows=found, key="kinds"):
        if found:
            st.vega_lite_chart(interval_charts.bars(found, ink()), key="kinds", width="stretch")
        else:
            nothing("Nothing was flagged with a kind.")


def _calls(scope: Scope, versions: Versions) -> None:
    found = read(queries.flagged_calls, scope, versions)
    keys = [(row["time_ms"] // 3_600_000 * 3600, row["trace_id"], row["span_id"], row["project"]) for row in found]
    calls = {(call["trace_id"], call["span_id"], call["key_project"]): call for call in read(pages_traces.calls, keys)}
    shown = flagged_rows(found, calls)
    with card("Flagged calls", "the newest 50", rows=shown, key="flagged"):
        if not found:
            nothing("No call of this time range was flagged.")
            return
        columns = {
            "time": moments(),
            "found": st.column_config.ListColumn("Flagged by", width=200),
            "prompt": words("Prompt", 290),
            "answer": words("Answer", 290),
            "service": words("Service", 110),
            "model": words("Model", 130),
            "open": links(),
        }
        tables.show(shown, columns, key="flagged")


def flagged_rows(found: Sequence[dict[str, Any]], calls: dict[CallId, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_safety.flagged_calls` with the texts of their calls."""
    shown = []
    for row in found:
        call = calls.get((row["trace_id"], row["span_id"], row["project"]), {})
        shown.append(
            {
                "time": datetime.fromtimestamp(row["time_ms"] / 1000, UTC),
                "found": [one_line(name.replace("_", " "), 40) for name in row["found"]],
                "prompt": one_line(call.get("prompt", ""), 160) or None,
                "answer": one_line(call.get("answer", ""), 160) or None,
                "service": one_line(row["service"], 60) or None,
                "model": one_line(row["call_model"], 60) or None,
                "open": trace_address(row["trace_id"], row["span_id"], row["project"]),
            }
        )
    return shown
