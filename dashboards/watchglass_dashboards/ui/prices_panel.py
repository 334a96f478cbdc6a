"""Prices that people set; they come before the shipped ones."""

from typing import Any

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.layout import card
from watchglass_dashboards.ui.text import label, one_line
from watchglass_dashboards.writing import self_audited
from watchglass_store.queries import prices


def prices_panel() -> None:
    """Draw the list, and for editors the form that adds or replaces a price."""
    shown = [
        {
            "model": one_line(row["model"], 100),
            "provider": one_line(row["provider"], 60) or None,
            "valid_from": row["valid_from"],
            "above_input_tokens": row["above_input_tokens"],
            **{name: row[name] for name in prices.RATES},
        }
        for row in read(prices.current)
    ]
    with card("Prices", "USD for a million tokens; set by people, before the shipped ones", rows=shown, key="prices"):
        config = st.column_config
        rates = {name: config.NumberColumn(name.removesuffix("_usd").replace("_", " "), format="$%.4f")
                 for name in prices.RATES}  # fmt: skip
        st.dataframe(shown, hide_index=True, placeholder=format.GAP, key="table_prices", column_config={
            "model": config.TextColumn("Model"), "provider": config.TextColumn("Provider"),
            "valid_from": config.DateColumn("From"), "above_input_tokens": config.NumberColumn("Above input tokens"),
            **rates,
        })  # fmt: skip
    if access.may("editor"):
        _new()


def _new() -> None:
    with st.form("price", clear_on_submit=True):
        model = st.text_input("Model, as it is in the calls", max_chars=200)
        provider = st.text_input("Provider; empty: whoever serves the model", max_chars=100)
        since = st.date_input("From")
        typed = [
            st.number_input(title, min_value=0.0, value=None, format="%.4f")
            for title in ("Input, USD", "Output, USD", "Cache read, USD", "Cache write, USD")
        ]
        asked = st.form_submit_button("Save", icon=":material/save:")
    if not asked:
        return
    rates = dict(zip(prices.RATES, typed, strict=True))
    if not model.strip() or rates["input_usd"] is None:
        st.warning("A price needs a model and what input costs.", icon=":material/edit:")
        return

    def write(editor: Any, author: str) -> None:
        prices.put(editor, provider=provider.strip(), model=model.strip(), valid_from=since, above_input_tokens=0,
                   rates=rates, author=author)  # fmt: skip

    self_audited(write, needs="editor")
    st.success(f"Saved the price of {label(model)}. It holds for traces that are assembled from now on.")
