"""Overview: traffic, latency, tokens, cost and scores of every deployed model, and what fires."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, format
from watchglass_dashboards.ui.alerts import alert_strip, delivery_line
from watchglass_dashboards.ui.course import buckets, by_time, column, quantile
from watchglass_dashboards.ui.filters import Selection, selection
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.layout import card, guarded, kpi, nothing
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.quality import quality, score_bucket_s
from watchglass_dashboards.ui.stats import wilson
from watchglass_dashboards.ui.text import clean
from watchglass_dashboards.ui.zoom import zoomable
from watchglass_store.queries import pages_overview as queries
from watchglass_store.queries import quantiles

REFRESH = "15s"


def page() -> None:
    """Draw the page."""
    _board(selection())


@st.fragment(run_every=REFRESH)
def _board(chosen: Selection) -> None:
    with guarded():
        if not has_calls():
            return
        scope, bucket_s = chosen.scope(datetime.now(UTC)), chosen.bucket_s
        with st.skeleton(height=500):
            now, before = read(queries.totals, scope)
            course = read(queries.series, scope, bucket_s)
        alert_strip()
        if not now["n_calls"]:
            nothing("No such call in this time range. Choose a longer one, or other filters.")
            return
        times = buckets(int(scope.start.timestamp()), int(scope.end.timestamp()), bucket_s)
        _numbers(now, before, course, times, chosen)
        _charts(course, times, bucket_s)
        _by_model(chosen)
        quality(scope, score_bucket_s(chosen.bucket_s))
        delivery_line(scope)


def by_status(course: Sequence[dict[str, Any]], times: Sequence[int]) -> dict[str, list[float | None]]:
    """Calls that went well and those that failed as a line each; a quiet bucket has none of both."""
    calls, errors = column(course, times, "n_calls"), column(course, times, "n_errors")
    failed = [count or 0 for count in errors]
    return {"ok": [(count or 0) - bad for count, bad in zip(calls, failed, strict=True)], "error": [*failed]}


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _latencies(
    now: dict[str, Any], old: dict[str, Any], course: Sequence[dict[str, Any]], times: Sequence[int]
) -> None:
    """The two p95 cards, each with its interval and beside what it was in the period before."""
    calls, streamed = now["n_calls"], now["n_first_token"]
    p95 = quantiles.read(now["duration_s_levels"], 0.95, calls)
    ttft = quantiles.read(now["first_token_s_levels"], 0.95, streamed)
    old_p95 = quantiles.read(old.get("duration_s_levels", []), 0.95, 1).value
    old_ttft = quantiles.read(old.get("first_token_s_levels", []), 0.95, 1).value
    kpi(
        "Latency p95",
        format.seconds(p95.value),
        f"95 % interval {format.seconds_range(p95.low, p95.high)} · {calls:,} calls",
        change=format.change(p95.value, old_p95),
        better="lower",
        trend=_known(column(course, times, "duration_s", 1)),
    )
    kpi(
        "Time to first token p95",
        format.seconds(ttft.value),
        f"95 % interval {format.seconds_range(ttft.low, ttft.high)} · {streamed:,} streamed calls",
        change=format.change(ttft.value, old_ttft),
        better="lower",
        trend=_known(column(course, times, "first_token_s", 1)),
    )


def _numbers(
    now: dict[str, Any],
    before: dict[str, Any] | None,
    course: Sequence[dict[str, Any]],
    times: Sequence[int],
    chosen: Selection,
) -> None:
    old: dict[str, Any] = before or {}
    calls, errors = now["n_calls"], now["n_errors"]
    low, high = wilson(errors, calls)
    tokens, cost = now["n_input_tokens"] + now["n_output_tokens"], now["total_cost_usd"] or None
    old_tokens = old.get("n_input_tokens", 0) + old.get("n_output_tokens", 0)
    counts = [value or 0 for value in column(course, times, "n_calls")]
    shares = [row["n_errors"] / row["n_calls"] for row in course]
    per_bucket = [row["n_input_tokens"] + row["n_output_tokens"] for row in course]
    with st.grid(6, min_column_width=150, gap="small"):
        kpi("Calls", format.count(calls), chosen.noun, change=format.change(calls, old.get("n_calls")), trend=counts)
        kpi(
            "Error rate",
            format.percent(errors / calls),
            f"95 % interval {format.percent_range(low, high)} · {errors:,} of {calls:,}",
            change=format.change(errors / calls, old["n_errors"] / old["n_calls"] if old.get("n_calls") else None),
            better="lower",
            trend=shares,
        )
        _latencies(now, old, course, times)
        kpi(
            "Tokens",
            format.count(tokens),
            f"{format.count(now['n_input_tokens'])} in · {format.count(now['n_output_tokens'])} out",
            change=format.change(tokens, old_tokens),
            trend=per_bucket,
        )
        kpi(
            "Cost",
            format.usd(cost),
            f"{format.usd(cost / calls)} a call" if cost else "no price known for these calls",
            change=format.change(cost, old.get("total_cost_usd")),
            better="lower",
            trend=[row["total_cost_usd"] for row in course] if cost else (),
        )


def _charts(course: Sequence[dict[str, Any]], times: Sequence[int], bucket_s: int) -> None:
    colours = ink()
    per = format.whole(bucket_s)
    left, right = st.columns(2, gap="small")
    traffic = by_status(course, times)
    with (
        left,
        card("Traffic", f"calls per {per} · drag over a chart to zoom", rows=by_time(times, traffic), key="traffic"),
    ):
        good_and_bad = (colours.primary, colours.error)
        zoomable(charts.stacked(times, traffic, "items", good_and_bad, colours), key="traffic")
    latency = {name: column(course, times, "duration_s", at) for at, name in enumerate(("p50", "p95", "p99"))}
    with right, card("Latency", "end to end, quantiles of each bucket", rows=by_time(times, latency), key="latency"):
        shown, unit = charts.in_readable_unit(latency)
        palette = (colours.primary, colours.second, colours.third)
        zoomable(charts.lines(times, shown, unit, palette, colours), key="latency")
    left, right = st.columns(2, gap="small")
    tokens = {"input": column(course, times, "n_input_tokens"), "output": column(course, times, "n_output_tokens")}
    with left, card("Tokens", f"per {per}", rows=by_time(times, tokens), key="tokens"):
        palette2 = (colours.primary, colours.third)
        zoomable(charts.stacked(times, tokens, "tokens", palette2, colours), key="tokens")
    first = {name: column(course, times, "first_token_s", at) for at, name in enumerate(("p50", "p95"))}
    with (
        right,
        card("Time to first token", "streamed calls, quantiles of each bucket", rows=by_time(times, first), key="ttft"),
    ):
        if any(value is not None for line in first.values() for value in line):
            shown, unit = charts.in_readable_unit(first)
            palette2 = (colours.primary, colours.second)
            zoomable(charts.lines(times, shown, unit, palette2, colours), key="ttft")
        else:
            nothing("No call in this range was streamed.")


def _by_model(chosen: Selection) -> None:
    rows = read(queries.by_model, chosen.scope(datetime.now(UTC)))
    config = st.column_config
    shown = [
        {
            "service": clean(row["service_name"], 100) or "(not named)",
            "model": clean(row["model"], 100) or "(not named)",
            "calls": row["n_calls"],
            "errors": 100 * row["n_errors"] / row["n_calls"],
            "p50": quantile(row["duration_s"], 0),
            "p95": quantile(row["duration_s"], 1),
            "ttft": quantile(row["first_token_s"], 1),
            "input": row["n_input_tokens"],
            "output": row["n_output_tokens"],
            "cost": row["total_cost_usd"] or None,
        }
        for row in rows
    ]
    with card("By service and model", "most calls first", rows=shown, key="by_model"):
        st.dataframe(
            shown,
            hide_index=True,
            placeholder=format.GAP,
            key="by_model",
            column_config={
                "service": config.TextColumn("Service"),
                "model": config.TextColumn("Model"),
                "calls": config.NumberColumn("Calls", format="localized"),
                "errors": config.NumberColumn("Errors", format="%.2f %%"),
                "p50": config.NumberColumn("Latency p50", format="%.2f s"),
                "p95": config.NumberColumn("Latency p95", format="%.2f s"),
                "ttft": config.NumberColumn("First token p95", format="%.2f s"),
                "input": config.NumberColumn("Tokens in", format="localized"),
                "output": config.NumberColumn("Tokens out", format="localized"),
                "cost": config.NumberColumn("Cost", format="$%.4f"),
            },
        )
