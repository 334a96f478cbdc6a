"""Evaluators: what runs on which calls, how far it is, what it cost, where it failed; and the switches."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.judge_desk import judge_desk
from watchglass_dashboards.ui import evaluator_form, format
from watchglass_dashboards.ui.evaluator_table import JUDGE, Evaluator, filter_text, frame, merged
from watchglass_dashboards.ui.filters import selection, viewer_zone
from watchglass_dashboards.ui.layout import card, fresh_line, kpi, nothing
from watchglass_dashboards.ui.rubric_form import Rubric, in_force, rubric_form
from watchglass_dashboards.ui.rubric_preview import rubric_preview
from watchglass_dashboards.ui.text import one_line, option, untrusted
from watchglass_dashboards.ui.trace_address import trace_address
from watchglass_store.queries import evaluator_settings, judge_rubrics
from watchglass_store.queries import pages_evaluators as queries
from watchglass_store.queries.pages import Scope

_NEW = "a new judge"


def page() -> None:
    """Draw the page."""
    fresh_line()
    scope = selection().scope(datetime.now(UTC))
    rubrics = {row["name"]: row for row in read(judge_rubrics.current_rubrics)}
    evaluators = _evaluators(scope, list(rubrics))
    if not evaluators:
        nothing("No evaluator is known here.")
        return
    _numbers(evaluators)
    _table(evaluators)
    names = [option(one.name) for one in evaluators]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Evaluator", [*names, _NEW], key="evaluator", bind="query-params", format_func=option, width=320
        )
    if chosen == _NEW:
        with card("A new judge", "a model that answers by your rubric"):
            tried = rubric_form("", None)
        _try(tried, scope)
        return
    _try(_one(evaluators[names.index(chosen)], rubrics), scope)
    _problems(scope)


def _evaluators(scope: Scope, rubrics: Sequence[str]) -> list[Evaluator]:
    activity = read(queries.activity, scope.start, scope.end)
    at = {row["evaluator"]: row["through_ms"] for row in activity if row["through_ms"] is not None}
    behind = dict(zip(at, read(queries.backlogs, tuple(at.values())), strict=True))
    rows = read(evaluator_settings.current_settings)
    return merged(access.installation().evaluators, rows, rubrics, activity, behind)


def _numbers(evaluators: Sequence[Evaluator]) -> None:
    on = [one for one in evaluators if one.enabled]
    did = [one.did for one in evaluators if one.did]
    errors = sum(row["n_errors"] + row["n_quarantined"] for row in did)
    waiting = sum(one.state == "waits" for one in on)
    cost = sum(row["cost"] for row in did)
    behind = max((one.behind or 0 for one in on), default=0)
    with st.grid(5, min_column_width=160, gap="small"):
        kpi("Running", f"{sum(one.state == 'runs' for one in on):,}", f"{len(on):,} on, of {len(evaluators):,} known")
        kpi("Waiting", f"{waiting:,}", "for weights, a key or money; the table says which")
        kpi("Furthest behind", format.count(behind), "calls that the slowest has not looked at")
        kpi("Failed", format.count(errors), "evaluations, in this time range")
        kpi("Cost", format.usd(cost or None), "of evaluators, in this time range")


def _table(evaluators: Sequence[Evaluator]) -> None:
    shown = frame(evaluators)

    def take() -> None:
        picked = st.session_state.evaluators.selection.rows
        if picked and picked[0] < len(evaluators):
            st.session_state.evaluator = option(evaluators[picked[0]].name)

    config = st.column_config
    st.dataframe(
        shown,
        hide_index=True,
        height=min(420, 39 + 34 * len(shown)),
        row_height=34,
        placeholder=format.GAP,
        key="evaluators",
        on_select=take,
        selection_mode="single-row",
        column_config={
            "state": config.TextColumn("State", width=70, pinned=True),
            "evaluator": config.TextColumn("Evaluator", width=150),
            "measures": config.TextColumn("Measures", width=210),
            "sample": config.NumberColumn("Sample", format="percent", width=65),
            "filters": config.TextColumn("Only", width=120),
            "scored": config.NumberColumn("Scored", format="localized", width=70),
            "unscored": config.NumberColumn("Unscored", format="localized", width=72),
            "errors": config.NumberColumn("Failed", format="localized", width=60),
            "behind": config.NumberColumn("Behind", format="localized", width=65),
            "ms": config.NumberColumn("ms a call", format="%.3g", width=70),
            "cost": config.NumberColumn("Cost", format="$%.4f", width=72),
            "through": config.DatetimeColumn(
                "Calls up to", format="D MMM HH:mm:ss", timezone=getattr(viewer_zone(), "key", "UTC"), width=118
            ),
            "waits": config.TextColumn("Waits for", width=180),
        },
    )


def _try(tried: tuple[str, Rubric] | None, scope: Scope) -> None:
    desk = judge_desk()
    if tried and desk:
        rubric_preview(desk, *tried, scope)


def _one(one: Evaluator, rubrics: Mapping[str, Mapping[str, Any]]) -> tuple[str, Rubric] | None:
    """One evaluator; returns the rubric that is to be tried, where one is."""
    tried = None
    name = one.name.removeprefix(JUDGE)
    is_judge = one.name.startswith(JUDGE)
    left, right = st.columns([1, 1.2], gap="small")
    with left, card("Settings", "a change is taken up within seconds"):
        if one.summary:
            untrusted(one.summary, limit=300)
        evaluator_form.settings_form(one)
    with right:
        if is_judge:
            with card("Rubric", "each version is a series of scores of its own"):
                if name not in rubrics:
                    st.caption(
                        "It comes with Watchglass or the settings file; what you save here comes before that."
                        if in_force(name, None)
                        else "It compares two answers, which no rubric here can; one that you save replaces it."
                    )
                tried = rubric_form(name, rubrics.get(name))
            _verdicts(one.name)
        _history(one.name)
    return tried


def _verdicts(name: str) -> None:
    with card("Latest verdicts", "of the last seven days"):
        found = read(queries.verdicts, name)
        if not found:
            nothing("This judge has said nothing yet.")
            return
        shown = [
            {
                "verdict": one_line(row["label"], 40) or None,
                "value": row["value"],
                "why": one_line(row["why"], 200) or None,
                "version": one_line(row["version"], 20),
                "open": trace_address(row["trace_id"], row["span_id"], row["project"]),
            }
            for row in found
        ]
        config = st.column_config
        st.dataframe(
            pd.DataFrame(shown),
            hide_index=True,
            placeholder=format.GAP,
            column_config={
                "verdict": config.TextColumn("Verdict", width=90),
                "value": config.NumberColumn("Value", format="%.3g", width=60),
                "why": config.TextColumn("Why", width=260),
                "version": config.TextColumn("Version", width=80),
                "open": config.LinkColumn("Trace", display_text=":material/open_in_new:", width=50),
            },
        )


def _history(name: str) -> None:
    found = read(evaluator_settings.settings_history, name)
    if not found:
        return
    with card("Who changed it", "newest first"):
        shown = [
            {
                "time": row["version"],
                "who": one_line(row["author"], 60),
                "runs": bool(row["enabled"]),
                "sample": row["sample_rate"],
                "only": one_line(filter_text(row["filters"]), 120) or None,
            }
            for row in found[:20]
        ]
        config = st.column_config
        st.dataframe(
            pd.DataFrame(shown),
            hide_index=True,
            placeholder=format.GAP,
            column_config={
                "time": config.DatetimeColumn(
                    "Time", format="D MMM HH:mm:ss", timezone=getattr(viewer_zone(), "key", "UTC"), width=118
                ),
                "who": config.TextColumn("Who", width=110),
                "runs": config.CheckboxColumn("Runs", width=55),
                "sample": config.NumberColumn("Sample", format="percent", width=65),
                "only": config.TextColumn("Only", width=200),
            },
        )


def _problems(scope: Scope) -> None:
    found = read(queries.problems, scope.start, scope.end)
    if not found:
        return
    with card("Failed evaluations", "the newest 50"):
        shown = [
            {
                "time": datetime.fromtimestamp(row["time_ms"] / 1000, UTC),
                "evaluator": one_line(row["evaluator"], 60),
                "what": "given up after three starts" if row["event"] == "quarantine" else "failed",
                "why": one_line(row["why"], 200) or None,
                "open": trace_address(row["trace_id"], row["span_id"], row["project"]),
            }
            for row in found
        ]
        config = st.column_config
        st.dataframe(
            pd.DataFrame(shown),
            hide_index=True,
            placeholder=format.GAP,
            column_config={
                "time": config.DatetimeColumn(
                    "Time", format="D MMM HH:mm:ss", timezone=getattr(viewer_zone(), "key", "UTC"), width=118
                ),
                "evaluator": config.TextColumn("Evaluator", width=130),
                "what": config.TextColumn("What", width=150),
                "why": config.TextColumn("Why", width=420),
                "open": config.LinkColumn("Trace", display_text=":material/open_in_new:", width=50),
            },
        )
