"""What a judge was asked and how its votes fell, beside the score that it gave."""

from typing import Any

import orjson
import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.text import label, untrusted
from watchglass_store.queries import pages_judgement as queries
from watchglass_store.queries.evaluation import CallId


def judge_card(row: dict[str, Any], place: CallId, *, key: str) -> None:
    """Draw what is known of a judge's score, closed until it is opened.

    Args:
        row: The score, as `pages_trace.scores` gives it.
        place: Of the call that was judged.
        key: Of the widget.
    """
    box = st.expander("How it was judged", key=key, on_change="rerun")
    with box:
        if not box.open:
            return
        verdict, definition = read(queries.judgement, row["evaluator"], row["evaluator_version"], place)
        if verdict:
            st.caption(
                f"{len(verdict['ballots']):,} votes, {format.percent(verdict['agreement'], 0)} for the choice "
                f"{label(verdict['choice'], 60)} · {label(verdict['method'], 30)} · {format.usd(verdict['cost_usd'])}"
            )
            for model, choice, value in verdict["ballots"][:20]:
                st.caption(f"{label(model, 60)}: {label(choice, 60)} ({format.score(value)})")
        else:
            st.caption("The verdict was made for another call with the same texts, or is no longer kept (90 days).")
        if definition:
            st.caption("Rubric, models and settings of this version")
            _definition(definition)


def _definition(text: str) -> None:
    try:
        st.json(orjson.loads(text), expanded=1)
    except orjson.JSONDecodeError:
        untrusted(text, code=True)
