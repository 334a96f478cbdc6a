import logging
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watchglass_evaluators import Call, Score
from watchglass_evaluators.library.rouge import Rouge, Text, rouge
from watchglass_evaluators.testing import assert_evaluator_contract

WORDS = st.lists(
    st.sampled_from(["the", "cat", "sat", "on", "a", "mat,", "The", "MAT.", "42", "it's", "naïve", "ß", "İ", "日本"]),
    max_size=40,
).map(" ".join)
TEXTS = st.one_of(WORDS, st.text(max_size=200))


@pytest.fixture(scope="module")
def library() -> object:
    logging.getLogger("absl").setLevel(logging.ERROR)
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)


def one(reference: str, answer: str) -> list[Score]:
    return Rouge().score([Call(reference_text=reference, response_text=answer)])[0]


def test_by_hand() -> None:
    scores = one("the cat sat on the mat", "the cat lay on the mat")
    assert [(score.name, score.value) for score in scores] == [
        ("rouge_1", pytest.approx(5 / 6)),
        ("rouge_2", pytest.approx(3 / 5)),
        ("rouge_l", pytest.approx(5 / 6)),
    ]
    assert [score.value for score in one("a b c", "c b a")] == [1.0, 0.0, pytest.approx(1 / 3)]


@settings(max_examples=600, deadline=None)
@given(TEXTS, TEXTS)
@example("", "")
@example("one", "one")
@example("", "a")
@example("a", "")
@example("a b", "a b")
@example("ＡＢＣ ﬁ ſ K", "abc fi s k")
def test_the_numbers_are_rouge_scores_to_the_last_digit(library, reference: str, answer: str) -> None:
    expected = tuple(score.fmeasure for score in library.score(reference, answer).values())
    assert rouge(Text(reference), Text(answer)) == expected


def test_long_texts_too(library) -> None:
    choice = random.Random(7)
    for length in (300, 700):
        left, right = (" ".join(choice.choices("abcdefghij", k=length)) for _ in range(2))
        expected = tuple(score.fmeasure for score in library.score(left, right).values())
        assert rouge(Text(left), Text(right)) == expected


def test_a_reference_that_rouge_cannot_see_is_unscored() -> None:
    scores = one("東京です", "東京です")
    assert [score.value for score in scores] == [None] * 3
    assert scores[0].reason == "the reference has no letters a to z and no digits: ROUGE cannot see it"


def test_contract() -> None:
    assert_evaluator_contract(Rouge)
