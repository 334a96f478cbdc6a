"""Compare: two models, prompt versions, services, releases, environments or times side by side, with 95 % intervals."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, interval_charts
from watchglass_dashboards.ui.choice import choice
from watchglass_dashboards.ui.comparison import Compared, calls_compared, dot_rows, histogram_rows, scores_compared
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.layout import card, nothing
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.text import option
from watchglass_store.queries import pages_compare as queries
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_compare import Column, Sides

_COLUMNS: dict[str, Column] = {
    "Models": "model",
    "Prompt versions": "prompt_version",
    "Services": "service_name",
    "Service versions": "service_version",
    "Environments": "environment",
}
_TIME = "Now and before"
_PER_DECADE = 16


def page() -> None:
    """Draw the page."""
    if not has_calls():
        return
    scope = selection().scope(datetime.now(UTC))
    sides = _sides(scope)
    if sides is None:
        return
    with st.skeleton(height=400):
        both = read(queries.calls, scope, sides, _PER_DECADE)
    if len(both) < 2:
        nothing("One of the two has no calls in this time range. Choose a longer one, or two others.")
        return
    compared = [*scores_compared(read(queries.scores, scope, sides)), *calls_compared(both[False], both[True])]
    _verdict(compared)
    left, right = st.columns([1.25, 1], gap="small")
    rows = dot_rows(compared)
    with left, card("Effect of going from A to B", "in % of A, with 95 % intervals", rows=rows, key="effects"):
        spec = interval_charts.dots(rows, ink(), form="+.0%", line_at=0, by_verdict=True)
        st.vega_lite_chart(spec, key="effects", width="stretch")
        st.caption("Each interval is 95 % sure by itself: of twenty measures, one will look different by chance.")
    shown = number_rows(compared)
    with right, card("Numbers", "means of each side", rows=shown, key="numbers"):
        _numbers(shown)
    found = histogram_rows((both[False]["latencies"], both[True]["latencies"]), _PER_DECADE, ("A", "B"))
    with card("Latency", "seconds of successful calls, on a logarithmic scale", rows=found, key="latencies"):
        if found:
            spec = interval_charts.two_histograms(found, ("A", "B"), ink(), height=charts.HEIGHT)
            st.vega_lite_chart(spec, key="latencies", width="stretch")
        else:
            nothing("No call succeeded.")


def _sides(scope: Scope) -> Sides | None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="sides"):
        by = st.segmented_control(
            "Compare",
            [*_COLUMNS, _TIME],
            default="Models",
            required=True,
            key="by",
            bind="query-params",
            label_visibility="collapsed",
        )
        if by == _TIME:
            st.caption("A is the period of the same length before this time range, B is this time range.")
            return Sides("time")
        column = _COLUMNS[by]
        known = read(queries.values, scope, column)
        if len(known) >= 2:
            names = [option(value) for value in known]
            older, newer = (1, 0) if column == "service_version" else (0, 1)
            a = choice("A (baseline)", names, first=older, key="a", width=240)
            b = choice("B (candidate)", names, first=newer, key="b", width=240)
            if a != b:
                return Sides(column, known[a], known[b])
    nothing("There are no two different ones in this time range. Choose a longer one, or compare something else.")
    return None


def verdict_line(compared: Sequence[Compared]) -> str:
    """'B is better on 3, worse on 1 …'."""
    verdicts = [one.verdict for one in compared]
    better, worse, different = (verdicts.count(word) for word in ("better", "worse", "different"))
    unclear = verdicts.count("no clear difference")
    text = f"B is **better on {better:d}**, **worse on {worse:d}**"
    if different:
        text += f", different on {different:d} where neither direction is better"
    return f"{text}, and not clearly different on {unclear:d} of {len(verdicts):d} measures."


def _verdict(compared: Sequence[Compared]) -> None:
    st.markdown(verdict_line(compared))


def number_rows(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """Each measure's two sides, as shown and as a file has them."""
    return [
        {
            "measure": one.name,
            "verdict": one.verdict,
            "change": one.relative[0] if one.relative else None,
            "a": one.a,
            "b": one.b,
            "unit": one.unit,
            "n_a": one.n_a,
            "n_b": one.n_b,
        }
        for one in compared
    ]


def _numbers(shown: Sequence[dict[str, Any]]) -> None:
    config = st.column_config
    st.dataframe(
        pd.DataFrame(shown),
        hide_index=True,
        placeholder="—",
        height=39 + 35 * len(shown),
        column_config={
            "measure": config.TextColumn("Measure", width=150, pinned=True),
            "a": config.NumberColumn("A", format="%.3g", width=70),
            "b": config.NumberColumn("B", format="%.3g", width=70),
            "unit": config.TextColumn("Unit", width=60),
            "change": config.NumberColumn("Change", format="percent", width=70),
            "verdict": config.TextColumn("Verdict", width=118),
            "n_a": config.NumberColumn("n of A", format="localized", width=65),
            "n_b": config.NumberColumn("n of B", format="localized", width=65),
        },
    )
