"""Rubrics from the table: written, turned on and edited while the worker runs; each version is a series of its own."""

from collections.abc import Callable
from typing import Any

from watchglass_evaluators import EvaluatorReport, EvaluatorsConfig, Runner
from watchglass_store import Store
from watchglass_store.queries.evaluator_settings import change_settings
from watchglass_store.queries.judge_rubrics import change_rubric

Seed = Callable[..., list[tuple[str, str]]]
RUBRIC: dict[str, Any] = {
    "prompt": "Is it polite?",
    "choices": {"rude": 0.0, "polite": 1.0},
    "direction": "higher_is_better",
    "columns": ["response_text"],
}


def run(runner: Runner) -> dict[str, EvaluatorReport]:
    return {report.name: report for report in runner.run_once().evaluators}


def test_a_rubric_is_written_turned_on_and_edited_without_a_restart(
    store: Store, clock: Any, seed: Seed, judge_config: Callable[..., EvaluatorsConfig], endpoint: Any
) -> None:
    endpoint.behaviour = lambda question: question.verdict("polite")
    runner = Runner(store, judge_config(rubrics=[]), clock=clock)
    seed(2)
    clock.advance(10)
    assert run(runner) == {}
    change_rubric(store, "tone", author="ann", now=clock(), **RUBRIC)
    assert run(runner) == {}, "written, and not on yet"
    change_settings(store, "judge_tone", enabled=True, sample_rate=1, filters={}, author="ann", now=clock())
    assert run(runner)["judge_tone"].scored == 2
    first_version = {row["v"] for row in store.query("SELECT DISTINCT evaluator_version AS v FROM scores")}
    clock.advance(1)
    change_rubric(store, "tone", author="bob", now=clock(), **RUBRIC | {"prompt": "Is it kind?"})
    assert run(runner)["judge_tone"].scored == 2, "calls of the look-back are judged anew"
    assert "Is it kind?" in endpoint.questions[-1].system
    rows = store.query("SELECT evaluator_version AS v, count() AS n, avg(value) AS value FROM scores FINAL GROUP BY v")
    assert [(row["n"], row["value"]) for row in rows] == [(2, 1.0), (2, 1.0)], "old scores keep their version"
    assert first_version < {row["v"] for row in rows}
    assert store.query("SELECT count() AS n FROM judge_versions FINAL")[0]["n"] == 2


def test_a_judge_without_a_rubric_says_how_to_write_one(
    store: Store, clock: Any, judge_config: Callable[..., EvaluatorsConfig]
) -> None:
    change_settings(store, "judge_absent", enabled=True, sample_rate=1, filters={}, author="ann", now=clock())
    waiting = run(Runner(store, judge_config(rubrics=[]), clock=clock))["judge_absent"].waiting
    assert waiting == "there is no rubric 'absent': write one with `watchglass evaluators rubric absent`"
