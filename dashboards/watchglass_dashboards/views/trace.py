"""Trace: one request, span by span. A hidden page: `/trace?id=…&span=…&project=…` is its address."""

import streamlit as st

from watchglass_dashboards import pages
from watchglass_dashboards.ui.filters import last_address
from watchglass_dashboards.ui.layout import header
from watchglass_dashboards.ui.steps import steps
from watchglass_dashboards.ui.text import label
from watchglass_dashboards.ui.trace_address import trace_query
from watchglass_dashboards.ui.trace_panel import is_id, trace_panel


def page() -> None:
    """Draw the page."""
    trace_id, span_id, project = (st.query_params.get(name, "") for name in ("id", "span", "project"))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            header("Trace", label(trace_id, 64) if is_id(trace_id) else "One request, span by span")
        back = last_address()
        st.page_link(pages.page("traces"), label="All traces", icon=":material/arrow_back:", query_params=back)
    if not trace_id:
        st.info("**Which trace?** Open one from the list of traces.", icon=":material/timeline:")
        return
    if not is_id(trace_id):
        st.warning("**This is no trace id.** An id has letters and digits only.", icon=":material/link_off:")
        return
    asked = steps((trace_id, span_id, project), key="trace")
    if asked:
        st.query_params.from_dict(trace_query(*asked))
        st.rerun()
    selected = trace_panel(trace_id, span_id if is_id(span_id) else "", project, key=f"trace_{trace_id}")
    if selected and selected != span_id:
        st.query_params["span"] = selected
