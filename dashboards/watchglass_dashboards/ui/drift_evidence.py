"""What a drift monitor found: its value over time against its limit, and what changed, with examples."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import streamlit as st

from watchglass_dashboards import pages
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.charts import axis, vega
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.layout import nothing
from watchglass_dashboards.ui.palette import Ink
from watchglass_dashboards.ui.text import label, untrusted
from watchglass_dashboards.ui.trace_address import trace_query
from watchglass_dashboards.ui.trace_panel import is_id

#: Below it a p-value is drawn at it, so that one very sure window does not flatten the rest.
_SMALLEST = 1e-4
_EXAMPLES = 3


def chart(rows: Sequence[Mapping[str, Any]], value_kind: str, ink: Ink, *, height: int) -> dict[str, Any]:
    """Values over time against the limit; alarms are red. P-values and evidence on a logarithmic axis.

    Args:
        rows: Of `pages_drift.results`, at least one with a value.
        value_kind: 'p_value', 'distance' or 'evidence'.
        ink: Colours.
        height: Pixels.
    """
    is_log = value_kind != "distance"
    drawn = [
        {
            "time": row["end_ms"],
            "value": max(row["value"], _SMALLEST) if is_log else row["value"],
            "limit": row["threshold"],
            "state": "alarm" if row["is_alarm"] else "no drift",
            "n": f"{row['n_reference']:,} / {row['n_current']:,}",
        }
        for row in rows
        if row["value"] is not None
    ]
    edges = [edge for row in drawn for edge in (row["value"], row["limit"]) if edge is not None]
    y = {"type": "quantitative", **_scale(edges, ink, is_log=is_log)}
    x = {"field": "time", "type": "temporal"}
    span_ms = drawn[-1]["time"] - drawn[0]["time"]
    times = {**axis(ink), "grid": False, "tickCount": 6, "format": "%H:%M" if span_ms <= 36 * 3_600_000 else "%d %b"}
    tip = [
        {"field": "time", "type": "temporal", "format": "%d %b %H:%M", "title": "until"},
        {"field": "value", "type": "quantitative", "format": ".3~g"},
        {"field": "limit", "type": "quantitative", "format": ".3~g"},
        {"field": "n", "type": "nominal", "title": "reference / now"},
    ]
    colour = {"type": "nominal", "scale": {"domain": ["no drift", "alarm"], "range": [ink.primary, ink.error]}}
    legend = {"title": None, "orient": "top", "symbolType": "circle", "symbolSize": 60}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "color": ink.warn, "strokeDash": [4, 3], "strokeWidth": 1.2},
            "encoding": {"x": {**x, "axis": times}, "y": {**y, "field": "limit"}},
        },
        {
            "mark": {"type": "line", "color": ink.primary, "strokeWidth": 1.2, "opacity": 0.5},
            "encoding": {"x": x, "y": {**y, "field": "value"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 42, "opacity": 1},
            "encoding": {
                "x": x,
                "y": {**y, "field": "value"},
                "color": {**colour, "field": "state", "legend": legend},
                "tooltip": tip,
            },
        },
    ]
    return vega({"layer": layers}, drawn, ink, height)


def _scale(edges: Sequence[float], ink: Ink, *, is_log: bool) -> dict[str, Any]:
    if not is_log:
        scale: dict[str, Any] = {"domain": [0, max(edges) * 1.1 or 1]}
        return {"scale": scale, "axis": {**axis(ink), "format": "~g", "tickCount": 4}}
    low, high = min(edges) / 1.5, max(edges) * 1.5
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = {**axis(ink), "format": "~g", "values": [10.0**power for power in powers]}
    return {"scale": {"type": "log", "domain": [low, high]}, "axis": ticks}


def parse_changes(text: str) -> list[dict[str, Any]]:
    """The list in `drift_results.changes`; empty where it is not one."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    return [change for change in found if isinstance(change, dict)] if isinstance(found, list) else []


def change_line(change: Mapping[str, Any]) -> str:
    """One change in words, safe in markdown: '**refund, invoice** in 1.2% → 14.0% of the texts'."""
    name = label(str(change.get("name", "")).replace("_", " "), 80)
    before, after = _number(change.get("reference")), _number(change.get("current"))
    sure = f" · {_number(change.get('z')):+.1f} standard errors"
    kind = change.get("kind")
    if kind == "mean":
        effect = _number(change.get("effect_sd"))
        return f"Mean **{name}** {format.score(before)} → {format.score(after)} ({effect:+.2f} sd){sure}"
    shares = f"{format.percent(before, 1)} → {format.percent(after, 1)}"
    if kind == "quantile":
        return f"**{name}** above {format.score(_number(change.get('above')))}: {shares} of the texts{sure}"
    what = "Texts like" if kind == "cluster" else "The word"
    return f"{what} **{name}**: {shares} of the texts{sure}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def show_changes(changes: Sequence[Mapping[str, Any]], key: str) -> None:
    """Each change in words, with examples as text and a link to the trace of each."""
    if not changes:
        nothing("Nothing changed so clearly that it can be named.")
        return
    for place, change in enumerate(changes):
        with st.container(border=True, gap="small"):
            st.markdown(change_line(change))
            for at, example in enumerate(change.get("examples", [])[:_EXAMPLES]):
                _example(example, f"{key}_{place}_{at}")


def _example(example: Mapping[str, Any], key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key=key):
        trace_id = str(example.get("trace_id", ""))
        if is_id(trace_id):
            query = trace_query(trace_id, str(example.get("span_id", "")), str(example.get("project", "")))
            st.page_link(pages.page("trace"), label="Open", icon=":material/open_in_new:", query_params=query)
        untrusted(example.get("text", ""), limit=300)


def moment(time_ms: int) -> str:
    """Unix milliseconds in the viewer's zone."""
    return format.clock(datetime.fromtimestamp(time_ms / 1000, UTC), viewer_zone())
