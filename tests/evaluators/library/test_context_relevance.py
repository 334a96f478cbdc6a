import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.context_relevance import ContextRelevance
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("text", "value"),
    [("Shipping takes 3-5 days.", 2 / 3), ("How long shipping takes: not long.", 1), ("Bananas grow in Ecuador.", 0)],
)
def test_by_hand(text: str, value: float) -> None:
    [[score]] = ContextRelevance().score([Call(prompt_text="How long does shipping take?", context_text=text)])
    assert score.value == pytest.approx(value)


def test_a_prompt_of_stop_words_is_unscored() -> None:
    [[score]] = ContextRelevance().score([Call(prompt_text="What is it?", context_text="A cat.")])
    assert (score.value, score.reason) == (None, "the prompt has no words that carry meaning")


def test_contract() -> None:
    assert_evaluator_contract(ContextRelevance)
