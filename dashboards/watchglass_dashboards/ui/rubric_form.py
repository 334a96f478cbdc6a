"""The form of a judge's rubric; what it saves is a new version, a series of scores of its own."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards import access, writing
from watchglass_dashboards.judge_desk import judge_desk
from watchglass_dashboards.ui.text import label
from watchglass_store.queries import judge_rubrics

_DIRECTIONS = {
    "Higher is better": "higher_is_better",
    "Lower is better": "lower_is_better",
    "Neither is better": "neutral",
}
_TEXTS = {
    "The prompt": "prompt_text",
    "The answer": "response_text",
    "What was retrieved": "context_text",
    "The reference answer": "reference_text",
}
_EMPTY: Mapping[str, Any] = {"prompt": "", "choices": {"good": 1.0, "bad": 0.0}, "direction": "higher_is_better"}
_TRIED = "_rubric_tried"

Rubric = dict[str, Any]
"""prompt, choices (verdict -> value), direction, columns."""


def in_force(name: str, stored: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A rubric as it is: stored, else of the settings file, else built in; None = there is none, or none to edit.

    Args:
        name: Of the rubric.
        stored: Row of `judge_rubrics.current_rubrics`.
    """
    if stored is not None:
        return stored
    custom = access.installation().sections.get("evaluators", {}).get("judge", {}).get("custom", {})
    desk = judge_desk()
    shipped = desk.shipped() if desk else {}
    found: Mapping[str, Any] | None = custom.get(name) or shipped.get(name)
    return found


def rubric_form(name: str, stored: Mapping[str, Any] | None) -> tuple[str, Rubric] | None:
    """A rubric as people write it: the question, the verdicts with their values, and what the judge is shown.

    Args:
        name: Of the rubric; '' = a new one, which gets a name here.
        stored: Row of `judge_rubrics.current_rubrics`; None = a new one, or one that is only in the settings file.

    Returns:
        Name and rubric that are to be tried on calls; None = none is.
    """
    may = access.may("editor")
    known = in_force(name, stored) or _EMPTY
    shown = known.get("columns", ("prompt_text", "response_text"))
    with st.form(f"rubric_{name}", border=False):
        new_name = name or st.text_input("Name", max_chars=40, placeholder="small_letters", disabled=not may)
        prompt = st.text_area(
            "What to judge, and by what measure",
            known["prompt"],
            height=150,
            max_chars=8000,
            placeholder="Does the answer say only what the policy allows?",
            disabled=not may,
        )
        st.caption("Verdicts and their values")
        table = pd.DataFrame({"verdict": list(known["choices"]), "value": list(known["choices"].values())})
        choices = st.data_editor(table, num_rows="dynamic", hide_index=True, disabled=not may, width=320)
        direction = st.selectbox(
            "Direction",
            list(_DIRECTIONS),
            index=list(_DIRECTIONS.values()).index(known["direction"]),
            disabled=not may,
        )
        columns = st.multiselect(
            "The judge sees",
            list(_TEXTS),
            [text for text, column in _TEXTS.items() if column in shown],
            disabled=not may,
        )
        with st.container(horizontal=True, gap="small"):
            save = st.form_submit_button("Save a new version", type="primary", disabled=not may)
            can_try = may and judge_desk() is not None
            tried = st.form_submit_button("Preview", icon=":material/science:", disabled=not can_try)
    wanted = {
        "prompt": prompt,
        "choices": choices_of(choices),
        "direction": _DIRECTIONS[direction],
        "columns": [_TEXTS[text] for text in columns],
    }
    return _act(name, new_name, stored, wanted, save=save, tried=tried)


def choices_of(table: pd.DataFrame) -> dict[str, float]:
    """Verdicts of the edited table; rows without a word are left out, one without a number is not a number."""
    found = {}
    for row in table.to_dict("records"):
        word = str(row["verdict"] or "").strip()
        if word and word != "nan":
            found[word] = math.nan if row["value"] is None else float(row["value"])
    return found


def _act(
    form: str, name: str, stored: Mapping[str, Any] | None, wanted: Rubric, *, save: bool, tried: bool
) -> tuple[str, Rubric] | None:
    """Save or try what was typed; what is tried stays in view until something else is, or it is saved."""
    if save or tried:
        st.session_state.pop(_TRIED, None)
        try:
            judge_rubrics.check_rubric(name, **wanted)
        except ValueError as problem:
            st.error(label(str(problem), 300), icon=":material/error:")
            return None
    if save:
        _save(name, stored, wanted)
    if tried:
        st.session_state[_TRIED] = (form, name, wanted)
    of_form, kept_name, kept = st.session_state.get(_TRIED, (None, "", {}))
    return (kept_name, kept) if of_form == form else None


def _save(name: str, before: Mapping[str, Any] | None, wanted: Rubric) -> None:
    writing.change(
        "rubric.set",
        name,
        lambda editor, author, now: judge_rubrics.add_rubric_version(editor, name, author=author, now=now, **wanted),
        before={key: before[key] for key in wanted} if before else None,
        after=wanted,
    )
    st.toast("Saved. Its scores are a new series.", icon=":material/check:")
    st.rerun()
