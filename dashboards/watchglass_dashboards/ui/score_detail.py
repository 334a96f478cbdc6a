"""One series of scores: its numbers, course, distribution, slices, and the calls it found."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, format, interval_charts, tables
from watchglass_dashboards.ui.layout import card, kpi, nothing
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.quality import band_rows, by_moment
from watchglass_dashboards.ui.stats import mean_interval, wilson
from watchglass_dashboards.ui.tables import figures, links, moments, words
from watchglass_dashboards.ui.text import one_line, untrusted
from watchglass_dashboards.ui.trace_address import trace_address
from watchglass_dashboards.ui.zoom import zoomable
from watchglass_store.queries import pages_quality as queries
from watchglass_store.queries import pages_traces
from watchglass_store.queries.evaluation import CallId
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_quality import ScoreKey

_BINS = 25
_SLICES: dict[str, queries.Slice] = {
    "Service": "service_name",
    "Model": "model",
    "Environment": "environment",
    "Prompt version": "prompt_version",
}


def numbers(row: dict[str, Any]) -> None:
    """Mean, median, share scored and cost of a row of `score_list`."""
    total = row["n"] + row["n_unscored"]
    interval = mean_interval(row["mean"], row["deviation"], row["n"]) if row["n"] else None
    rests_on = f"n {row['n']:,}"
    if interval:
        rests_on = f"95 % interval {format.score(interval[0])} to {format.score(interval[1])} · n {row['n']:,}"
    low, high = wilson(row["n"], total)
    with st.grid(4, min_column_width=170, gap="small"):
        mean = row["mean"] if row["n"] else None
        kpi("Mean", format.score(mean), rests_on, change=format.change(mean, row["previous_mean"]))
        kpi("Median", format.score(row["median"] if row["n"] else None), f"n {row['n']:,}")
        kpi(
            "Scored",
            format.percent(row["n"] / total, 1),
            f"95 % interval {format.percent_range(low, high)} · {row['n']:,} of {total:,}",
        )
        kpi("Cost", format.usd(row["cost"] or None), "of scoring these calls" if row["cost"] else "scoring was free")


def over_time(scope: Scope, key: ScoreKey, bucket_s: int) -> None:
    """Mean with its interval, by time."""
    course = band_rows(read(queries.score_series, scope, key, bucket_s))
    said = f"mean of each {format.whole(bucket_s)} with its 95 % interval"
    with card("Over time", said, rows=by_moment(course), key="score_course"):
        if not course:
            nothing("No call of this time range has a value.")
            return
        span_ms = round((scope.end - scope.start).total_seconds() * 1000)
        spec = charts.band(course, span_ms, ink(), height=charts.HEIGHT)
        zoomable(spec, key="score_course")


def bins(spread: tuple[float, float], stated: tuple[float | None, float | None]) -> tuple[float, float]:
    """Edges of a histogram: the stated range where it is finite and the values fill a tenth of it, else the values'."""
    low, high = spread
    if stated[0] is not None and stated[1] is not None and (high - low) * 10 >= stated[1] - stated[0]:
        return stated[0], stated[1]
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def bin_rows(counted: Sequence[dict[str, Any]], low: float, high: float, n_bins: int) -> list[dict[str, Any]]:
    """Rows of `pages_quality.histogram` as `interval_charts.histogram` takes them; empty bins are there too."""
    by_bin = {row["at"]: row["calls"] for row in counted}
    total = sum(by_bin.values()) or 1
    width = (high - low) / n_bins
    return [
        {
            "low": low + at * width,
            "high": low + (at + 1) * width,
            "calls": by_bin.get(at, 0),
            "share": by_bin.get(at, 0) / total,
        }
        for at in range(n_bins)
    ]


def distribution(scope: Scope, key: ScoreKey, row: dict[str, Any]) -> None:
    """Shares of values."""
    spread, rows = read(queries.spread, scope, key), []
    if spread is not None:
        low, high = bins(spread, (row["lowest"], row["highest"]))
        rows = bin_rows(read(queries.histogram, scope, key, low, high, _BINS), low, high, _BINS)
    with card("Distribution", "share of the scored calls", rows=rows, key="score_values"):
        if not rows:
            nothing("No call of this time range has a value.")
            return
        st.vega_lite_chart(
            interval_charts.histogram(rows, ink(), height=charts.HEIGHT), key="score_values", width="stretch"
        )


def slice_rows(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_quality.slices` as `interval_charts.dots` takes them."""
    rows = []
    for row in found:
        interval = mean_interval(row["mean"], row["deviation"], row["n"])
        low, high = interval or (row["mean"], row["mean"])
        name = one_line(row["slice"], 40) or "not said"
        rows.append({"name": name, "value": row["mean"], "low": low, "high": high, "n": f"{row['n']:,}"})
    return rows


def slices(scope: Scope, key: ScoreKey) -> None:
    """Means by service, model, environment or prompt version."""
    found: list[dict[str, Any]] = []
    with card("By slice", "mean with its 95 % interval", rows=lambda: found, key="score_slices"):
        by = st.segmented_control(
            "Slice by",
            list(_SLICES),
            default="Model",
            required=True,
            key="by",
            bind="query-params",
            label_visibility="collapsed",
        )
        found = slice_rows(read(queries.slices, scope, key, _SLICES[by]))
        if found:
            spec = interval_charts.dots(found, ink(), form=".3~r")
            st.vega_lite_chart(spec, key="score_slices", width="stretch")
        else:
            nothing("No call of this time range has a value.")


def unscored(scope: Scope, key: ScoreKey) -> None:
    """Why calls have no value; nothing where all have."""
    found = read(queries.reasons, scope, key)
    if not found:
        return
    shown = [{"reason": one_line(row["reason"], 200), "calls": row["calls"]} for row in found]
    with card("Unscored", "calls without a value, by reason", rows=shown, key="unscored"):
        tables.show(shown, {"reason": words("Reason", 380), "calls": figures("Calls", 75)})


def worst(scope: Scope, key: ScoreKey, better: str) -> None:
    """The calls with the worst values; where neither direction is better, the highest."""
    found = read(queries.extremes, scope, key, highest=better != "higher_is_better")
    keys = [(row["time_ms"] // 3_600_000 * 3600, row["trace_id"], row["span_id"], row["project"]) for row in found]
    calls = {(call["trace_id"], call["span_id"], call["key_project"]): call for call in read(pages_traces.calls, keys)}
    title = "Highest values" if better == "neutral" else "Worst calls"
    shown = worst_rows(found, calls)
    with card(title, "click a line's link to open the trace", rows=shown, key="score_worst"):
        if not found:
            nothing("No call of this time range has a value.")
            return
        columns = {
            "value": figures("Score", 62, "%.3g", pinned=True),
            "prompt": words("Prompt", 230),
            "answer": words("Answer", 230),
            "why": words("Why", 190),
            "model": words("Model", 120),
            "time": moments(width=100, form="D MMM HH:mm"),
            "open": links(width=52),
        }
        tables.show(shown, columns, key="score_worst")
        first = found[0]
        if first["why"]:
            st.caption("What the evaluator says of the first:")
            untrusted(first["why"], limit=400)


def worst_rows(found: Sequence[dict[str, Any]], calls: dict[CallId, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_quality.extremes` with the texts of their calls."""
    shown = []
    for row in found:
        call = calls.get((row["trace_id"], row["span_id"], row["project"]), {})
        shown.append(
            {
                "value": row["value"],
                "prompt": one_line(call.get("prompt", ""), 160) or None,
                "answer": one_line(call.get("answer", ""), 160) or None,
                "why": one_line(row["label"] or row["why"], 160) or None,
                "model": one_line(row["model"], 60) or None,
                "time": datetime.fromtimestamp(row["time_ms"] / 1000, UTC),
                "open": trace_address(row["trace_id"], row["span_id"], row["project"]),
            }
        )
    return shown
