"""The span tree beside its timeline, as a small component of our own (`waterfall.js`, `waterfall.css`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from watchglass_dashboards.ui.text import one_line
from watchglass_dashboards.ui.tree import Row

_HERE = Path(__file__).parent
_waterfall = st.components.v2.component(
    "watchglass_waterfall",
    html='<div id="tree" role="tree" aria-label="Spans of this trace"></div>',
    css=(_HERE / "waterfall.css").read_text(encoding="utf-8"),
    js=(_HERE / "waterfall.js").read_text(encoding="utf-8"),
)


def waterfall(rows: Sequence[Row], selected: str, *, start_ns: int, total_s: float, key: str) -> str:
    """Draw rows and return the id of the selected span.

    Args:
        rows: The rows of this page of the tree.
        selected: Id of the span that is selected until the reader selects another.
        start_ns: Start of the whole trace, Unix.
        total_s: Duration of the whole trace, seconds.
        key: Widget key.
    """
    data = {
        "spans": [_span(row, start_ns) for row in rows],
        "total_ms": max(total_s * 1000, 0.001),
        "selected": selected,
    }
    result = _waterfall(data=data, key=key, default={"selected": selected}, on_selected_change=_keep)
    return str(result.selected or selected)


def _keep() -> None:
    """Streamlit wants a callback for each state value; the value itself is all that is needed."""


def _span(row: Row, start_ns: int) -> dict[str, Any]:
    span = row.span
    return {
        "id": span.id,
        "name": one_line(span.name, 200) or "(no name)",
        "kind": span.kind,
        "depth": row.depth,
        "children": row.children,
        "note": row.note,
        "start": max(0.0, (span.start_ns - start_ns) / 1e6),
        "ms": max(0.0, span.duration_s * 1000),
        "first_token": None if span.time_to_first_token_s is None else span.time_to_first_token_s * 1000,
        "error": span.is_error,
    }
