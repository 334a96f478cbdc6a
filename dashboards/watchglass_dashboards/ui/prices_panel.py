"""Prices: the models that are seen with theirs, and the prices that people set, which come before the shipped ones."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.forms import form_key, saved
from watchglass_dashboards.ui.layout import card
from watchglass_dashboards.ui.models_panel import models_panel
from watchglass_dashboards.ui.text import label, one_line, option
from watchglass_dashboards.writing import self_audited
from watchglass_store.queries import prices

_SAID = "_price_saved"


def prices_panel() -> None:
    """Draw the catalogue and the list, and for editors what adds, replaces or takes away a price."""
    chosen = models_panel()
    own = read(prices.current)
    if own:
        _own(own)
    if _SAID in st.session_state:
        _tell(*st.session_state.pop(_SAID))
    if access.may("editor"):
        left, right = st.columns([1.4, 1], gap="small")
        with left, card("Set a price", "USD for a million tokens; holds for calls that arrive from now on"):
            _new(*chosen or ("", ""))
        if own:
            with right, card("Take a price away", "the shipped one counts then, where there is one"):
                _remove(own)


def _own(own: list[dict[str, Any]]) -> None:
    shown = [
        {
            "model": one_line(row["model"], 100),
            "provider": one_line(row["provider"], 60) or None,
            "valid_from": row["valid_from"],
            "above_input_tokens": row["above_input_tokens"] or None,
            **{name: row[name] for name in prices.RATES},
        }
        for row in own
    ]
    with card("Set here", "USD for a million tokens; these come before the shipped ones", rows=shown, key="prices"):
        config = st.column_config
        rates = {name: config.NumberColumn(name.removesuffix("_usd").replace("_", " "), format="$%.4f")
                 for name in prices.RATES}  # fmt: skip
        st.dataframe(shown, hide_index=True, placeholder=format.GAP, key="table_prices", column_config={
            "model": config.TextColumn("Model"), "provider": config.TextColumn("Provider"),
            "valid_from": config.DateColumn("From"), "above_input_tokens": config.NumberColumn("Above input tokens"),
            **rates,
        })  # fmt: skip


def _new(provider: str, model: str) -> None:
    """The form, filled with the model that was chosen above."""
    form = f"price_{provider}_{model}"
    with st.form(form_key(form), border=False):
        left, right = st.columns(2, gap="small")
        model = left.text_input("Model, as it is in the calls", model, max_chars=200)
        provider = right.text_input("Provider; empty: whoever serves the model", provider, max_chars=100)
        since = st.date_input("From", datetime.now(UTC).date())
        columns = st.columns(4, gap="small")
        typed = [
            column.number_input(title, min_value=0.0, value=None, format="%.4f", placeholder="none")
            for column, title in zip(columns, ("Input", "Output", "Cache read", "Cache write"), strict=True)
        ]
        asked = st.form_submit_button("Save", icon=":material/save:", type="primary")
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
    st.session_state[_SAID] = (model, True)
    saved(form)


def _tell(model: str, is_set: bool) -> None:
    if is_set:
        text = f"Saved the price of {label(model)}. It holds for traces that are assembled from now on."
    else:
        text = f"Took the price of {label(model)} away."
    st.success(text, icon=":material/check:")


def _remove(own: list[dict[str, Any]]) -> None:
    names = [
        " ".join(
            part
            for part in (
                row["model"],
                row["provider"],
                f"from {row['valid_from']}",
                f"above {row['above_input_tokens']} tokens" if row["above_input_tokens"] else "",
            )
            if part
        )
        for row in own
    ]
    with st.form("unprice", border=False):
        chosen = st.selectbox(
            "Price", names, index=None, placeholder="Choose one", format_func=option, label_visibility="collapsed"
        )
        asked = st.form_submit_button("Take it away", icon=":material/delete:")
    if not asked or chosen is None:
        return
    row = own[names.index(chosen)]

    def write(editor: Any, author: str) -> None:
        key = {name: row[name] for name in ("provider", "model", "valid_from", "above_input_tokens")}
        prices.put(editor, **key, rates=dict.fromkeys(prices.RATES), author=author, deleted=True)

    self_audited(write, needs="editor")
    st.session_state[_SAID] = (row["model"], False)
    st.rerun()
