"""Context relevance by meaning: whether what was retrieved is about what was asked.

Scores: semantic_context_relevance, the cosine of the prompt's vector with that of the nearest passage of the context,
and semantic_context_relevance_mean, the mean over all passages: what else was put into the prompt. Range -1 to 1,
higher is better, no unit. Needs prompt and context, and the models extra; never calls out; about 30 ms a passage on
one core.

A passage is what stands between empty lines; where there are none, a line. Relevant is not sufficient: a passage on the
right topic need not hold the answer.

Source: N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019 (the encoder).
"""

import re
from collections.abc import Sequence

import numpy as np

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.manager import shared
from watchglass_evaluators.sentences import sentences

_NAMES = ("semantic_context_relevance", "semantic_context_relevance_mean")
_MOST = 100
"""Passages that are looked at."""


def passages(context: str) -> list[str]:
    """Cut a context into passages."""
    found = re.split(r"\n\s*\n", context)
    if len(found) == 1:
        found = context.split("\n")
    return [passage for passage in found if sentences(passage)][:_MOST]


class SemanticContextRelevance:
    """Cosine of the prompt with the context's passages."""

    needs_models = True
    possible_scores = _NAMES

    def __init__(self, config: ModelsConfig | None = None) -> None:
        """Find the encoder.

        Raises:
            EvaluatorUnavailable: there is none.
        """
        self._models = shared(config)
        self.spec = EvaluatorSpec(
            name="semantic_context_relevance",
            version=f"1 {self._models.version(self._models.weights('embedding'))}",
            columns=("prompt_text", "context_text"),
            scores=tuple(ScoreSpec(name, "higher_is_better", -1.0, 1.0, "cosine") for name in _NAMES),
            source="model",
            device="gpu",
            longest_text=20_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; identical texts are encoded once."""
        parts = [passages(call.context_text) for call in calls]
        texts = list(
            dict.fromkeys(text for call, some in zip(calls, parts, strict=True) for text in (call.prompt_text, *some))
        )
        with self._models.lock:
            vectors = dict(zip(texts, self._models.embedder().texts(texts), strict=True))
        results = []
        for call, some in zip(calls, parts, strict=True):
            if not some or not sentences(call.prompt_text):
                results.append([Score(n, None, "the prompt or the context has no letters or digits") for n in _NAMES])
                continue
            alike = np.clip(np.stack([vectors[text] for text in some]) @ vectors[call.prompt_text], -1, 1)
            best = int(alike.argmax())
            where = f"passage {best + 1} of {len(some)}"
            results.append(
                [Score(_NAMES[0], float(alike[best]), explanation=where), Score(_NAMES[1], float(alike.mean()))]
            )
        return results
