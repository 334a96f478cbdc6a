"""Cost and usage: what models cost, whose it is, what this month comes to; what has no price is said, not guessed."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, format
from watchglass_dashboards.ui.course import buckets
from watchglass_dashboards.ui.filters import Selection, selection
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.forecast import FEWEST_DAYS, forecast
from watchglass_dashboards.ui.layout import card, kpi, nothing
from watchglass_dashboards.ui.palette import categories, ink
from watchglass_dashboards.ui.text import clean
from watchglass_dashboards.ui.zoom import zoomable
from watchglass_store.queries import pages_cost as queries
from watchglass_store.queries.pages import Scope

_PARTS: dict[str, queries.Part] = {
    "Model": "model",
    "Service": "service_name",
    "Feature (prompt)": "prompt_name",
    "Environment": "environment",
    "Operation": "operation_name",
}
_BASIS = timedelta(days=28)
_UNNAMED = "(not named)"
_TITLES = {"part": "By what is chosen above", "user": "By user"}


def page() -> None:
    """Draw the page."""
    if not has_calls():
        return
    chosen, now = selection(), datetime.now(UTC)
    scope = chosen.scope(now)
    with st.skeleton(height=500):
        rows = read(queries.spending, scope, "model")
    if not rows:
        nothing("No such call in this time range. Choose a longer one, or other filters.")
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        name = st.segmented_control(
            "By", list(_PARTS), default="Model", required=True, key="by", bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
        budget = st.number_input(
            "Monthly budget, USD", min_value=0.0, value=None, step=50.0, key="budget", bind="query-params", width=220,
            placeholder="Monthly budget, USD", label_visibility="collapsed",
        )  # fmt: skip
    _numbers(rows, month(read(queries.daily_cost, _basis(scope, now)), now), budget)
    part = _PARTS[name]
    _over_time(scope, part, chosen)
    left, right = st.columns(2, gap="small")
    with left:
        _table(read(queries.spending, scope, part), "part")
    with right:
        _table(read(queries.spending_by_user, scope), "user")
    _judges()


def _basis(scope: Scope, now: datetime) -> Scope:
    """The days that a forecast rests on: the filters of the page, the last 28 days and this month."""
    month_start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    start = min(month_start, (now - _BASIS).replace(hour=0, minute=0, second=0, microsecond=0))
    return replace(scope, start=start, end=now.replace(second=0, microsecond=0) + timedelta(minutes=1))


def month(days: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    """This UTC month's cost until now, and what it will come to.

    Args:
        days: Rows of `pages_cost.daily_cost`.
        now: Timezone-aware.

    Returns:
        spent (dollars; None = no call had a price), low, middle and high of the whole month (None where too few whole
        days are known), days (that it rests on).
    """
    today = now.astimezone(UTC).date()
    first = today.replace(day=1)
    by_day = {row["day"]: row["day_cost_usd"] for row in days}
    spent = sum(cost for day, cost in by_day.items() if day >= first)
    known_since = min(by_day, default=today)
    whole = [by_day.get(today - timedelta(days=back), 0.0) for back in range(1, _BASIS.days + 1)
             if today - timedelta(days=back) > known_since]  # fmt: skip
    length = calendar.monthrange(today.year, today.month)[1]
    passed = (now.astimezone(UTC) - datetime(first.year, first.month, 1, tzinfo=UTC)) / timedelta(days=1)
    to_come = forecast(whole, length - passed) if any(by_day.values()) else None
    edges = (to_come.low, to_come.middle, to_come.high) if to_come else (None, None, None)
    total = [None if edge is None else spent + edge for edge in edges]
    return {"spent": spent if any(by_day.values()) else None, "days": len(whole),
            "low": total[0], "middle": total[1], "high": total[2]}  # fmt: skip


def _numbers(rows: Sequence[Mapping[str, Any]], this_month: Mapping[str, Any], budget: float | None) -> None:
    calls, unpriced = sum(row["n_calls"] for row in rows), sum(row["n_unpriced"] for row in rows)
    cost = sum(row["total_cost_usd"] for row in rows) or None
    priced = calls - unpriced
    tokens_in, tokens_out = sum(row["n_input_tokens"] for row in rows), sum(row["n_output_tokens"] for row in rows)
    with st.grid(5, min_column_width=160, gap="small"):
        kpi("Cost", format.usd(cost), f"of {priced:,} calls with a price")
        gap = f"{format.percent(unpriced / calls)} of {calls:,} calls: their cost is missing from every sum here"
        kpi("Calls without a price", format.count(unpriced), gap if unpriced else f"all of {calls:,} calls have one")
        kpi("Cost of a call", format.usd(cost / priced if cost and priced else None), f"mean of {priced:,} calls")
        kpi("Tokens", format.count(tokens_in + tokens_out),
            f"{format.count(tokens_in)} in · {format.count(tokens_out)} out")  # fmt: skip
        kpi("This month (UTC)", format.usd(this_month["spent"]), _to_come(this_month, budget))


def _to_come(this_month: Mapping[str, Any], budget: float | None) -> str:
    if this_month["middle"] is None:
        text = f"no forecast: it needs {FEWEST_DAYS} whole days with prices"
    else:
        text = (
            f"will be {format.usd(this_month['middle'])}, 95 % interval {format.usd(this_month['low'])} to "
            f"{format.usd(this_month['high'])} · {this_month['days']:,} days"
        )
    if budget and this_month["spent"] is not None:
        text += f" · {format.percent(this_month['spent'] / budget)} of the budget used"
    return text


def _over_time(scope: Scope, part: queries.Part, chosen: Selection) -> None:
    rows = read(queries.spending_over_time, scope, part, chosen.bucket_s)
    shown = [
        {
            "time": datetime.fromtimestamp(row["bucket"], UTC),
            "of": "all others" if row["is_rest"] else clean(row["part_name"], 60) or _UNNAMED,
            "cost_usd": row["bucket_cost_usd"],
            "tokens": row["n_tokens"],
        }
        for row in rows
    ]
    bucket_s = chosen.bucket_s
    times = buckets(int(scope.start.timestamp()), int(scope.end.timestamp()), bucket_s)
    with card("Cost over time", f"USD per {format.whole(bucket_s)}", rows=shown, key="cost_over_time"):
        lines = by_name(shown, times, "cost_usd")
        if any(value for line in lines.values() for value in line):
            zoomable(charts.stacked(times, lines, "usd", categories(len(lines)), ink()), key="cost")
        else:
            nothing("No call in this range has a price. Prices are under Settings.")
    with card("Tokens over time", f"input and output per {format.whole(bucket_s)}", rows=shown, key="tokens_over_time"):
        lines = by_name(shown, times, "tokens")
        zoomable(charts.stacked(times, lines, "tokens", categories(len(lines)), ink()), key="tokens")


def by_name(rows: Sequence[Mapping[str, Any]], times_s: Sequence[int], measure: str) -> dict[str, list[float | None]]:
    """Rows as one line for each name, the dearest first whatever the measure, None where a bucket has nothing."""
    found: dict[str, dict[int, float]] = {}
    weights: dict[str, tuple[float, float]] = {}
    for row in rows:
        name, at = row["of"], int(row["time"].timestamp())
        line = found.setdefault(name, {})
        line[at] = line.get(at, 0) + row[measure]
        cost, tokens = weights.get(name, (0.0, 0.0))
        weights[name] = (cost - row["cost_usd"], tokens - row["tokens"])
    names = sorted(found, key=lambda name: (name == "all others", weights[name], name))
    return {name: [found[name].get(time) for time in times_s] for name in names}


def _table(rows: Sequence[Mapping[str, Any]], column: str) -> None:
    shown = [
        {
            "name": clean(row[column], 100) or _UNNAMED,
            "cost": row["total_cost_usd"] or None,
            "calls": row["n_calls"],
            "unpriced": row["n_unpriced"],
            "tokens": row["n_tokens"] if column == "user" else row["n_input_tokens"] + row["n_output_tokens"],
        }
        for row in rows
    ]
    config = st.column_config
    with card(_TITLES[column], "dearest first", rows=shown, key=f"by_{column}"):
        st.dataframe(
            shown,
            hide_index=True,
            placeholder=format.GAP,
            key=f"table_{column}",
            column_config={
                "name": config.TextColumn("Name"),
                "cost": config.NumberColumn("Cost", format="$%.4f"),
                "calls": config.NumberColumn("Calls", format="localized"),
                "unpriced": config.NumberColumn("Without a price", format="localized"),
                "tokens": config.NumberColumn("Tokens", format="localized"),
            },
        )


def _judges() -> None:
    rows = read(queries.budgets)
    if not rows:
        return
    shown = [
        {"judge": clean(row["evaluator"], 80), "cost": row["day_cost_usd"], "requests": row["n_requests"]}
        for row in rows
    ]
    with card("Judges today", "USD since midnight UTC, reservations included", rows=shown, key="judges"):
        st.dataframe(shown, hide_index=True, key="table_judges", column_config={
            "judge": st.column_config.TextColumn("Judge"),
            "cost": st.column_config.NumberColumn("Cost", format="$%.4f"),
            "requests": st.column_config.NumberColumn("Calls judged", format="localized"),
        })  # fmt: skip
