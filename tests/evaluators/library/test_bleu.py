import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watchglass_evaluators import Call
from watchglass_evaluators.library.bleu import Bleu, Text, bleu, tokenize_13a
from watchglass_evaluators.testing import assert_evaluator_contract

CHARACTERS = [*map(chr, range(32, 127)), *"ß日\n\t\u00a0..,,--0123"]
PUNCTUATED = st.text(st.sampled_from(CHARACTERS), max_size=80)
WORDS = st.lists(
    st.sampled_from(["the", "cat", "sat,", "on", "a", "mat.", "1,000.5", "3-4", "x-y", "&amp;", "<skipped>", "it's"]),
    max_size=40,
)
TEXTS = st.one_of(WORDS.map(" ".join), PUNCTUATED, st.text(max_size=120))


@pytest.fixture(scope="module")
def library() -> object:
    from sacrebleu.metrics import BLEU

    return BLEU(effective_order=True)


def test_by_hand() -> None:
    [[score]] = Bleu().score([Call(reference_text="the cat sat on the mat", response_text="the cat lay on the mat")])
    # Precisions 5/6, 3/5, 1/4 and, smoothed, 1/6; no brevity penalty.
    assert score.value == pytest.approx(100 * (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** 0.25)
    assert score.explanation == "5/6 3/5 1/4 0/3 runs of 1 to 4 words matched; 6 words against 6"


@settings(max_examples=500)
@given(PUNCTUATED)
@example("&amp;quot; a-\nb <skipped> 1,000.50 -3 U.S. e.g., a.b,c 3-4 x-y .5 ,,,...")
@example(" \u2028\x1c x\x85")
def test_the_tokens_are_sacrebleus(library, text: str) -> None:
    assert tokenize_13a(text) == library._preprocess_segment(text).split()


@settings(max_examples=500)
@given(TEXTS, TEXTS)
@example("", "")
@example("a", "")
@example("", "a")
@example("a b c", "a b c")
def test_the_numbers_are_sacrebleus_to_the_last_digit(library, reference: str, answer: str) -> None:
    assert bleu(Text(reference), Text(answer)).value == library.sentence_score(answer, [reference]).score


def test_long_texts_too(library) -> None:
    choice = random.Random(7)
    left, right = (" ".join(choice.choices("abcdefghij.,", k=5_000)) for _ in range(2))
    assert bleu(Text(left), Text(right)).value == library.sentence_score(right, [left]).score


def test_the_version_is_sacrebleus_signature(library) -> None:
    library.sentence_score("a", ["a"])
    assert Bleu().spec.version == str(library.get_signature())


def test_a_reference_without_words_is_unscored() -> None:
    [[score]] = Bleu().score([Call(reference_text=" \n", response_text="a")])
    assert (score.value, score.reason) == (None, "the reference has no words")


def test_sacrebleus_text_caches_stay_empty() -> None:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    layers = (Tokenizer13a, TokenizerRegexp)
    before = [layer.__call__.cache_info().currsize for layer in layers]
    Bleu().score([Call(reference_text=f"a text nobody may keep {i}", response_text=f"nor {i}") for i in range(50)])
    assert [layer.__call__.cache_info().currsize for layer in layers] == before


def test_contract() -> None:
    assert_evaluator_contract(Bleu)
