"""Dragging over a time chart zooms: the range goes into the address, where every page finds it."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards.ui.filters import parse_between
from watchglass_dashboards.ui.palette import Ink, ink

_SHORTEST_S = 60
_PARAMETER = "zoom"


def zoomable(spec: dict[str, Any], *, key: str) -> None:
    """Draw a Vega-Lite chart over time that zooms the whole page where it is dragged over.

    Args:
        spec: One view or layers, its x axis over `start` or `time` (Unix milliseconds).
        key: Of the widget, no other chart's of the page.
    """
    # A new range is a new chart: the old one's selection would zoom again.
    shown = f"{key}_{st.query_params.get('from', '')}_{st.query_params.get('to', '')}"
    event = st.vega_lite_chart(
        draggable(spec, ink()), key=shown, on_select="rerun", selection_mode=_PARAMETER, width="stretch"
    )
    edges = dragged(event)
    if edges and parse_between(*edges) and edges != (st.query_params.get("from"), st.query_params.get("to")):
        st.query_params.update({"from": edges[0], "to": edges[1]})
        st.rerun()


def draggable(spec: dict[str, Any], ink: Ink) -> dict[str, Any]:
    """The chart with an interval over its x axis that a drag selects; of layers, over that of the first."""
    interval = {
        "name": _PARAMETER,
        "select": {
            "type": "interval",
            "encodings": ["x"],
            "mark": {"fill": ink.primary, "fillOpacity": 0.12, "stroke": ink.primary},
        },
    }
    if "layer" not in spec:
        return {**spec, "params": [interval]}
    first, *others = spec["layer"]
    return {**spec, "layer": [{**first, "params": [interval]}, *others]}


def dragged(event: Any) -> tuple[str, str] | None:
    """The dragged range of a chart's selection as ISO 8601 texts, whole minutes; None where nothing was dragged."""
    picked: dict[str, Any] = ((event.selection if event else None) or {}).get(_PARAMETER, {})
    edges = picked.get("start") or picked.get("time")
    if not edges or len(edges) < 2:
        return None
    first, last = min(edges) // 60_000 * 60, -(-max(edges) // 60_000) * 60
    last = max(last, first + _SHORTEST_S)
    return _iso(first), _iso(last)


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
