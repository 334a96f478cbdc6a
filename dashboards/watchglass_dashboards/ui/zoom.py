"""Dragging over a time chart zooms: the range goes into the address, where every page finds it."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards.ui.filters import parse_between

_SHORTEST_S = 60


def zoomable(spec: dict[str, Any], *, key: str) -> None:
    """Draw a Vega-Lite chart over time that zooms the whole page where it is dragged over.

    Args:
        spec: With a parameter `zoom`, an interval over `start` or `time` (Unix milliseconds).
        key: Of the widget.
    """
    # A new range is a new chart: the old one's selection would zoom again.
    shown = f"{key}_{st.query_params.get('from', '')}_{st.query_params.get('to', '')}"
    event = st.vega_lite_chart(spec, key=shown, on_select="rerun", selection_mode="zoom", width="stretch")
    edges = dragged(event)
    if edges and parse_between(*edges) and edges != (st.query_params.get("from"), st.query_params.get("to")):
        st.query_params.update({"from": edges[0], "to": edges[1]})
        st.rerun()


def dragged(event: Any) -> tuple[str, str] | None:
    """The dragged range of a chart's selection as ISO 8601 texts, whole minutes; None where nothing was dragged."""
    picked: dict[str, Any] = ((event.selection if event else None) or {}).get("zoom", {})
    edges = picked.get("start") or picked.get("time")
    if not edges or len(edges) < 2:
        return None
    first, last = min(edges) // 60_000 * 60, -(-max(edges) // 60_000) * 60
    last = max(last, first + _SHORTEST_S)
    return _iso(first), _iso(last)


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
