"""Forms that are empty once they were saved, and keep what was typed where they were not.

`st.form(clear_on_submit=True)` clears them either way, so what a form's check refuses would have to be typed again.
"""

from typing import Any, NoReturn

import streamlit as st


def form_key(name: str) -> str:
    """The key of a form: another one after each time that it was saved, so that its fields are new."""
    return f"{name}_{st.session_state.get(_times(name), 0)}"


def saved(name: str, said: Any = None) -> NoReturn:
    """Draw the page again with the form empty.

    Args:
        name: Of the form, as `form_key` has it.
        said: What `just_saved` returns to that run, once.
    """
    st.session_state[_times(name)] = st.session_state.get(_times(name), 0) + 1
    if said is not None:
        st.session_state[_said(name)] = said
    st.rerun()


def just_saved(name: str) -> Any:
    """What `saved` was told if this run is the one behind it, else None."""
    return st.session_state.pop(_said(name), None)


def _times(name: str) -> str:
    return f"_{name}_times"


def _said(name: str) -> str:
    return f"_{name}_said"
