import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.chrf_plus import ChrfPlus
from watchglass_evaluators.testing import assert_evaluator_contract


def test_by_hand() -> None:
    [[score]] = ChrfPlus().score(
        [Call(reference_text="the cat sat on the mat", response_text="the cat lay on the mat")]
    )
    assert score.value == pytest.approx(63.7332, abs=1e-4)


def test_the_version_is_sacrebleus_signature() -> None:
    from sacrebleu.metrics import CHRF

    metric = CHRF(word_order=2)
    metric.sentence_score("a", ["a"])
    assert ChrfPlus().spec.version == str(metric.get_signature())


def test_a_blank_reference_is_unscored() -> None:
    [[score]] = ChrfPlus().score([Call(reference_text=" \n", response_text="a")])
    assert (score.value, score.reason) == (None, "the reference is blank")


def test_contract() -> None:
    assert_evaluator_contract(ChrfPlus)
