"""Forms that change an evaluator or a rubric; what they save is a new version, taken up without a restart."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from watchglass_dashboards import access, writing
from watchglass_dashboards.data import read_seldom
from watchglass_dashboards.ui.evaluator_table import Evaluator
from watchglass_dashboards.ui.text import option
from watchglass_store.queries import evaluator_settings, pages

_FILTERS = {"service_name": "Services", "environment": "Environments", "model": "Models"}


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
        offered = read_seldom(pages.choices, since)
        for column, title in _FILTERS.items():
            chosen = list(one.filters.get(column, ()))
            known = list(dict.fromkeys([*chosen, *offered[column]]))
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
