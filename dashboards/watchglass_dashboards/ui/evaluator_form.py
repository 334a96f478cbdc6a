"""Forms that change an evaluator or a rubric; what they save is a new version, taken up without a restart."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards import access, writing
from watchglass_dashboards.data import read
from watchglass_dashboards.ui.evaluator_table import Evaluator
from watchglass_dashboards.ui.text import label, option
from watchglass_store.queries import evaluator_settings, judge_rubrics, pages

_FILTERS = {"service_name": "Services", "environment": "Environments", "model": "Models"}
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


def settings_form(one: Evaluator) -> None:
    """On or off, sample rate and filters of one evaluator."""
    may = access.may("editor")
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=30)
    with st.form(f"evaluator_{one.name}", border=False):
        enabled = st.toggle("Runs", value=one.enabled, disabled=not may)
        percent = st.number_input(
            "Share of traces to score, %", 0.0, 100.0, 100 * one.sample_rate, 1.0, format="%.4g", disabled=not may
        )
        filters: dict[str, list[str]] = {
            column: list(values) for column, values in one.filters.items() if column not in _FILTERS
        }
        for column, title in _FILTERS.items():
            chosen = list(one.filters.get(column, ()))
            known = list(dict.fromkeys([*chosen, *read(pages.choices, column, since)]))
            filters[column] = st.multiselect(
                title, known, chosen, format_func=option, placeholder="All", disabled=not may
            )
        if st.form_submit_button("Save", type="primary", disabled=not may):
            _save_settings(one, enabled, percent / 100, {name: values for name, values in filters.items() if values})
    if not may:
        st.caption("Your role may look but not change.")


def _save_settings(one: Evaluator, enabled: bool, rate: float, filters: Mapping[str, Sequence[str]]) -> None:
    writing.change(
        "evaluator.set",
        one.name,
        lambda editor, author, now: evaluator_settings.add_settings_version(
            editor, one.name, enabled=enabled, sample_rate=rate, filters=filters, author=author, now=now
        ),
        before={"enabled": one.enabled, "sample_rate": one.sample_rate, "filters": dict(one.filters)},
        after={"enabled": enabled, "sample_rate": rate, "filters": filters},
    )
    st.toast("Saved. Workers take it up within seconds.", icon=":material/check:")
    st.rerun()


def rubric_form(name: str, rubric: Mapping[str, Any] | None) -> None:
    """A rubric as people write it: the question, the verdicts with their values, and what the judge is shown.

    Args:
        name: Of the rubric; '' = a new one, which gets a name here.
        rubric: Row of `judge_rubrics.current_rubrics`; None = a new one, or one of the settings file.
    """
    may = access.may("editor")
    known = rubric or {"prompt": "", "choices": {"good": 1.0, "bad": 0.0}, "direction": "higher_is_better"}
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
        if st.form_submit_button("Save a new version", type="primary", disabled=not may):
            wanted = {
                "prompt": prompt,
                "choices": choices_of(choices),
                "direction": _DIRECTIONS[direction],
                "columns": [_TEXTS[text] for text in columns],
            }
            _save_rubric(new_name, rubric, wanted)


def choices_of(table: pd.DataFrame) -> dict[str, float]:
    """Verdicts of the edited table; rows without a word are left out, one without a number is not a number."""
    found = {}
    for row in table.to_dict("records"):
        word = str(row["verdict"] or "").strip()
        if word and word != "nan":
            found[word] = math.nan if row["value"] is None else float(row["value"])
    return found


def _save_rubric(name: str, before: Mapping[str, Any] | None, wanted: dict[str, Any]) -> None:
    try:
        judge_rubrics.check_rubric(name, **wanted)
    except ValueError as problem:
        st.error(label(str(problem), 300), icon=":material/error:")
        return
    writing.change(
        "rubric.set",
        name,
        lambda editor, author, now: judge_rubrics.add_rubric_version(editor, name, author=author, now=now, **wanted),
        before={key: before[key] for key in wanted} if before else None,
        after=wanted,
    )
    st.toast("Saved. Its scores are a new series.", icon=":material/check:")
    st.rerun()
