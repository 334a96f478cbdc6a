"""Differences and their intervals against published and simulated values."""

import math
import random
import statistics
from collections import Counter
from datetime import timedelta

import pytest

from watchglass_dashboards.ui.comparison import Compared, calls_compared, dot_rows, histogram_rows, scores_compared
from watchglass_dashboards.ui.stats import difference_of_means, difference_of_shares
from watchglass_dashboards.views.compare import verdict_line
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_compare import Sides, calls


def test_shares_as_newcombe_published_them():
    """Newcombe 1998, table II, example (a): 56/70 against 48/80 has the interval 0.0524 to 0.3339."""
    difference, low, high = difference_of_shares((48, 80), (56, 70))
    assert difference == pytest.approx(0.2)
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    assert difference_of_shares((0, 0), (1, 2)) is None


def test_the_interval_of_means_holds_the_truth_as_often_as_it_says():
    dice, held, runs = random.Random(5), 0, 1000
    for _ in range(runs):
        a = [dice.gauss(1, 1) for _ in range(60)]
        b = [dice.gauss(1.5, 3) for _ in range(90)]
        _, low, high = difference_of_means(_summary(a), _summary(b))
        held += low <= 0.5 <= high
    assert 0.92 <= held / runs <= 0.975
    assert difference_of_means((1, math.nan, 1), (1, 1, 5)) is None


def _summary(values):
    mean = sum(values) / len(values)
    return mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1), len(values)


@pytest.mark.parametrize(
    ("difference", "better", "verdict"),
    [
        ((0.2, 0.1, 0.3), "higher", "better"),
        ((0.2, 0.1, 0.3), "lower", "worse"),
        ((-0.2, -0.3, -0.1), "lower", "better"),
        ((0.2, 0.1, 0.3), "neither", "different"),
        ((0.2, -0.1, 0.5), "higher", "no clear difference"),
        (None, "higher", "no clear difference"),
    ],
)
def test_a_verdict_needs_the_whole_interval(difference, better, verdict):
    assert Compared("x", "score", better, 1.0, 1.2, 9, 9, difference).verdict == verdict


def test_what_is_relative_to_nothing_is_not_drawn():
    nothing = Compared("error rate", "share", "lower", 0.0, 0.1, 9, 9, (0.1, 0.0, 0.2))
    assert nothing.relative is None
    assert dot_rows([nothing]) == []


def test_scores_of_one_side_only_are_left_out():
    row = {"name": "s", "evaluator": "e", "better": "higher_is_better", "n": 50, "variance": 0.01}
    both = [{**row, "is_b": 0, "mean": 0.5}, {**row, "is_b": 1, "mean": 0.8}]
    lone = {**row, "name": "only_a", "is_b": 0, "mean": 1.0}
    (compared,) = scores_compared([lone, *both])
    assert (compared.name, compared.verdict) == ("s", "better")
    assert verdict_line([compared]).startswith("B is **better on 1**, **worse on 0**")


def test_calls_without_a_price_have_no_cost_to_compare():
    side = {"n_calls": 100, "n_errors": 3}
    for measure in ("latency", "first_token", "input_tokens", "output_tokens", "cost"):
        side |= {f"n_{measure}": 100, f"mean_{measure}": 2.0, f"variance_{measure}": 1.0}
    unpriced = {**side, "n_cost": 0, "mean_cost": math.nan, "variance_cost": math.nan}
    names = [row.name for row in calls_compared(side, unpriced)]
    assert "cost a call" not in names
    assert "latency (mean)" in names


def test_shares_of_a_histogram_add_up_to_one_on_each_side():
    rows = histogram_rows(([(0, 3), (16, 1)], [(16, 7)]), 16, ("A", "B"))
    assert sum(row["share"] for row in rows if row["side"] == "A") == pytest.approx(1)
    assert (rows[1]["low"], rows[1]["side"], rows[2]["share"]) == (pytest.approx(10), "A", 1)


def test_every_successful_call_of_a_side_is_in_its_histogram(seeded, seeded_reader):
    scope = Scope(seeded.seed.now - timedelta(hours=40), seeded.seed.now)
    both = calls(seeded_reader, scope, Sides("model", "gpt-4.1-mini", "claude-sonnet-4.5"), 16)
    for is_b, model in enumerate(("gpt-4.1-mini", "claude-sonnet-4.5")):
        chats = [
            chat for chat in seeded.seed.chats if chat["response_model"] == model and chat["start_time"] >= scope.start
        ]
        found = [math.floor(16 * math.log10(chat["duration_s"])) for chat in chats if not chat["error_type"]]
        side = both[bool(is_b)]
        assert side["latencies"] == sorted(Counter(found).items())
        taken = [chat["duration_s"] for chat in chats if not chat["error_type"]]
        assert (side["n_calls"], side["n_errors"], side["n_latency"]) == (
            len(chats), len(chats) - len(taken), len(taken)
        )  # fmt: skip
        assert side["mean_latency"] == pytest.approx(statistics.fmean(taken))
        assert side["variance_latency"] == pytest.approx(statistics.variance(taken))
