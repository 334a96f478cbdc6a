"""Evaluators: what runs on which calls, how far it is, what it cost, where it failed; and the switches."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.judge_desk import judge_desk
from watchglass_dashboards.ui import evaluator_form, format, tables
from watchglass_dashboards.ui.evaluator_table import JUDGE, Evaluator, as_rows, filter_text, merged
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.layout import card, fresh_line, kpi, nothing
from watchglass_dashboards.ui.rubric_form import Rubric, in_force, rubric_form
from watchglass_dashboards.ui.rubric_preview import rubric_preview
from watchglass_dashboards.ui.tables import figures, links, moments, words
from watchglass_dashboards.ui.text import one_line, untrusted
from watchglass_dashboards.ui.trace_address import trace_address
from watchglass_store.queries import evaluator_settings, judge_rubrics
from watchglass_store.queries import pages_evaluators as queries
from watchglass_store.queries.pages import Scope

_NEW = "a new judge"


def page() -> None:
    """Draw the page."""
    fresh_line()
    scope = selection().scope(datetime.now(UTC))
    with st.skeleton(height=400):
        rubrics = {row["name"]: row for row in read(judge_rubrics.current_rubrics)}
        evaluators = _evaluators(scope, list(rubrics))
    if not evaluators:
        nothing("No evaluator is known here.")
        return
    _numbers(evaluators)
    chosen = _choose(evaluators)
    if chosen == len(evaluators):
        with card("A new judge", "a model that answers by your rubric"):
            tried = rubric_form("", None)
        _try(tried, scope)
        return
    _try(_one(evaluators[chosen], rubrics), scope)
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


def _choose(evaluators: Sequence[Evaluator]) -> int:
    columns = {
        "state": words("State", 70, pinned=True),
        "evaluator": words("Evaluator", 150),
        "measures": words("Measures", 210),
        "sample": figures("Sample", 65, "percent"),
        "filters": words("Only", 120),
        "scored": figures("Scored", 70),
        "unscored": figures("Unscored", 72),
        "errors": figures("Failed", 60),
        "behind": figures("Behind", 65),
        "ms": figures("ms a call", 70, "%.3g"),
        "cost": figures("Cost", 72, "$%.4f"),
        "through": moments("Calls up to"),
        "waits": words("Waits for", 180),
    }
    names = [one.name for one in evaluators]
    return tables.choose(
        as_rows(evaluators), columns, names, title="Evaluator", key="evaluator", more=[_NEW], width=320
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
        columns = {
            "verdict": words("Verdict", 90),
            "value": figures("Value", 60, "%.3g"),
            "why": words("Why", 260),
            "version": words("Version", 80),
            "open": links(width=50),
        }
        tables.show(shown, columns)


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
        columns = {
            "time": moments(),
            "who": words("Who", 110),
            "runs": st.column_config.CheckboxColumn("Runs", width=55),
            "sample": figures("Sample", 65, "percent"),
            "only": words("Only", 200),
        }
        tables.show(shown, columns)


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
        columns = {
            "time": moments(),
            "evaluator": words("Evaluator", 130),
            "what": words("What", 150),
            "why": words("Why", 420),
            "open": links(width=50),
        }
        tables.show(shown, columns)
