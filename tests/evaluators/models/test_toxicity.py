"""The toxicity runner gives what Detoxify gives, for the same checkpoint, and reads no identity mention as toxicity."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from watchglass_evaluators.evaluator import Call, EvaluatorUnavailable
from watchglass_evaluators.library.toxicity import LABELS, Toxicity
from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.testing import assert_evaluator_contract

from .conftest import TinyModel, sentences

Tiny = Callable[[str], TinyModel]

TEXTS = [
    *sentences(80),
    "You are an IDIOT!",
    "<pad> you <pad><pad> idiot </s> [SEP] [PAD] now",
    "日本語 😀",
    "the order " * 200,
]


def values(evaluator: Toxicity, texts: list[str]) -> np.ndarray:
    rows = evaluator.score([Call(response_text=text) for text in texts])
    return np.array([[score.value for score in row] for row in rows], dtype=float)


def detoxify(model: TinyModel, texts: list[str]) -> np.ndarray:
    """What the package says, one text at a time, in the order of our scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it loads without weights_only
        from detoxify import Detoxify

        library = Detoxify(checkpoint=str(model.checkpoint))
    library.model.eval()
    found = [library.predict(text) for text in texts]
    return np.array([[row[label] for label in LABELS.values() if label in row] for row in found])


def config(model: TinyModel, dtype: str = "fp32") -> ModelsConfig:
    return ModelsConfig(toxicity=str(model.checkpoint), dtype=dtype, device="cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta"])
def test_values_are_those_of_detoxify_in_fp32(tiny: Tiny, family: str) -> None:
    model = tiny(family)
    expected = detoxify(model, TEXTS)
    assert expected.std(0).min() > 1e-3, "the model tells texts apart, so equality means something"
    np.testing.assert_allclose(values(Toxicity(config(model)), TEXTS), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_values_are_close_to_detoxifys_in_bf16(tiny: Tiny, family: str) -> None:
    import torch

    if not torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported():
        pytest.skip("this processor has no bf16")
    model = tiny(family)
    found = values(Toxicity(config(model, "bf16")), TEXTS)
    np.testing.assert_allclose(found, detoxify(model, TEXTS), atol=5e-3, rtol=0)


def test_a_folder_of_transformers_gives_the_same(tiny: Tiny) -> None:
    model = tiny("roberta")
    renamed = dict(enumerate(model.classes))

    path = model.folder / "config.json"
    held = json.loads(path.read_text())
    path.write_text(json.dumps({**held, "id2label": renamed, "label2id": {v: k for k, v in renamed.items()}}))
    folder = Toxicity(ModelsConfig(toxicity=str(model.folder), dtype="fp32", device="cpu"))
    np.testing.assert_allclose(values(folder, TEXTS), values(Toxicity(config(model)), TEXTS), atol=1e-6)


def test_identity_mentions_are_no_score(tiny: Tiny) -> None:
    assert [s.name for s in Toxicity(config(tiny("roberta"))).spec.scores] == list(LABELS)
    original = [s.name for s in Toxicity(config(tiny("bert"))).spec.scores]
    assert original == [name for name in LABELS if name != "toxicity_sexual_explicit"]


def test_a_long_text_is_read_to_its_end(tiny: Tiny) -> None:
    evaluator = Toxicity(config(tiny("bert")))
    start, end = " ".join(sentences(12, seed=3)), " ".join(sentences(40, seed=4))
    whole = values(evaluator, [f"{start} {end}"])
    cut = detoxify(tiny("bert"), [f"{start} {end}"])
    assert (whole >= cut - 1e-5).all()
    assert (whole > cut + 1e-3).any(), "the end said more than the first 512 tokens"
    (row,) = evaluator.score([Call(response_text=f"{start} {end}")])
    assert row[0].explanation.startswith("in window ")


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_contract(tiny: Tiny, family: str) -> None:
    settings = config(tiny(family))
    assert_evaluator_contract(lambda: Toxicity(settings), tolerance=1e-5)


def test_without_weights_it_says_what_is_missing() -> None:
    with pytest.raises(EvaluatorUnavailable, match=r"no weights: set evaluators\.models\.toxicity to a folder"):
        Toxicity()


def test_a_model_for_something_else_is_refused(tmp_path: Path) -> None:
    from .conftest import make_model

    made = make_model(tmp_path, "roberta", labels={0: "contradiction", 1: "entailment"})
    with pytest.raises(EvaluatorUnavailable, match="no toxicity model: its outputs are contradiction, entailment"):
        Toxicity(ModelsConfig(toxicity=str(made.folder)))
