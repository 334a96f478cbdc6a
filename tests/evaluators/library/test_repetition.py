import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.repetition import Repetition, repetition
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("go on and on and on and on", (2 / 5, 3 / 7)),
        ("all five words differ here", (0, 1)),
        ("no " * 100, (96 / 97, 1 / 99)),
        ("今日は今日は今日は", (3 / 6, 3 / 8)),
        ("four words are few", None),
        ("👍🎉", None),
    ],
)
def test_by_hand(text: str, values: tuple[float, float] | None) -> None:
    assert repetition(text) == (values and pytest.approx(values))


def test_a_short_answer_is_unscored() -> None:
    scores = Repetition().score([Call(response_text="Yes.")])[0]
    assert [(s.value, s.reason) for s in scores] == [(None, "fewer than 5 words")] * 2


def test_contract() -> None:
    assert_evaluator_contract(Repetition)
