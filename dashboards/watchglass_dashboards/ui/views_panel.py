"""Facets with counts, and saved views: two ways to a list that somebody wants to see again."""

import secrets
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from watchglass_dashboards import access, pages
from watchglass_dashboards.data import read
from watchglass_dashboards.ui.text import label
from watchglass_dashboards.writing import change
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_facets import facets as facet_rows
from watchglass_store.queries.saved_views import add_view_version, saved_views

#: Facet -> the filter that it sets.
_FILTERS = {"Service": "service", "Model": "model", "Environment": "env", "Prompt version": "prompt"}
_LONGEST_QUERY = 2000


def facets(scope: Scope) -> None:
    """Draw the facets of the calls of a scope; a click sets the filter."""
    box = st.popover("Facets", icon=":material/filter_list:", key="facets", on_change="rerun")
    with box:
        if not box.open:
            return
        rows = read(facet_rows, scope)
        for facet, name in _FILTERS.items():
            own = [row for row in rows if row["facet"] == facet]
            if own:
                st.markdown(f"**{label(facet)}**")
            for at, row in enumerate(own):
                text = f"{label(row['value'], 60)} · {row['n']:,}"
                st.button(text, key=f"facet_{name}_{at}", type="tertiary", on_click=_set, args=(name, row["value"]))
        if not rows:
            st.caption("No call in this time range.")


def _set(name: str, value: str) -> None:
    st.session_state[name] = [value] if name == "model" else value


def views(page: str) -> None:
    """Draw the saved views of a page, and the form that saves this one."""
    box = st.popover("Saved views", icon=":material/bookmark:", key="views", on_change="rerun")
    with box:
        if not box.open:
            return
        rows = read(saved_views, page)
        for at, row in enumerate(rows):
            _view(row, at)
        if not rows:
            st.caption("None yet.")
        if access.may("annotator"):
            _save(page)


def _view(row: dict[str, Any], at: int) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.page_link(
            pages.page(row["page"]),
            label=label(row["name"], 80),
            icon=":material/bookmark:",
            query_params=dict(parse_qsl(row["query"])),
        )
        if access.may("annotator"):
            st.button(
                "Forget", key=f"forget_{at}", type="tertiary", icon=":material/delete:", on_click=_forget, args=(row,)
            )


def _forget(row: dict[str, Any]) -> None:
    _write(row["id"], row["page"], row["name"], row["query"], deleted=True)


def _save(page: str) -> None:
    with st.form("save_view", clear_on_submit=True, border=False):
        name = st.text_input("Name of what is shown now", max_chars=80)
        asked = st.form_submit_button("Save", icon=":material/bookmark_add:")
    if asked and name.strip():
        query = urlencode(list(st.query_params.to_dict().items()))[:_LONGEST_QUERY]
        _write(secrets.token_hex(8), page, name.strip(), query)
        st.rerun()


def _write(view_id: str, page: str, name: str, query: str, *, deleted: bool = False) -> None:
    def write(editor: Any, author: str, now: datetime) -> None:
        add_view_version(editor, id=view_id, page=page, name=name, query=query, author=author, now=now, deleted=deleted)

    action = "view.delete" if deleted else "view.save"
    content = {"page": page, "name": name, "query": query}
    before, after = (content, None) if deleted else (None, content)
    change(action, name, write, needs="annotator", before=before, after=after)
