import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.ter import Ter
from watchglass_evaluators.testing import assert_evaluator_contract


def test_by_hand() -> None:
    [[score]] = Ter().score([Call(reference_text="the cat sat on the mat", response_text="the cat lay on the mat")])
    assert score.value == pytest.approx(100 / 6, abs=1e-4)


def test_the_version_is_sacrebleus_signature() -> None:
    from sacrebleu.metrics import TER

    metric = TER()
    metric.sentence_score("a", ["a"])
    assert Ter().spec.version == str(metric.get_signature())


def test_a_blank_reference_is_unscored() -> None:
    [[score]] = Ter().score([Call(reference_text=" \n", response_text="a")])
    assert (score.value, score.reason) == (None, "the reference has no words")


def test_contract() -> None:
    assert_evaluator_contract(Ter)


def test_a_moved_run_is_one_edit() -> None:
    [[score]] = Ter().score([Call(reference_text="a b c d e f", response_text="d e f a b c")])
    assert score.value == pytest.approx(100 / 6)


def test_long_texts_are_unscored_not_waited_for() -> None:
    text = "word " * 501
    [[score]] = Ter().score([Call(reference_text=text, response_text=text)])
    assert (score.value, score.reason) == (None, "answer or reference has more than 500 words")


def test_sacrebleus_text_cache_stays_empty() -> None:
    from sacrebleu.tokenizers.tokenizer_ter import TercomTokenizer

    before = TercomTokenizer.__call__.cache_info().currsize
    Ter().score([Call(reference_text=f"a text nobody may keep {i}", response_text=f"nor {i}") for i in range(5)])
    assert TercomTokenizer.__call__.cache_info().currsize == before
