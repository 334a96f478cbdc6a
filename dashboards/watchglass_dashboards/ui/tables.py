"""Tables as every page draws them: columns by what they hold, and the choice of one line."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.choice import choice
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.text import option

#: Pixels of a line, and of the heading.
LINE, HEADING = 34, 39
#: Pixels of a button of `pager`, and how many pages it shows at most.
_PAGE_BUTTON, _MOST_PAGES = 32, 7

Columns = Mapping[str, Any]
"""Field of the rows -> what `words`, `figures`, `moments` or `links` gives; fields that are not here are not shown."""


def words(title: str, width: int, *, pinned: bool = False) -> Any:
    """A column of captured or other text, shown as text."""
    return st.column_config.TextColumn(title, width=width, pinned=pinned)


def figures(title: str, width: int, form: str = "localized", *, pinned: bool = False) -> Any:
    """A column of numbers.

    Args:
        title: With unit, unless `form` has it.
        width: Pixels.
        form: printf-style, or `localized` or `percent`.
        pinned: Stays where it is when the table is scrolled.
    """
    return st.column_config.NumberColumn(title, format=form, width=width, pinned=pinned)


def moments(title: str = "Time", width: int = 118, form: str = "D MMM HH:mm:ss", *, pinned: bool = False) -> Any:
    """A column of aware datetimes, shown in the viewer's zone."""
    zone = getattr(viewer_zone(), "key", "UTC")
    return st.column_config.DatetimeColumn(title, format=form, timezone=zone, width=width, pinned=pinned)


def links(title: str = "Trace", width: int = 55) -> Any:
    """A column of what `trace_address` gives."""
    return st.column_config.LinkColumn(title, display_text=":material/open_in_new:", width=width)


def show(rows: Sequence[Mapping[str, Any]], columns: Columns, *, key: str | None = None) -> None:
    """Draw rows.

    Args:
        rows: All with the same fields.
        columns: What they hold, in the order they are shown in.
        key: Of the widget.
    """
    st.dataframe(
        pd.DataFrame(list(rows)),
        hide_index=True,
        row_height=LINE,
        placeholder=format.GAP,
        key=key,
        column_order=list(columns),
        column_config=dict(columns),
    )


def pager(pages: int) -> int:
    """Draw what turns the pages of a list, and return the page; it is in the address as `page`.

    Its width is said: left to itself it fits in as many pages as it had room for, which is one after a short list.

    Args:
        pages: How many, at least one.
    """
    width = _PAGE_BUTTON * (min(pages, _MOST_PAGES) + 2)
    return st.pagination(pages, max_visible_pages=_MOST_PAGES, width=width, key="page", bind="query-params")


def choose(
    rows: Sequence[Mapping[str, Any]],
    columns: Columns,
    names: Sequence[str],
    *,
    title: str,
    key: str,
    more: Sequence[str] = (),
    most_height: int = 420,
    width: int = 380,
) -> int:
    """Draw rows one of which is chosen, by a click or in the select box below; the choice is in the address.

    Args:
        rows: At least one, all with the same fields.
        columns: What they hold, in the order they are shown in.
        names: What each is called, as captured.
        title: Of the select box.
        key: Of the select box; its name in the address.
        more: Choices that are no row.
        most_height: Pixels.
        width: Of the select box, pixels.

    Returns:
        Place of the chosen name among `names` and `more`.
    """
    choices = [option(name) for name in names]
    table_key = f"{key}_table"

    def take() -> None:
        picked = st.session_state[table_key].selection.rows
        if picked and picked[0] < len(choices):
            st.session_state[key] = choices[picked[0]]

    st.dataframe(
        pd.DataFrame(list(rows)),
        hide_index=True,
        height=min(most_height, HEADING + LINE * len(rows)),
        row_height=LINE,
        placeholder=format.GAP,
        key=table_key,
        on_select=take,
        selection_mode="single-row",
        column_order=list(columns),
        column_config=dict(columns),
    )
    everything = [*choices, *more]
    return choice(title, everything, key=key, width=width)
