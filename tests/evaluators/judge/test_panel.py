import pytest

from watchglass_evaluators.judge.panel import Vote, compare, decide
from watchglass_evaluators.judge.rubrics import BUILTIN

RUBRIC = BUILTIN["helpfulness"]
VALUES = RUBRIC.values


def vote(choice: str, model: str = "m", value: float | None = -1.0, method: str = "choice") -> Vote:
    return Vote(model, choice, VALUES.get(choice) if value == -1.0 else value, method, f"{choice} it is")


def test_one_vote_is_the_judgement() -> None:
    judgement = decide(RUBRIC, [vote("partly_helpful")], asked=1)
    assert (judgement.value, judgement.choice, judgement.agreement) == (0.5, "partly_helpful", 1.0)
    assert judgement.explanation == "partly_helpful it is"


def test_the_mean_of_the_votes_and_how_far_they_agree() -> None:
    votes = [vote("helpful"), vote("helpful"), vote("not_helpful")]
    judgement = decide(RUBRIC, votes, asked=3)
    assert judgement.value == pytest.approx(2 / 3)
    assert (judgement.choice, judgement.agreement) == ("helpful", pytest.approx(2 / 3))
    assert judgement.explanation.startswith("2 × helpful, 1 × not_helpful. helpful it is")


def test_of_equally_many_votes_the_one_nearest_to_the_mean() -> None:
    votes = [vote("helpful"), vote("partly_helpful"), vote("not_helpful")]
    assert decide(RUBRIC, votes, asked=3).choice == "partly_helpful"
    assert decide(RUBRIC, votes[::-1], asked=3).choice == "partly_helpful"


@pytest.mark.parametrize(("valid", "asked"), [(0, 1), (0, 3), (1, 3), (1, 2), (2, 4)])
def test_no_judgement_without_a_majority_of_valid_votes(valid: int, asked: int) -> None:
    assert decide(RUBRIC, [vote("helpful")] * valid, asked=asked) == f"{valid} of {asked} votes were valid"


def test_a_panel_that_cannot_tell_says_so() -> None:
    judgement = decide(RUBRIC, [vote("cannot_judge"), vote("cannot_judge"), vote("helpful")], asked=3)
    assert (judgement.value, judgement.choice) == (None, "cannot_judge")
    judgement = decide(RUBRIC, [vote("cannot_judge"), vote("helpful"), vote("helpful")], asked=3)
    assert (judgement.value, judgement.agreement) == (1.0, pytest.approx(2 / 3))


def test_weighed_only_when_every_value_is() -> None:
    weighed = vote("helpful", value=0.8, method="logprobs")
    assert decide(RUBRIC, [weighed, weighed], asked=2).method == "logprobs"
    assert decide(RUBRIC, [weighed, vote("helpful")], asked=2).method == "choice"


@pytest.mark.parametrize(
    ("forth", "back", "choice", "value"),
    [
        ("first", "second", "first", 1.0),
        ("second", "first", "second", 0.0),
        ("tie", "tie", "tie", 0.5),
        ("first", "first", "tie", 0.5),
        ("second", "second", "tie", 0.5),
        ("first", "tie", "tie", 0.5),
        ("first", "cannot_judge", "cannot_judge", None),
        ("cannot_judge", "cannot_judge", "cannot_judge", None),
    ],
)
def test_a_comparison_counts_only_when_both_orders_agree(
    forth: str, back: str, choice: str, value: float | None
) -> None:
    values = BUILTIN["preference"].values
    one, other = Vote("m", forth, values.get(forth)), Vote("m", back, values.get(back))
    result = compare(one, other, "tie")
    assert (result.choice, result.value) == (choice, value)


def test_a_disagreement_may_be_unscored_by_rule() -> None:
    result = compare(Vote("m", "first", 1.0), Vote("m", "first", 1.0), "unscored")
    assert (result.choice, result.value) == ("cannot_judge", None)
    assert "changed with the order" in result.reasoning


def test_a_comparison_weighs_both_orders() -> None:
    result = compare(Vote("m", "first", 0.9, "logprobs"), Vote("m", "second", 0.3, "logprobs"), "tie")
    assert (result.value, result.method) == (pytest.approx(0.8), "logprobs")
