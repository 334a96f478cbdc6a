"""What a live detector measures about an answer, fitted once to answers that are as they should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.drift import embedding

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]

Matrix = NDArray[np.float32]

NAMES: Final = ("novelty", "profanity", "chars", "punctuation_share", "upper_share", "non_ascii_share")
"""The scores of a text, the first of them from a Baseline, the others descriptors."""
_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Baseline:
    """Known texts, as weighted hashed words or as sentence embeddings."""

    known: "csr_matrix | Matrix"
    """One row of length 1 per known text."""
    weights: Matrix | None
    """Of the hashed words; None for sentence embeddings."""

    @classmethod
    def of_texts(cls, texts: Sequence[str], *, encoder: str = "") -> "Baseline":
        """Learn texts by heart."""
        if encoder:
            return cls(embedding.sentence_embeddings(texts, encoder), None)
        return cls.of_counts(embedding.hashed_counts(texts))

    @classmethod
    def of_counts(cls, counts: "csr_matrix") -> "Baseline":
        """Learn texts by the words they hold."""
        unseen = np.log(1.0 + counts.shape[0])  # what no known text has is as new as can be
        weights = np.where(embedding.document_counts(counts) < 2, unseen, embedding.rarity(counts)).astype(np.float32)
        return cls(embedding.weighted(counts, weights), weights)

    def novelty(self, counts_or_embeddings: "csr_matrix | Matrix") -> Matrix:
        """Return how far each text is from the ten known ones nearest to it: 0 = known by heart, 1 = nothing alike."""
        rows = counts_or_embeddings
        if self.weights is not None:
            rows = embedding.weighted(rows, self.weights)
        alike = rows @ self.known.T
        alike = np.asarray(alike.todense() if hasattr(alike, "todense") else alike)
        k = min(_NEIGHBOURS, alike.shape[1])
        return np.asarray(1 - np.partition(alike, -k, axis=1)[:, -k:].mean(1), dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return it as plain arrays."""
        if self.weights is None:
            return {"known": np.asarray(self.known)}
        known: Any = self.known
        return {
            "weights": self.weights,
            "known_data": known.data,
            "known_indices": known.indices,
            "known_indptr": known.indptr,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Baseline":
        """Read back what `arrays` returned."""
        if "known" in arrays:
            return cls(arrays["known"], None)
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]

        weights = arrays["weights"]
        parts = (arrays["known_data"], arrays["known_indices"], arrays["known_indptr"])
        return cls(csr_matrix(parts, shape=(len(parts[2]) - 1, len(weights))), weights)
