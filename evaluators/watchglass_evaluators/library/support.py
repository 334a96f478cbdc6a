"""Support: how much of an answer stands in the context that it was given.

Scores: support, the mean over the answer's sentences, and support_least, the sentence that has least. A sentence's
support is the smaller of two shares: the cosine with the nearest sentence of the context, and the share of its words
that the context has; it is 0 when it holds a number that the context has not. Range 0 to 1, higher is better, no
unit. Needs answer and context, and the models extra; never calls out; about 5 ms a sentence on one core.

It is not entailment. It finds what comes from elsewhere and changed numbers; it is blind to "not" (in the study
that chose it: area under the curve 1.0 and .998 for the first two, .47 for negated sentences). For contradictions use
`entailment` or a judge.

Example: context "The order was sent on 2 March.", answer "It was sent on 3 March." gives support 0.

Source: own measure; see design/0017 for what was measured.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.manager import shared
from watchglass_evaluators.sentences import sentences

_NAMES = ("support", "support_least")
_MOST = 200
"""Sentences of the context, and of the answer, that are looked at."""
_find_words = re.compile(r"\w+").findall
_find_numbers = re.compile(r"\d+(?:[.,]\d+)*").findall

Vectors = Mapping[str, NDArray[np.float32]]


def sentence_support(answer: Sequence[str], context: Sequence[str], vectors: Vectors) -> list[tuple[float, str]]:
    """Return the support of each sentence of an answer, and which number is missing where one is."""
    known = np.stack([vectors[sentence] for sentence in context])
    text = " ".join(context)
    words, numbers = set(_find_words(text.lower())), set(_find_numbers(text))
    found = []
    for sentence in answer:
        own = _find_words(sentence.lower())
        overlap = sum(word in words for word in own) / max(len(own), 1)
        cosine = float((known @ vectors[sentence]).max())
        missing = next((number for number in _find_numbers(sentence) if number not in numbers), "")
        found.append((0.0 if missing else min(1.0, max(0.0, min(cosine, overlap))), missing))
    return found


class Support:
    """How much of the answer the context says."""

    needs_models = True
    possible_scores = _NAMES

    def __init__(self, config: ModelsConfig | None = None) -> None:
        """Find the encoder.

        Raises:
            EvaluatorUnavailable: there is none.
        """
        self._models = shared(config)
        self.spec = EvaluatorSpec(
            name="support",
            version=f"1 {self._models.version(self._models.weights('embedding'))}",
            columns=("response_text", "context_text"),
            scores=tuple(ScoreSpec(name, "higher_is_better", 0.0, 1.0, "share") for name in _NAMES),
            source="model",
            device="gpu",
            longest_text=50_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; identical sentences are encoded once."""
        parts = [(sentences(call.response_text)[:_MOST], sentences(call.context_text)[:_MOST]) for call in calls]
        texts = list(dict.fromkeys(text for part in parts for side in part for text in side))
        with self._models.lock:
            vectors = dict(zip(texts, self._models.embedder().texts(texts), strict=True))
        return [_scores(answer, context, vectors) for answer, context in parts]


def _scores(answer: Sequence[str], context: Sequence[str], vectors: Vectors) -> list[Score]:
    if not answer or not context:
        return [Score(name, None, "the answer or the context has no letters and no digits") for name in _NAMES]
    found = sentence_support(answer, context, vectors)
    values = [value for value, _ in found]
    least = int(np.argmin(values))
    missing = f"; {found[least][1]} is not in the context" if found[least][1] else ""
    where = f"sentence {least + 1} of {len(answer)}{missing}"
    return [Score(_NAMES[0], float(np.mean(values))), Score(_NAMES[1], values[least], explanation=where)]
