"""A trace: its tree and timeline, and what the selected span said, retrieved and scored. Page and drawer show it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from watchglass_dashboards import access, pages, writing
from watchglass_dashboards.connection import ask
from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.export import json_button
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.span_detail import span_detail
from watchglass_dashboards.ui.text import label
from watchglass_dashboards.ui.trace_address import trace_query
from watchglass_dashboards.ui.trace_data import Summary, assemble, services, summarise
from watchglass_dashboards.ui.tree import Row, flatten
from watchglass_dashboards.ui.waterfall import waterfall
from watchglass_store.queries import pages_trace as queries
from watchglass_store.queries.pages_judgement import whole

#: Rows of the tree shown at once.
PAGE_ROWS = 150

_ID = re.compile(r"[0-9A-Za-z_\-]{1,64}")


def is_id(text: str) -> bool:
    """Whether a text from the address can be the id of a trace or span."""
    return _ID.fullmatch(text) is not None


def trace_panel(trace_id: str, span_id: str, project: str, *, key: str) -> str | None:
    """Draw a trace.

    Args:
        trace_id: Which; `is_id` holds.
        span_id: The span selected at first; '' = the first model call.
        project: Of the API key that it came with; '' = none. Another project's spans with its id are another trace.
        key: Prefix of widget keys.

    Returns:
        Id of the selected span; None where there is no such trace.
    """
    writing.viewed("trace", trace_id)
    with st.skeleton(height=400):
        spans, calls = read(queries.spans, trace_id, project), read(queries.calls, trace_id, project)
    found = assemble(spans, calls)
    if not found:
        if _elsewhere(trace_id, project):
            return None
        st.info(
            "**No such trace.** It may not have arrived yet, or it is older than what is kept (30 days).",
            icon=":material/search_off:",
        )
        return None
    service_of = services(spans, calls)
    summary = summarise(found, calls, service_of.values())
    _badges(summary)
    role = access.actor().role  # the file is made later, outside of any page
    json_button(f"trace_{trace_id}", lambda: ask(role, whole, trace_id, project), key=f"{key}_json")
    rows = flatten(found)
    selected = _tree(rows, summary, _first(rows, span_id), key, is_cut=len(spans["span_id"]) >= queries.SPAN_LIMIT)
    shown = next(row.span for row in rows if row.span.id == selected)
    scores = read(queries.scores, trace_id, project)
    span_detail(trace_id, project, shown, scores, service=service_of.get(selected, ""), key=key)
    return selected


def _elsewhere(trace_id: str, project: str) -> bool:
    """Links to the same id in other projects, for an address that names none, or another; whether there are any."""
    others = [other for other in read(queries.projects, trace_id) if other != project]
    for other in others:
        st.page_link(
            pages.page("trace"),
            label=f"In the project {label(other, 60)}" if other else "Without a project",
            icon=":material/timeline:",
            query_params=trace_query(trace_id, "", other),
        )
    return bool(others)


def _first(rows: Sequence[Row], asked: str) -> str:
    ids = {row.span.id for row in rows}
    if asked in ids:
        return asked
    return next((row.span.id for row in rows if row.span.kind == "llm"), rows[0].span.id)


def _badges(summary: Summary) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if summary.errors:
            st.badge(f"{summary.errors:,} failed", color="red", icon=":material/error:")
        else:
            st.badge("ok", color="green", icon=":material/check:")
        st.badge(format.seconds(summary.duration_s), color="gray", icon=":material/schedule:")
        st.badge(f"{summary.spans:,} spans", color="gray", icon=":material/account_tree:")
        if summary.input_tokens is not None or summary.output_tokens is not None:
            tokens = f"{format.count(summary.input_tokens)} in · {format.count(summary.output_tokens)} out"
            st.badge(tokens, color="gray", icon=":material/token:")
        if summary.cost_usd is not None:
            st.badge(format.usd(summary.cost_usd), color="gray", icon=":material/payments:")
        tz, start = viewer_zone(), datetime.fromtimestamp(summary.start_ns / 1e9, UTC)
        st.caption(f"{format.clock(start, tz)} {format.zone_name(tz, start)}", width="content")
    if summary.facts:
        with st.container(horizontal=True, gap="small"):
            for what, value in summary.facts[:10]:
                st.badge(f"{label(what)}: {label(value, 60)}", color="blue")


def _tree(rows: list[Row], summary: Summary, first: str, key: str, *, is_cut: bool) -> str:
    with st.container(border=True, gap="small"):
        at = next(index for index, row in enumerate(rows) if row.span.id == first)
        number = 1
        if len(rows) > PAGE_ROWS:
            number = st.pagination(-(-len(rows) // PAGE_ROWS), default=1 + at // PAGE_ROWS, key=f"{key}_rows")
            shown_from = (number - 1) * PAGE_ROWS
            more = f" (the first {queries.SPAN_LIMIT:,} of this trace)" if is_cut else ""
            st.caption(f"Spans {shown_from + 1:,} to {min(shown_from + PAGE_ROWS, len(rows)):,} of {len(rows):,}{more}")
        page = rows[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
        here = first if any(row.span.id == first for row in page) else page[0].span.id
        picked = waterfall(
            page, here, start_ns=summary.start_ns, total_s=summary.duration_s, key=f"{key}_tree_{number}"
        )
        return picked if any(row.span.id == picked for row in page) else here
