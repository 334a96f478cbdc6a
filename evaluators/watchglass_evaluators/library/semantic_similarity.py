"""Semantic similarity: how close an answer is in meaning to a reference, by a sentence encoder.

Scores: semantic_cosine, the cosine of the two texts' vectors; semantic_precision, semantic_recall and semantic_f1,
BERTScore's greedy matching of each token with the most similar one of the other text. Range -1 to 1 (in practice 0 to
1), higher is better, no unit. Needs the answer and a reference, and the models extra; never calls out; about 0.1 s a
call on one core.

Unlike ROUGE it sees that "physician" and "doctor" are alike, and unlike a judge it does not see that "not" turns a
sentence round. English with the encoder that is built in. BERTScore is computed on this encoder's last layer, without
idf weights and without rescaling, so compare its values with each other only.

Example: reference "The doctor arrived late.", answer "The physician came late." gives semantic_cosine 0.9.

Source: N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019; T. Zhang et al., "BERTScore", ICLR 2020.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.manager import shared
from watchglass_evaluators.sentences import sentences

_NAMES = ("semantic_cosine", "semantic_precision", "semantic_recall", "semantic_f1")
_NO_WORDS = "the answer or the reference has no letters and no digits"

Matrix = NDArray[np.float32]


def token_match(answer: Matrix, reference: Matrix) -> tuple[float, float, float]:
    """Return BERTScore's precision, recall and F1 of two texts' token vectors, which have length 1."""
    alike = answer @ reference.T
    precision, recall = float(alike.max(1).mean()), float(alike.max(0).mean())
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total > 0 else 0.0


class SemanticSimilarity:
    """Cosine and BERTScore against the call's reference."""

    needs_models = True
    possible_scores = _NAMES

    def __init__(self, config: ModelsConfig | None = None) -> None:
        """Find the encoder.

        Raises:
            EvaluatorUnavailable: there is none.
        """
        self._models = shared(config)
        self.spec = EvaluatorSpec(
            name="semantic_similarity",
            version=f"1 {self._models.version(self._models.weights('embedding'))}",
            columns=("response_text", "reference_text"),
            scores=tuple(ScoreSpec(name, "higher_is_better", -1.0, 1.0, "cosine") for name in _NAMES),
            source="model",
            batch_size=64,
            device="gpu",
            longest_text=10_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; identical texts are encoded once."""
        able = [call for call in calls if sentences(call.response_text) and sentences(call.reference_text)]
        texts = list(dict.fromkeys(text for call in able for text in (call.response_text, call.reference_text)))
        with self._models.lock:
            embedder = self._models.embedder()
            whole = dict(zip(texts, embedder.texts(texts), strict=True))
            tokens = dict(zip(texts, embedder.tokens(texts), strict=True))
        results = []
        for call in calls:
            answer, reference = call.response_text, call.reference_text
            if answer not in whole or reference not in whole:
                results.append([Score(name, None, _NO_WORDS) for name in _NAMES])
                continue
            cosine = float(whole[answer] @ whole[reference])
            values = (cosine, *token_match(tokens[answer], tokens[reference]))
            results.append([Score(name, _clipped(value)) for name, value in zip(_NAMES, values, strict=True)])
        return results


def _clipped(value: float) -> float:
    """Rounding takes equal vectors a little beyond 1."""
    return min(1.0, max(-1.0, value))
