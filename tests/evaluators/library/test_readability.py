import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.readability import Readability, readability, syllables
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("word", "count"),
    [("cat", 1), ("make", 1), ("table", 2), ("jumped", 1), ("wanted", 2), ("banana", 3), ("the", 1), ("readability", 5),
     ("agree", 2), ("rhythm", 1), ("dog's", 1)],
)  # fmt: skip
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


def test_by_hand() -> None:
    # 14 words, 2 sentences, 14 syllables.
    found = readability("The cat sat on the mat. The dog ran to the old red barn.")
    assert found == (pytest.approx(206.835 - 1.015 * 7 - 84.6), pytest.approx(0.39 * 7 + 11.8 - 15.59))


def test_hard_text_is_harder() -> None:
    easy = readability("We got your note. We will send it out today. You can call us too.")
    hard = readability(
        "Notwithstanding the aforementioned contractual stipulations, indemnification obligations remain enforceable "
        "irrespective of jurisdictional considerations."
    )
    assert easy is not None
    assert hard is not None
    assert easy[0] > 80 > 0 > hard[0]
    assert easy[1] < 5 < 20 < hard[1]


def test_too_few_words_are_unscored() -> None:
    scores = Readability().score([Call(response_text="Yes, of course. 東京です。")])[0]
    assert [(s.value, s.reason) for s in scores] == [(None, "fewer than 10 words in Latin letters")] * 2


def test_contract() -> None:
    assert_evaluator_contract(Readability)
