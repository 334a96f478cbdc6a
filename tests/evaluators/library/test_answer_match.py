import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.answer_match import AnswerMatch, answer_match
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("reference", "answer", "exact", "f1"),
    [
        ("The Eiffel Tower", "eiffel tower!", 1, 1),
        ("The Eiffel Tower", "It is the Eiffel Tower", 0, 2 / 3),
        ("Paris", "London", 0, 0),
        ("the", "a", 1, 1),  # nothing is left of either
        ("the", "Paris", 0, 0),
        ("b b c", "b c c", 0, 2 / 3),
    ],
)
def test_by_hand(reference: str, answer: str, exact: float, f1: float) -> None:
    assert answer_match(reference, answer) == (exact, pytest.approx(f1))


def test_a_blank_reference_is_unscored() -> None:
    [scores] = AnswerMatch().score([Call(reference_text="\n", response_text="a")])
    assert [(s.name, s.value, s.reason) for s in scores] == [
        ("exact_match", None, "the reference is blank"),
        ("token_f1", None, "the reference is blank"),
    ]


def test_contract() -> None:
    assert_evaluator_contract(AnswerMatch)
