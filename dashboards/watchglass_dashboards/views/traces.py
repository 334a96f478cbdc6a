"""Traces: every call, filtered and paged by the store; a row opens a drawer or the trace's own page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from watchglass_dashboards import access, pages, writing
from watchglass_dashboards.connection import ask_now
from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.export import csv_button, json_button
from watchglass_dashboards.ui.filters import address, selection, viewer_zone
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.layout import guarded, nothing
from watchglass_dashboards.ui.steps import remember, steps
from watchglass_dashboards.ui.tables import pager
from watchglass_dashboards.ui.text import one_line
from watchglass_dashboards.ui.trace_address import trace_address, trace_query
from watchglass_dashboards.ui.trace_panel import is_id, trace_panel
from watchglass_dashboards.ui.views_panel import facets, views
from watchglass_store.queries import pages_traces as queries
from watchglass_store.queries.evaluation import CallId
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_traces import CallFilter

PER_PAGE = 50
_MOST_PAGES = queries.COUNT_LIMIT // PER_PAGE
_SCORE_COLUMNS = 4
_MOST_SLOW_S = 86_400.0
_PICKED, _PEEKED = "_picked", "_peeked"
_ORDERS: dict[str, queries.Order] = {"Newest": "newest", "Slowest": "slowest", "Most tokens": "most tokens"}


def page() -> None:
    """Draw the page."""
    chosen = _narrow(selection().scope(datetime.now(UTC)))
    if not has_calls():
        return
    with st.skeleton(height=500):
        total, keys = read(queries.first_page, chosen, limit=PER_PAGE)
    number = _pager(total, chosen)
    if not total:
        nothing("No call matches. Choose a longer time range, or fewer filters.")
        return
    with st.skeleton(height=500):
        if number > 1:
            keys = read(queries.call_ids, chosen, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
        rows = read(queries.calls, keys)
        scores = read(queries.scores_of, keys, chosen.scope)
    writing.viewed("list", chosen.search or "calls")
    remember([(row["trace_id"], row["span_id"], row["key_project"]) for row in rows])
    picked = _table(rows, scores)
    _peek(None if picked is None else rows[picked])


def _peek(row: dict[str, Any] | None) -> None:
    """Open the drawer on the picked row; a run of the page with the same one stays with what was stepped to."""
    state = st.session_state
    picked = None if row is None else (row["trace_id"], row["span_id"], row["key_project"])
    if picked != state.get(_PICKED):
        state[_PICKED] = state[_PEEKED] = picked
    if picked is not None:
        _drawer()


def _narrow(scope: Scope) -> CallFilter:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="narrow"):
        search = st.text_input(
            "Search",
            key="q",
            bind="query-params",
            type="search",
            live="400ms",
            max_chars=200,
            icon=":material/search:",
            placeholder="Words in the prompt or answer, or a trace id",
            label_visibility="collapsed",
            width=250,
        )
        status: Literal["ok", "error"] | None = st.pills(
            "Status", ("ok", "error"), key="status", bind="query-params", label_visibility="collapsed"
        )
        slow_s = st.number_input(
            "At least this slow, seconds",
            min_value=0.0,
            max_value=_MOST_SLOW_S,
            value=None,
            step=0.5,
            key="slow",
            bind="query-params",
            label_visibility="collapsed",
            placeholder="≥ seconds",
            width=150,
        )
        who = st.text_input(
            "User or conversation",
            key="who",
            bind="query-params",
            max_chars=200,
            placeholder="User or conversation id",
            label_visibility="collapsed",
            width=160,
        )
        order = st.selectbox(
            "Order", list(_ORDERS), key="sort", bind="query-params", label_visibility="collapsed", width=140
        )
        facets(scope)
        views("traces", _restore)
    return CallFilter(
        scope=scope,
        search=(search or "").strip(),
        status=status or "",
        min_duration_s=slow_s or 0.0,
        who=(who or "").strip(),
        order=_ORDERS[order],
    )


def _restore(asked: Mapping[str, Sequence[str]]) -> None:
    """Choose what a saved view's address says of what `_narrow` draws."""
    said = {name: values[-1] for name, values in asked.items()}
    state = st.session_state
    state.q, state.who = said.get("q", ""), said.get("who", "")
    state.status = said["status"] if said.get("status") in ("ok", "error") else None
    state.sort = said["sort"] if said.get("sort") in _ORDERS else next(iter(_ORDERS))
    state.slow, state.page = _number(said.get("slow", "")), 1


def _number(text: str) -> float | None:
    """Seconds that `_narrow` takes, None for anything else."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _MOST_SLOW_S else None


def _pager(total: int, chosen: CallFilter) -> int:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        many = total > queries.COUNT_LIMIT
        st.caption(
            f"{'more than ' if many else ''}{min(total, queries.COUNT_LIMIT):,} {selection().noun}", width="content"
        )
        _files(chosen)
        return pager(max(1, min(_MOST_PAGES, -(-total // PER_PAGE))))


def _files(chosen: CallFilter) -> None:
    actor, where = access.actor().name, urlencode(address(), doseq=True)

    def rows() -> list[dict[str, Any]]:
        writing.exported(actor, where)
        return file_rows(ask_now(queries.for_file, chosen))

    with st.container(horizontal=True, width="content", gap="small"):
        csv_button("watchglass_calls", rows, key="csv_calls")
        json_button("watchglass_calls", rows, key="json_calls")


def file_rows(calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_traces.calls` as a file has them: the time as people read it."""
    return [{"time": datetime.fromtimestamp(row["start_ms"] / 1000, UTC), **row} for row in calls]


def table(rows: Sequence[dict[str, Any]], scores: Sequence[dict[str, Any]]) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the list as shown, and the names of the scores that got a column: the most frequent ones."""
    names = [name for name, _ in Counter(row["name"] for row in scores).most_common(_SCORE_COLUMNS)]
    by_call: dict[CallId, dict[str, float]] = {}
    for row in scores:
        by_call.setdefault((row["trace_id"], row["span_id"], row["key_project"]), {})[row["name"]] = row["mean"]
    shown = []
    for row in rows:
        own = by_call.get((row["trace_id"], row["span_id"], row["key_project"]), {})
        tokens = [row[name] for name in ("usage_input_tokens", "usage_output_tokens") if row[name] is not None]
        shown.append(
            {
                "time": datetime.fromtimestamp(row["start_ms"] / 1000, UTC),
                "state": "✕" if row["error_type"] else "✓",
                "service": one_line(row["service_name"], 60),
                "operation": one_line(row["operation_name"], 40),
                "model": one_line(row["model"], 60) or None,
                "prompt": one_line(row["prompt"], 160) or None,
                "answer": one_line(row["answer"], 160) or None,
                "latency": row["duration_s"],
                "ttft": row["time_to_first_token_s"],
                "tokens": sum(tokens) if tokens else None,
                "cost": row["cost_usd"],
                "error": one_line(row["error_type"], 80) or None,
                "open": trace_address(row["trace_id"], row["span_id"], row["key_project"]),
                **{f"score {at}": own.get(name) for at, name in enumerate(names)},
            }
        )
    return pd.DataFrame(shown), names


def _table(rows: Sequence[dict[str, Any]], scores: Sequence[dict[str, Any]]) -> int | None:
    frame, names = table(rows, scores)
    config = st.column_config
    event = st.dataframe(
        frame,
        hide_index=True,
        height=min(640, 38 + 32 * len(frame)),
        row_height=32,
        placeholder=format.GAP,
        key="calls",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "time": config.DatetimeColumn(
                "Time", format="D MMM HH:mm:ss", timezone=getattr(viewer_zone(), "key", "UTC"), width=118, pinned=True
            ),
            "state": config.TextColumn("", width=28),
            "service": config.TextColumn("Service", width=105),
            "operation": config.TextColumn("Operation", width=70),
            "model": config.TextColumn("Model", width=130),
            "prompt": config.TextColumn("Prompt", width=225),
            "answer": config.TextColumn("Answer", width=205),
            "latency": config.ProgressColumn(
                "Latency", format="%.2f s", min_value=0, max_value=max(float(frame["latency"].max()), 0.001), width=112
            ),
            "ttft": config.NumberColumn("First token", format="%.2f s", width=80),
            "tokens": config.NumberColumn("Tokens", format="localized", width=62),
            "cost": config.NumberColumn("Cost", format="$%.4f", width=75),
            "error": config.TextColumn("Error", width=120),
            "open": config.LinkColumn("Trace", display_text=":material/open_in_new:", width=55),
            **{
                f"score {at}": config.NumberColumn(one_line(name, 24), format="%.3g", width=80)
                for at, name in enumerate(names)
            },
        },
        column_order=[
            *("time", "state", "service", "operation", "model", "prompt", "answer", "latency", "tokens", "cost"),
            *(f"score {at}" for at in range(len(names))),
            *("ttft", "error", "open"),
        ],
    )
    picked: list[int] = event.selection.rows
    return picked[0] if picked else None


@st.dialog("Trace", width="large", position="right")
@guarded("drawer")
def _drawer() -> None:
    trace_id, span_id, project = call = st.session_state[_PEEKED]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="content", key="open_its_page"):  # by which the shortcut finds it
            st.page_link(
                pages.page("trace"),
                label="Open its page",
                icon=":material/open_in_full:",
                query_params=trace_query(*call),
            )
        asked = steps(call, key="drawer")
    if asked:
        st.session_state[_PEEKED] = asked
        st.rerun(scope="fragment")
    if is_id(trace_id):
        trace_panel(trace_id, span_id, project, key=f"drawer_{trace_id}_{span_id}")
