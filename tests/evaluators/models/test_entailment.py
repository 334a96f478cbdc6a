"""Entailment gives what transformers gives for each pair; a context is cut, and the worst sentence is named."""

from pathlib import Path

import numpy as np
import pytest

from watchglass_evaluators.evaluator import Call, EvaluatorUnavailable
from watchglass_evaluators.library.entailment import Entailment, pieces
from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.testing import assert_evaluator_contract

from .conftest import TinyModel, make_model, sentences

LABELS = {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    return make_model(tmp_path_factory.mktemp("nli"), "roberta", labels=LABELS)


def config(model: TinyModel) -> ModelsConfig:
    return ModelsConfig(nli=str(model.folder), dtype="fp32", device="cpu")


def test_it_is_transformers_softmax_over_sentences(model: TinyModel) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    library = AutoModelForSequenceClassification.from_pretrained(model.folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    said = [f"{text}." for text in sentences(3, seed=2, longest=12)]
    context = sentences(1, seed=3)[0]
    with torch.inference_mode():
        expected = [library(**tokenizer(context, s, return_tensors="pt")).logits.softmax(1)[0].numpy() for s in said]
    (row,) = Entailment(config(model)).score([Call(response_text=" ".join(said), context_text=context)])
    assert row[0].value == pytest.approx(np.mean([p[2] for p in expected]), abs=1e-5)
    assert row[1].value == pytest.approx(max(p[0] for p in expected), abs=1e-5)
    assert row[1].explanation == f"sentence {int(np.argmax([p[0] for p in expected])) + 1} of 3"


def test_pieces_hold_whole_sentences() -> None:
    context = " ".join(f"{text}." for text in sentences(60, seed=5))
    found = pieces(context)
    assert len(found) > 3
    assert context.startswith(" ".join(found)[:5_000])
    assert all(piece.endswith(".") for piece in found)


def test_contract(model: TinyModel) -> None:
    assert_evaluator_contract(lambda: Entailment(config(model)), tolerance=1e-5)


def test_models_it_cannot_use_are_named(tmp_path: Path) -> None:
    wrong = make_model(tmp_path / "a", "roberta", labels={0: "happy", 1: "sad"})
    with pytest.raises(EvaluatorUnavailable, match="not trained on entailment: its outputs are happy, sad"):
        Entailment(config(wrong))
    bert = make_model(tmp_path / "b", "bert", labels=LABELS)
    with pytest.raises(EvaluatorUnavailable, match="use a RoBERTa or a DeBERTa"):
        Entailment(config(bert)).score([Call(response_text="a b", context_text="c d")])
