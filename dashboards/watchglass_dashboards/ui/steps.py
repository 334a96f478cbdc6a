"""Next and previous among the calls of the list that was looked at last, by button or by J and K."""

from collections.abc import Sequence

import streamlit as st

from watchglass_store.queries.evaluation import CallId

_LIST = "_calls_listed"


def remember(ids: Sequence[CallId]) -> None:
    """Keep the calls of the page of the list that is shown."""
    st.session_state[_LIST] = list(ids)


def neighbours(ids: Sequence[CallId], shown: CallId) -> tuple[int | None, CallId | None, CallId | None]:
    """Place of a call in a list (None = it is not there), the one before it and the one behind it.

    A call whose span is not in the list is at the place of its trace's first one.
    """
    at = next((place for place, call in enumerate(ids) if call == shown), None)
    if at is None:
        at = next((place for place, call in enumerate(ids) if call[::2] == shown[::2]), None)
    if at is None:
        return None, None, None
    return at, ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None


def steps(shown: CallId, *, key: str) -> CallId | None:
    """Draw the buttons; returns the call that was asked for.

    Args:
        shown: The call that is shown.
        key: Prefix of widget keys.
    """
    ids: list[CallId] = st.session_state.get(_LIST, [])
    at, before, behind = neighbours(ids, shown)
    if at is None:
        return None
    with st.container(horizontal=True, gap="small", vertical_alignment="center", width="content"):
        st.caption(f"{at + 1:,} of {len(ids):,} listed", width="content")
        back = st.button(
            "Previous", key=f"{key}_previous", icon=":material/arrow_upward:", shortcut="K", disabled=before is None
        )
        on = st.button(
            "Next", key=f"{key}_next", icon=":material/arrow_downward:", shortcut="J", disabled=behind is None
        )
    return before if back else behind if on else None
