"""Coherence: whether an answer's sentences follow from one another in what they are about.

Score: coherence, the mean cosine of the vectors of neighbouring sentences: first-order coherence of Foltz, Kintsch
and Landauer, with a sentence encoder in place of latent semantic analysis. Range -1 to 1, higher is more coherent, no
unit. Needs an answer of two sentences or more, and the models extra; never calls out; about 5 ms a sentence on one
core.

It sees an answer that jumps from topic to topic. A text that repeats itself is very coherent by this measure, so a
value near 1 is no praise; compare an application with itself.

Source: P. W. Foltz, W. Kintsch and T. K. Landauer, "The Measurement of Textual Coherence with Latent Semantic
Analysis", Discourse Processes 25, 1998.
"""

from collections.abc import Sequence

import numpy as np

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.manager import shared
from watchglass_evaluators.sentences import sentences

_MOST = 200
"""Sentences that are looked at."""


class Coherence:
    """Mean cosine of neighbouring sentences."""

    needs_models = True
    possible_scores = ("coherence",)

    def __init__(self, config: ModelsConfig | None = None) -> None:
        """Find the encoder.

        Raises:
            EvaluatorUnavailable: there is none.
        """
        self._models = shared(config)
        self.spec = EvaluatorSpec(
            name="coherence",
            version=f"1 {self._models.version(self._models.weights('embedding'))}",
            columns=("response_text",),
            scores=(ScoreSpec("coherence", "higher_is_better", -1.0, 1.0, "cosine"),),
            source="model",
            device="gpu",
            longest_text=20_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; identical sentences are encoded once."""
        parts = [sentences(call.response_text)[:_MOST] for call in calls]
        texts = list(dict.fromkeys(text for part in parts if len(part) > 1 for text in part))
        with self._models.lock:
            vectors = dict(zip(texts, self._models.embedder().texts(texts), strict=True))
        results = []
        for part in parts:
            if len(part) < 2:
                results.append([Score("coherence", None, "the answer has fewer than two sentences")])
                continue
            rows = np.stack([vectors[text] for text in part])
            alike = np.clip((rows[1:] * rows[:-1]).sum(1), -1, 1)
            weakest = int(alike.argmin())
            where = f"weakest between sentences {weakest + 1} and {weakest + 2} of {len(part)}"
            results.append([Score("coherence", float(alike.mean()), explanation=where)])
        return results
