"""PPI++ against known truth: it covers it as often as it says, and a good judge makes the interval narrow."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from watchglass_cli.commands.evaluators import evaluators
from watchglass_evaluators.calibration import LEAST_LABELS, Calibration, calibrate
from watchglass_store import Store, StoreConfig

TRUTH = 0.8
JUDGED = 5000


def simulate(numbers: np.random.Generator, labels: int, hit: float, miss: float) -> Calibration:
    """A judge that is right about a good answer with chance `hit` and about a bad one with chance `miss`."""
    people = (numbers.random(JUDGED) < TRUTH).astype(float)
    judge = (numbers.random(JUDGED) < np.where(people == 1, hit, 1 - miss)).astype(float)
    rest = judge[labels:]
    return calibrate(
        people[:labels], judge[:labels], n=len(rest), mean=float(rest.mean()), variance=float(rest.var(ddof=1))
    )


@pytest.mark.parametrize(
    ("labels", "hit", "miss"), [(100, 0.97, 0.9), (100, 0.9, 0.65), (300, 0.97, 0.9), (50, 0.5, 0.5)]
)
def test_the_interval_holds_the_truth_as_often_as_it_says(labels: int, hit: float, miss: float) -> None:
    numbers = np.random.default_rng(labels)
    runs = [simulate(numbers, labels, hit, miss) for _ in range(600)]
    corrected = [run.corrected for run in runs if run.corrected]
    assert len(corrected) == len(runs)
    covered = sum(one.low <= TRUTH <= one.high for one in corrected) / len(runs)
    assert covered >= 0.95 - 3.5 * math.sqrt(0.95 * 0.05 / len(runs))
    assert abs(sum(one.value for one in corrected) / len(runs) - TRUTH) < 0.01
    wide = sum(one.high - one.low for one in corrected)
    alone = sum(run.people.high - run.people.low for run in runs if run.people)
    assert wide < alone * (0.7 if hit == 0.97 else 1.02), "a good judge helps, a useless one does no harm"


def test_a_judge_on_another_scale_and_one_that_says_the_opposite_help_as_much() -> None:
    numbers = np.random.default_rng(1)
    people = numbers.random(2000)
    judge = people + numbers.normal(0, 0.1, 2000)
    results = []
    for scores in (judge, 1 + 4 * judge, -judge):
        rest = scores[100:]
        results.append(
            calibrate(people[:100], scores[:100], n=1900, mean=float(rest.mean()), variance=float(rest.var(ddof=1)))
        )
    assert all(result.corrected for result in results)
    for result in results[1:]:
        assert result.corrected
        assert results[0].corrected
        assert result.corrected.low == pytest.approx(results[0].corrected.low)
        assert result.corrected.high == pytest.approx(results[0].corrected.high)
    assert results[2].correlation == pytest.approx(-(results[0].correlation or 0))


def test_what_cannot_be_told_is_not() -> None:
    few = calibrate([1.0] * (LEAST_LABELS - 1), [1.0] * (LEAST_LABELS - 1), n=1000, mean=0.5, variance=0.25)
    assert (few.corrected, few.people) == (None, None)
    assert few.reason == "19 calls have both a score of the judge and a label of people; it takes 20"
    assert calibrate([], [], n=0, mean=0.0, variance=0.0).judge_mean is None
    constant = calibrate([0.0, 1.0] * 20, [1.0] * 40, n=100, mean=1.0, variance=0.0)
    assert (constant.correlation, constant.trust) == (None, 0.0)
    assert constant.corrected == constant.people
    all_labelled = calibrate([0.0, 1.0] * 20, [0.0, 1.0] * 20, n=0, mean=0.0, variance=0.0)
    assert all_labelled.corrected == all_labelled.people


def test_the_command_reads_people_and_judge_from_the_store(
    store: Store, store_config: StoreConfig, clock: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def score(number: int, name: str, value: float | None, source: str, **fields: Any) -> dict[str, Any]:
        blank = {"evaluator": name, "evaluator_version": "v2", "direction": "higher_is_better", "created_at": clock()}
        call = {"trace_id": f"{number:032x}", "span_id": "a" * 16, "call_time": clock() - timedelta(hours=1)}
        return {**call, "name": name, "value": value, "source": source, **blank, **fields}

    rows = [score(i, "judge_helpfulness", float(i % 4 > 0), "judge") for i in range(200)]
    rows += [score(i, "judge_helpfulness", 0.0, "judge", evaluator_version="v1",
                   created_at=clock() - timedelta(minutes=9)) for i in range(200)]  # fmt: skip
    rows += [score(300, "judge_helpfulness", None, "judge")]
    rows += [score(i, "human_quality", float(i % 8 > 0), "human", evaluator=f"dashboard:{who}") for i in range(40)
             for who in ("ann", "bo")]  # fmt: skip
    store.insert("scores", rows)
    monkeypatch.setenv("WATCHGLASS_STORE__URL", store_config.url)
    done = CliRunner().invoke(evaluators, ["calibrate", "judge_helpfulness", "--data", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "judge_helpfulness of version v2, 200 calls: mean 0.75" in done.output
    assert "40 of them labelled human_quality by people: mean 0.875" in done.output
    assert "corrected by the labels" in done.output
    done = CliRunner().invoke(evaluators, ["calibrate", "judge_helpfulness", "--label", "human_issue"])
    assert done.exit_code == 1
    assert "0 calls have both a score of the judge and a label of people; it takes 20" in done.output
