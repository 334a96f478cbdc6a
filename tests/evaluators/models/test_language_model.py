"""Perplexity is that of transformers' own loss; fluency finds the sentence that goes wrong."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from watchglass_evaluators.evaluator import Call, EvaluatorUnavailable
from watchglass_evaluators.library.perplexity import Perplexity
from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.testing import assert_evaluator_contract

from .conftest import make_language_model, sentences


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_language_model(tmp_path_factory.mktemp("lm"), context=64)


@pytest.fixture(scope="module")
def evaluator(folder: Path) -> Perplexity:
    return Perplexity(config(folder))


def config(folder: Path) -> ModelsConfig:
    return ModelsConfig(language_model=str(folder), dtype="fp32", device="cpu")


def loss(folder: Path) -> Callable[[str], float]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def of(text: str) -> float:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            return float(model(input_ids=ids, labels=ids).loss)

    return of


def test_it_is_exp_of_transformers_loss(folder: Path, evaluator: Perplexity) -> None:
    texts = sentences(40, longest=20)
    expected = [math.exp(value) for value in map(loss(folder), texts)]
    found = [row[0].value for row in evaluator.score([Call(response_text=text) for text in texts])]
    assert np.std(expected) > 1, "the model tells texts apart, so equality means something"
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_each_token_of_a_long_text_counts_once(folder: Path) -> None:
    from watchglass_evaluators.models.language_model import _windows

    ids = list(range(1000, 1203))
    seen = [token for window, known in _windows(ids, 64) for token in window[1 + known :]]
    assert seen == ids[1:]
    assert all(len(window) <= 64 and (known == 0 or known >= 31) for window, known in _windows(ids, 64))


def test_fluency_is_the_mean_of_the_worst_sentence(folder: Path, evaluator: Perplexity) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parts = ["the order was sent on monday.", " an idiot was never seen before.", " zq xv kj qqz."]
    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = AutoTokenizer.from_pretrained(folder)("".join(parts), return_tensors="pt", return_offsets_mapping=True)
    with torch.inference_mode():
        chances = model(input_ids=ids["input_ids"]).logits.log_softmax(2)[0, :-1]
    own = [float(row[token]) for row, token in zip(chances, ids["input_ids"][0, 1:], strict=True)]
    ends = np.cumsum([len(part) for part in parts])
    owners = np.searchsorted(ends, [int(end) for _, end in ids["offset_mapping"][0, 1:]])
    means = [float(np.mean([v for v, owner in zip(own, owners, strict=True) if owner == k])) for k in range(3)]
    (row,) = evaluator.score([Call(response_text="".join(parts))])
    assert row[1].value == pytest.approx(min(means), abs=1e-4)
    assert row[1].explanation == f"sentence {int(np.argmin(means)) + 1} of 3"


def test_contract(folder: Path) -> None:
    assert_evaluator_contract(lambda: Perplexity(config(folder)), tolerance=1e-3)


def test_without_weights_it_waits() -> None:
    with pytest.raises(EvaluatorUnavailable, match=r"set evaluators\.models\.language_model to a folder"):
        Perplexity()
