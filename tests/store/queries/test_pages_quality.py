"""Queries of the Quality page against values computed by hand."""

from datetime import UTC, datetime, timedelta
from statistics import mean, stdev

import pytest

from watchglass_store.queries import pages_quality as queries
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_quality import ScoreKey

NOW = datetime.now(UTC).replace(microsecond=0)
SCOPE = Scope(NOW - timedelta(hours=1), NOW)
KEY = ScoreKey("rouge_l", "rouge", "2")
VALUES = [0.1, 0.4, 0.4, 0.9]


def score(number, value, *, version="2", minutes=10, model="m1", error="", created=0):
    return {
        "name": "rouge_l", "evaluator": "rouge", "evaluator_version": version, "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}", "value": value, "label": "", "explanation": f"because {number}", "source": "code",
        "direction": "higher_is_better", "range": [0.0, float("inf")], "error": error,
        "call_time": NOW - timedelta(minutes=minutes), "created_at": NOW + timedelta(seconds=created),
        "service_name": "bot", "model": model, "cost_usd": 0.25,
    }  # fmt: skip


@pytest.fixture
def filled(store):
    rows = [score(number, value, model=f"m{number % 2}") for number, value in enumerate(VALUES)]
    rows += [score(9, None, error="no reference answer")]
    rows += [score(10, 0.2, minutes=90)]  # the hour before
    rows += [score(number, 0.99, version="1", created=-600) for number in range(4)]  # an older version, same calls
    store.insert("scores", rows)
    return store


def test_the_newest_version_stands_for_a_score(filled):
    (row,) = queries.score_list(filled, SCOPE)
    assert (row["name"], row["evaluator"], row["version"]) == ("rouge_l", "rouge", "2")
    assert (row["n"], row["n_unscored"]) == (4, 1)
    assert row["mean"] == pytest.approx(mean(VALUES))
    assert row["deviation"] == pytest.approx(stdev(VALUES))
    assert row["median"] == pytest.approx(0.4)
    assert row["previous_mean"] == pytest.approx(0.2)
    assert row["cost"] == pytest.approx(1.25)
    assert (row["lowest"], row["highest"]) == (0.0, None)
    assert queries.score_list(filled, SCOPE, names=["other"]) == []
    assert queries.versions(filled, SCOPE, "rouge_l", "rouge") == ["2", "1"]


def test_a_version_is_a_series_of_its_own(filled):
    (old,) = queries.score_series(filled, SCOPE, ScoreKey("rouge_l", "rouge", "1"), 3600 * 24)
    assert (old["n"], old["mean"]) == (4, pytest.approx(0.99))
    rows = queries.score_series(filled, SCOPE, KEY, 60)
    assert [(row["n"], row["n_unscored"]) for row in rows] == [(4, 1)]
    assert rows[0]["mean"] == pytest.approx(mean(VALUES))


def test_one_version_has_the_row_that_the_newest_has_in_the_list(filled):
    assert queries.score_version(filled, SCOPE, KEY) == queries.score_list(filled, SCOPE)[0]
    old = queries.score_version(filled, SCOPE, ScoreKey("rouge_l", "rouge", "1"))
    assert (old["version"], old["n"], old["n_unscored"], old["mean"]) == ("1", 4, 0, pytest.approx(0.99))
    assert queries.score_version(filled, SCOPE, ScoreKey("rouge_l", "rouge", "3")) is None


def test_the_histogram_holds_every_value(filled):
    assert queries.spread(filled, SCOPE, KEY) == (0.1, 0.9)
    rows = queries.histogram(filled, SCOPE, KEY, 0.0, 1.0, 10)
    assert [(row["at"], row["calls"]) for row in rows] == [(1, 1), (4, 2), (9, 1)]
    narrow = queries.histogram(filled, SCOPE, KEY, 0.3, 0.5, 2)
    assert sum(row["calls"] for row in narrow) == len(VALUES)
    assert queries.spread(filled, SCOPE, ScoreKey("x", "y", "z")) is None


def test_slices_and_reasons(filled):
    rows = {row["slice"]: row for row in queries.slices(filled, SCOPE, KEY, "model")}
    assert rows["m0"]["mean"] == pytest.approx(mean([0.1, 0.4]))
    assert rows["m1"]["n"] == 2
    assert queries.reasons(filled, SCOPE, KEY) == [{"reason": "no reference answer", "calls": 1}]
    with pytest.raises(ValueError, match="expected one of service_name"):
        queries.slices(filled, SCOPE, KEY, "trace_id")


def test_extremes_come_in_order(filled):
    low = queries.extremes(filled, SCOPE, KEY, highest=False, limit=2)
    assert [row["value"] for row in low] == [0.1, 0.4]
    assert low[0]["why"] == "because 0"
    assert [row["value"] for row in queries.extremes(filled, SCOPE, KEY, highest=True, limit=1)] == [0.9]
