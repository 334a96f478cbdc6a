"""Captured text of any length: the beginning at once, the rest when asked for, so that a page opens in any case."""

import streamlit as st

from watchglass_dashboards.ui.text import TEXT_LIMIT, untrusted

#: What "show more" adds, in characters.
STEP = 200_000


def long_text(text: str, *, key: str = "", code: bool = False) -> None:
    """Show captured text as text, cut at `TEXT_LIMIT` characters until the reader asks for more.

    Args:
        text: What was captured.
        key: Unique among the texts of the page; remembers how much is shown. '' = nobody can ask for more.
        code: In the code font with a copy button.
    """
    asked = f"_more_{key}"
    limit = TEXT_LIMIT + STEP * int(st.session_state.get(asked, 0))
    untrusted(text, code=code, limit=limit)
    if key and len(text) > limit:
        more = min(STEP, len(text) - limit)
        st.button(f"Show {more:,} more characters", key=f"{key}_more", icon=":material/expand_more:", on_click=_more,
                  args=(asked,))  # fmt: skip


def _more(asked: str) -> None:
    st.session_state[asked] = int(st.session_state.get(asked, 0)) + 1
