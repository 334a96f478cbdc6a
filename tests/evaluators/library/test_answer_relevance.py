import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.answer_relevance import AnswerRelevance
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("text", "value"),
    [("It ships in 3 days.", 1 / 3), ("How long shipping takes: not long.", 1), ("Bananas grow in Ecuador.", 0)],
)
def test_by_hand(text: str, value: float) -> None:
    [[score]] = AnswerRelevance().score([Call(prompt_text="How long does shipping take?", response_text=text)])
    assert score.value == pytest.approx(value)


def test_a_prompt_of_stop_words_is_unscored() -> None:
    [[score]] = AnswerRelevance().score([Call(prompt_text="What is it?", response_text="A cat.")])
    assert (score.value, score.reason) == (None, "the prompt has no words that carry meaning")


def test_contract() -> None:
    assert_evaluator_contract(AnswerRelevance)
