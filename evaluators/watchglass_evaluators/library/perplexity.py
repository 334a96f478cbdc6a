"""Perplexity and fluency: how predictable an answer's words are to a language model.

Scores: perplexity, exp of the mean -ln p of the answer's tokens given those before them; range 1 to infinity, lower
is more predictable. fluency, the mean ln p of the tokens of its least likely sentence (MeanLP of Lau, Clark and
Lappin, in the context of the sentences before); range minus infinity to 0, higher is better, in nats. Needs the
answer, weights (`evaluators.models.language_model`) and torch; never calls out once they are here; 2 × parameters
floating-point operations a token.

The numbers are those of transformers' own loss. They mean something only beside others of the same model: names and
rare words are unpredictable without being wrong, and a loop is very predictable. One garbled sentence in a long
answer hardly moves the perplexity: fluency looks for it.

Source: F. Jelinek et al., "Perplexity", JASA 62, 1977; J. H. Lau, A. Clark and S. Lappin, "Grammaticality,
Acceptability, and Probability", Cognitive Science 41, 2017; K. Kann, S. Rothe and K. Filippova, "Sentence-Level Fluency
Evaluation", CoNLL 2018.
"""

import math
from collections.abc import Sequence

import numpy as np

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.language_model import Surprise
from watchglass_evaluators.models.manager import shared
from watchglass_evaluators.sentences import spans

_NAMES = ("perplexity", "fluency")


class Perplexity:
    """What a causal language model makes of the answer."""

    needs_models = True
    possible_scores = _NAMES

    def __init__(self, config: ModelsConfig | None = None) -> None:
        """Find the weights; they are loaded with the first batch.

        Raises:
            EvaluatorUnavailable: there are none.
        """
        self._models = shared(config)
        self.spec = EvaluatorSpec(
            name="perplexity",
            version=f"1 {self._models.version(self._models.weights('language_model'))}",
            columns=("response_text",),
            scores=(
                ScoreSpec("perplexity", "lower_is_better", 1.0, math.inf, "equally likely tokens"),
                ScoreSpec("fluency", "higher_is_better", -math.inf, 0.0, "nats per token"),
            ),
            source="model",
            device="gpu",
            longest_text=20_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; identical answers are looked at once."""
        texts = list(dict.fromkeys(call.response_text for call in calls))
        with self._models.lock:
            found = dict(zip(texts, self._models.language_model().surprises(texts), strict=True))
        return [_scores(call.response_text, found[call.response_text]) for call in calls]


def _scores(text: str, surprise: Surprise) -> list[Score]:
    if not len(surprise.nats):
        return [Score(name, None, "the answer has fewer than two tokens") for name in _NAMES]
    nats = surprise.nats.astype(np.float64)
    perplexity = Score("perplexity", max(1.0, float(np.exp(min(nats.mean(), 700.0)))))
    middles = np.array([(begin + end) / 2 for begin, end in surprise.places])
    inside = [(middles >= begin) & (middles <= end) for begin, end in spans(text)]
    means = [-float(nats[mask].mean()) for mask in inside if mask.any()]
    if not means:
        return [perplexity, Score("fluency", None, "the answer has no letters and no digits")]
    least = int(np.argmin(means))
    where = f"sentence {least + 1} of {len(means)}"
    return [perplexity, Score("fluency", min(0.0, means[least]), explanation=where)]
