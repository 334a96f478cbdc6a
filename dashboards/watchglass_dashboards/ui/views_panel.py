"""Facets with counts, and saved views: two ways to a list that somebody wants to see again."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.ui.filters import address, restore
from watchglass_dashboards.ui.forms import form_key, saved
from watchglass_dashboards.ui.layout import told
from watchglass_dashboards.ui.text import label
from watchglass_dashboards.writing import change
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_facets import facets as facet_rows
from watchglass_store.queries.saved_views import add_view_version, saved_views

#: Facet -> the filter that it sets.
_FILTERS = {"Service": "service", "Model": "model", "Environment": "env", "Prompt version": "prompt"}
_LONGEST_QUERY = 2000
Restore = Callable[[Mapping[str, Sequence[str]]], None]


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


def views(page: str, restore_own: Restore) -> None:
    """Draw the saved views of a page, and the form that saves this one.

    Args:
        page: Its address.
        restore_own: Chooses what an address says in the page's own widgets; `filters.restore` does in the filter row.
    """
    box = st.popover("Saved views", icon=":material/bookmark:", key="views", on_change="rerun")
    with box:
        if not box.open:
            return
        rows = read(saved_views, page)
        for at, row in enumerate(rows):
            _view(row, at, restore_own)
        if not rows:
            st.caption("None yet.")
        if access.may("annotator"):
            _save(page)


def _view(row: dict[str, Any], at: int, restore_own: Restore) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            label(row["name"], 80), key=f"view_{at}", type="tertiary", icon=":material/bookmark:", on_click=_show,
            args=(row["query"], restore_own),
        )  # fmt: skip
        if access.may("annotator"):
            st.button(
                "Forget", key=f"forget_{at}", type="tertiary", icon=":material/delete:", on_click=_forget, args=(row,)
            )


@told()
def _show(query: str, restore_own: Restore) -> None:
    """By its widgets and not by a link: those that are bound to the address keep what they have on the page's own."""
    asked = parse_qs(query)
    restore(asked)
    restore_own(asked)


@told()
def _forget(row: dict[str, Any]) -> None:
    _write(row["id"], row["page"], row["name"], row["query"], deleted=True)


def _save(page: str) -> None:
    with st.form(form_key("save_view"), border=False):
        name = st.text_input("Name of what is shown now", max_chars=80)
        asked = st.form_submit_button("Save", icon=":material/bookmark_add:")
    if asked and name.strip():
        query = urlencode(address(), doseq=True)[:_LONGEST_QUERY]
        _write(secrets.token_hex(8), page, name.strip(), query)
        saved("save_view")


def _write(view_id: str, page: str, name: str, query: str, *, deleted: bool = False) -> None:
    def write(editor: Any, author: str, now: datetime) -> None:
        add_view_version(editor, id=view_id, page=page, name=name, query=query, author=author, now=now, deleted=deleted)

    action = "view.delete" if deleted else "view.save"
    content = {"page": page, "name": name, "query": query}
    before, after = (content, None) if deleted else (None, content)
    change(action, name, write, needs="annotator", before=before, after=after)
