"""Rows of `evaluator_settings` change what a running worker does."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from watchglass_evaluators import EvaluatorReport, EvaluatorsConfig, Runner
from watchglass_store import Store
from watchglass_store.queries.evaluator_settings import change_settings

Seed = Callable[..., list[tuple[str, str]]]


def run(runner: Runner) -> dict[str, EvaluatorReport]:
    return {report.name: report for report in runner.run_once().evaluators}


def change(
    store: Store,
    clock: Any,
    name: str = "refusal",
    *,
    enabled: bool = True,
    sample_rate: float = 1.0,
    filters: Mapping[str, Sequence[str]] | None = None,
) -> None:
    change_settings(
        store, name, enabled=enabled, sample_rate=sample_rate, filters=filters or {}, author="ann", now=clock()
    )


def scored(store: Store, name: str = "refusal") -> list[dict[str, Any]]:
    return store.query("SELECT * FROM scores FINAL WHERE name = {n:String} ORDER BY trace_id", {"n": name})


def test_off_and_on_without_a_restart(store: Store, clock: Any, seed: Seed) -> None:
    runner = Runner(store, EvaluatorsConfig(enabled=("refusal",)), clock=clock)
    before = seed(3)
    clock.advance(10)
    assert run(runner)["refusal"].scored == 3
    change(store, clock, enabled=False)
    seed(4)
    clock.advance(100)
    assert "refusal" not in run(runner)
    change(store, clock)
    clock.advance(1)
    after = seed(5)
    clock.advance(10)
    assert run(runner)["refusal"].scored == 5, "what came while it was off is left alone"
    clock.advance(70)
    assert run(runner)["refusal"].eligible == 0, "by the last look, too"
    assert run(Runner(store, EvaluatorsConfig(enabled=("refusal",)), clock=clock))["refusal"].eligible == 0
    assert {(row["trace_id"], row["span_id"]) for row in scored(store)} == {*before, *after}


def test_one_that_the_file_does_not_name_is_turned_on(store: Store, clock: Any, seed: Seed) -> None:
    runner = Runner(store, EvaluatorsConfig(enabled=()), clock=clock)
    seed(2)
    clock.advance(10)
    assert run(runner) == {}
    change(store, clock)
    assert run(runner)["refusal"].scored == 2, "a new evaluator begins at the look-back"
    change(store, clock, "no_such_evaluator")
    assert "unknown evaluator 'no_such_evaluator'" in run(runner)["no_such_evaluator"].waiting


def test_filters_look_at_every_column_and_the_chance_is_stored(store: Store, clock: Any, seed: Seed) -> None:
    runner = Runner(store, EvaluatorsConfig(enabled=("refusal",)), clock=clock)
    columns = {"environment": "prod", "response_model": "m-1", "prompt_version": "7", "project": "shop"}
    wanted = seed(2, **columns)
    for column in columns:
        seed(2, **columns | {column: "other"})
    filters = {"environment": ["prod"], "model": ["m-1"], "prompt_version": ["6", "7"], "project": ["shop"]}
    change(store, clock, filters=filters)
    clock.advance(10)
    report = run(runner)["refusal"]
    assert (report.scored, report.skipped) == (2, 0)
    assert {(row["trace_id"], row["span_id"]) for row in scored(store)} == set(wanted)
    change(store, clock, sample_rate=0.25)
    seed(200)
    clock.advance(10)
    assert 25 <= run(runner)["refusal"].scored <= 75
    assert {row["selection_probability"] for row in scored(store)} == {1.0, 0.25}


def test_what_each_was_told_and_how_much_waits_is_in_the_log(store: Store, clock: Any, seed: Seed) -> None:
    runner = Runner(store, EvaluatorsConfig(enabled=("refusal", "bleu")), clock=clock)
    seed(7)
    seed(3, operation_name="execute_tool")
    clock.advance(2)
    run(runner)
    change(store, clock, sample_rate=0.5)
    clock.advance(31)
    run(runner)
    log = store.query(
        "SELECT evaluator, event, message, calls, since FROM evaluation_log "
        "WHERE event IN ('settings', 'backlog') AND evaluator = 'refusal' ORDER BY time"
    )
    told = [json.loads(row["message"]) for row in log if row["event"] == "settings"]
    assert [(one["enabled"], one["sample_rate"], one["origin"]) for one in told] == [
        (True, 1.0, "settings file"),
        (True, 0.5, "ann"),
    ]
    backlog = [(row["calls"], row["since"]) for row in log if row["event"] == "backlog"]
    assert backlog == [(7, clock() - timedelta(seconds=33)), (7, clock() - timedelta(seconds=33))]
    clock.advance(31)
    run(runner)
    assert store.query("SELECT argMax(calls, time) AS n FROM evaluation_log WHERE event = 'backlog'")[0]["n"] == 0
