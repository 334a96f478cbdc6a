"""The table of scores of a page, and which of them is looked at; the choice is in the address."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.stats import mean_interval
from watchglass_dashboards.ui.text import one_line, option
from watchglass_store.queries import pages_quality as queries
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_quality import ScoreKey

_BETTER = {"higher_is_better": "higher", "lower_is_better": "lower"}
_KINDS = {"code": "code", "model": "model", "judge": "judge", "human": "people", "external": "your application"}


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `pages_quality.score_list` as shown."""
    shown = []
    for row in rows:
        interval = mean_interval(row["mean"], row["deviation"], row["n"]) if row["n"] else None
        old, new = row["previous_mean"], row["mean"] if row["n"] else None
        has_change = new is not None and old is not None and old == old and old != 0
        shown.append(
            {
                "score": one_line(row["name"].replace("_", " "), 60),
                "by": one_line(f"{row['evaluator']} {row['version']}", 60),
                "kind": _KINDS.get(row["kind"], one_line(row["kind"], 20)),
                "mean": new,
                "low": interval[0] if interval else None,
                "high": interval[1] if interval else None,
                "change": (new - old) / abs(old) if has_change else None,
                "better": _BETTER.get(row["better"], "neither"),
                "n": row["n"],
                "unscored": row["n_unscored"],
                "cost": row["cost"] or None,
            }
        )
    return pd.DataFrame(shown)


def key_of(row: dict[str, Any]) -> ScoreKey:
    """The series that a row of `score_list` is about."""
    return ScoreKey(row["name"], row["evaluator"], row["version"])


def name_of(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """How a score is called in the choice: its name, with its evaluator where two evaluators share it."""
    is_ambiguous = sum(other["name"] == row["name"] for other in rows) > 1
    return f"{row['name']} / {row['evaluator']}" if is_ambiguous else str(row["name"])


def choose(rows: Sequence[dict[str, Any]], key: str) -> dict[str, Any]:
    """Draw the table and the choice; a click on a row chooses it. Returns the chosen row.

    Args:
        rows: Of `score_list`, at least one.
        key: Of the widget, also its name in the address.
    """
    names = [option(name_of(row, rows)) for row in rows]
    table_key = f"{key}_table"

    def take() -> None:
        picked = st.session_state[table_key].selection.rows
        if picked and picked[0] < len(names):
            st.session_state[key] = names[picked[0]]

    config = st.column_config
    data = frame(rows)
    st.dataframe(
        data,
        hide_index=True,
        height=min(360, 38 + 34 * len(data)),
        row_height=34,
        placeholder=format.GAP,
        key=table_key,
        on_select=take,
        selection_mode="single-row",
        column_config={
            "score": config.TextColumn("Score", width=150, pinned=True),
            "by": config.TextColumn("Evaluator and version", width=150),
            "kind": config.TextColumn("Kind", width=80),
            "mean": config.NumberColumn("Mean", format="%.4g", width=75),
            "low": config.NumberColumn("95 % from", format="%.4g", width=80),
            "high": config.NumberColumn("to", format="%.4g", width=75),
            "change": config.NumberColumn("Change", format="percent", width=75),
            "better": config.TextColumn("Better", width=65),
            "n": config.NumberColumn("Scored (n)", format="localized", width=85),
            "unscored": config.NumberColumn("Unscored", format="localized", width=80),
            "cost": config.NumberColumn("Cost", format="$%.4f", width=80),
        },
    )
    chosen = st.selectbox("Score", names, key=key, bind="query-params", format_func=option, width=320)
    return rows[names.index(chosen)]


def versions_of(scope: Scope, row: dict[str, Any], key: str) -> ScoreKey:
    """Let the viewer take another version of the chosen score; the newest unless they do."""
    newest = key_of(row)
    known = read(queries.versions, scope, newest.name, newest.evaluator)
    if len(known) < 2:
        return newest
    version = st.selectbox("Version", known, key=key, format_func=option, width=220)
    return ScoreKey(newest.name, newest.evaluator, version)
