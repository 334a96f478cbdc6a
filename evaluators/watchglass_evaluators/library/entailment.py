"""Entailment: whether the context says what an answer says, by a model trained on natural language inference.

Scores: entailment, the mean over the answer's sentences of the probability that the context entails it;
contradiction, the largest probability that it contradicts one. Range 0 to 1; higher entailment and lower
contradiction are better. Needs answer and context, weights (`evaluators.models.nli`: a RoBERTa or DeBERTa
cross-encoder) and torch; never calls out once they are here; cost sentences × pieces of the context passes of the
model.

A long context is cut into pieces that fit beside the sentence, and the sentence is held against each: entailed by the
piece that entails it most, contradicted by the one that contradicts it most. Unlike `support` it reads "not".

Source: S. Bowman et al., "A large annotated corpus for learning natural language inference", EMNLP 2015; P. Laban et
al., "SummaC: Re-Visiting NLI-based Models for Inconsistency Detection in Summarization", TACL 2022 (sentence-level
use).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, EvaluatorUnavailable, Score, ScoreSpec
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.manager import shared
from watchglass_evaluators.sentences import sentences

_NAMES = ("entailment", "contradiction")
_MOST = 30
"""Sentences of an answer that are looked at."""
_PIECE = 1_000
"""Characters of a context that are held against a sentence at once; a sentence of it is never cut."""
_MOST_PIECES = 20


def pieces(context: str) -> list[str]:
    """Cut a context into pieces of whole sentences."""
    found: list[str] = []
    for sentence in sentences(context):
        if found and len(found[-1]) + len(sentence) < _PIECE:
            found[-1] += f" {sentence}"
        else:
            found.append(sentence)
    return found[:_MOST_PIECES]


class Entailment:
    """What the context entails of the answer, and what it contradicts."""

    needs_models = True
    possible_scores = _NAMES

    def __init__(self, config: ModelsConfig | None = None) -> None:
        """Find the weights and read which outputs they have; they are loaded with the first batch.

        Raises:
            EvaluatorUnavailable: there are none, or they are for something else.
        """
        self._models = shared(config)
        weights = self._models.weights("nli")
        labels = [label.lower() for label in self._models.labels("nli")]
        if not {"entailment", "contradiction"} <= set(labels):
            raise EvaluatorUnavailable(
                f"evaluators.models.nli is not trained on entailment: its outputs are {', '.join(labels[:8])}"
            )
        self._columns = labels.index("entailment"), labels.index("contradiction")
        self.spec = EvaluatorSpec(
            name="entailment",
            version=f"1 {self._models.version(weights)}",
            columns=("response_text", "context_text"),
            scores=(
                ScoreSpec("entailment", "higher_is_better", 0.0, 1.0, "probability"),
                ScoreSpec("contradiction", "lower_is_better", 0.0, 1.0, "probability"),
            ),
            source="model",
            batch_size=64,
            device="gpu",
            longest_text=20_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; identical pairs are looked at once."""
        parts = [(sentences(call.response_text)[:_MOST], pieces(call.context_text)) for call in calls]
        pairs = list(dict.fromkeys((b, a) for answer, context in parts for a in answer for b in context))
        with self._models.lock:
            logits = self._models.classifier("nli").pair_logits(pairs)
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        probabilities = dict(zip(pairs, shifted / shifted.sum(1, keepdims=True), strict=True))
        results = []
        for answer, context in parts:
            rows = [np.stack([probabilities[b, a] for b in context]) for a in answer] if context else []
            results.append(self._scores(rows))
        return results

    def _scores(self, rows: list[NDArray[np.float32]]) -> list[Score]:
        if not rows:
            return [Score(name, None, "the answer or the context has no letters and no digits") for name in _NAMES]
        entailed, contradicted = (np.array([row[:, column].max() for row in rows]) for column in self._columns)
        worst = int(contradicted.argmax())
        where = f"sentence {worst + 1} of {len(rows)}"
        return [
            Score("entailment", float(entailed.mean())),
            Score("contradiction", float(contradicted[worst]), explanation=where),
        ]
