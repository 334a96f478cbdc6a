import logging
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watchglass_evaluators import Call, Score
from watchglass_evaluators.library.rouge import Rouge, Text, rouge, rouge_lsum
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
        ("rouge_lsum", pytest.approx(5 / 6)),
    ]
    assert [score.value for score in one("a b c", "c b a")] == [1.0, 0.0, pytest.approx(1 / 3), pytest.approx(1 / 3)]
    # Lines are matched one by one, so their order does not matter.
    assert [score.value for score in one("a b\nc d", "c d\na b")][2:] == [0.5, 1.0]


LINES = st.lists(st.lists(st.sampled_from("abcde"), max_size=6).map(" ".join), max_size=6).map("\n".join)


@settings(max_examples=400, deadline=None)
@given(LINES, LINES)
@example("a\n\nb", "\n\n")
@example("a a b\na", "a\na a\nb")
@example("a\r\nb", "a b")
def test_rouge_lsum_is_rouge_scores(reference: str, answer: str) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    expected = RougeScorer(["rougeLsum"], use_stemmer=False).score(reference, answer)["rougeLsum"].fmeasure
    assert rouge_lsum(Text(reference), Text(answer)) == expected


def test_lines_without_number_are_unscored_not_waited_for() -> None:
    texts = ["\n".join(f"{word} {i} x" for i in range(2_000)) for word in "ab"]
    scores = one(*texts)
    assert [score.value is None for score in scores] == [False, False, False, True]
    assert scores[3].reason == "too many different lines to compare"


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
    assert [score.value for score in scores] == [None] * 4
    assert scores[0].reason == "the reference has no letters a to z and no digits: ROUGE cannot see it"


def test_contract() -> None:
    assert_evaluator_contract(Rouge)
