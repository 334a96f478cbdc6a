"""Answer relevance by meaning: whether an answer is about what was asked.

Score: semantic_answer_relevance, the cosine of the prompt's vector with that of the answer's nearest part: the whole
answer or one of its sentences. Range -1 to 1, higher is better, no unit. Needs prompt and answer, and the models
extra; never calls out; about 60 ms a call on one core.

It sees an answer to another question. It does not see whether the answer is right, and a prompt repeated is the most
relevant answer of all: read it as an alarm on low values.

Source: N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019 (the encoder).
"""

from collections.abc import Sequence

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.manager import shared
from watchglass_evaluators.sentences import sentences

_NAME = "semantic_answer_relevance"
_MOST = 40
"""Sentences of an answer that are looked at, from its beginning."""


class SemanticAnswerRelevance:
    """Cosine of prompt and answer."""

    needs_models = True
    possible_scores = (_NAME,)

    def __init__(self, config: ModelsConfig | None = None) -> None:
        """Find the encoder.

        Raises:
            EvaluatorUnavailable: there is none.
        """
        self._models = shared(config)
        self.spec = EvaluatorSpec(
            name="semantic_answer_relevance",
            version=f"1 {self._models.version(self._models.weights('embedding'))}",
            columns=("prompt_text", "response_text"),
            scores=(ScoreSpec(_NAME, "higher_is_better", -1.0, 1.0, "cosine"),),
            source="model",
            device="gpu",
            longest_text=20_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; identical texts are encoded once."""
        parts = [[call.response_text, *sentences(call.response_text)[:_MOST]] for call in calls]
        texts = list(
            dict.fromkeys(text for call, some in zip(calls, parts, strict=True) for text in (call.prompt_text, *some))
        )
        with self._models.lock:
            vectors = dict(zip(texts, self._models.embedder().texts(texts), strict=True))
        results = []
        for call, some in zip(calls, parts, strict=True):
            if not sentences(call.prompt_text) or len(some) == 1:
                results.append([Score(_NAME, None, "the prompt or the answer has no letters and no digits")])
                continue
            prompt = vectors[call.prompt_text]
            nearest = max(float(vectors[text] @ prompt) for text in some)
            results.append([Score(_NAME, min(1.0, max(-1.0, nearest)))])
        return results
