"""ROUGE-1, ROUGE-2 and ROUGE-L: how many words, word pairs and words in order an answer shares with a reference.

Scores: rouge_1, rouge_2, rouge_l, each the F-measure of precision (share of the answer found in the reference) and
recall (share of the reference found in the answer).
Range 0 to 1, higher is better, no unit. Needs the answer and a reference; never calls out; about 0.2 ms a call.
The numbers are those of the rouge-score package with `use_stemmer=False`, to the last digit, about ten times faster.
Like it, only the letters a to z and digits count: a reference without any, for example in Chinese, is unscored
here, where rouge-score would give 0 even to the same text.

Example: reference "the cat sat on the mat", answer "the cat lay on the mat" gives rouge_1 0.833, rouge_2 0.6,
rouge_l 0.833.

Source: C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop 2004.
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.overlap import clipped_matches, lcs_length, ngrams

_find_tokens = re.compile(r"[a-z0-9]+").findall
_NO_TOKENS = "the reference has no letters a to z and no digits: ROUGE cannot see it"


class Text:
    """A text made ready for comparison; a reference is made ready once for all answers to it."""

    __slots__ = ("bigrams", "tokens", "unigrams")

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = _find_tokens(text.lower())
        self.unigrams: Counter[Hashable] = Counter(self.tokens)
        self.bigrams: Counter[Hashable] = Counter(ngrams(self.tokens, 2))


def rouge(reference: Text, answer: Text) -> tuple[float, float, float]:
    """Return the F-measures of ROUGE-1, ROUGE-2 and ROUGE-L, each 0 to 1."""
    wanted, got = len(reference.tokens), len(answer.tokens)
    return (
        _f_measure(clipped_matches(reference.unigrams, answer.unigrams), got, wanted),
        _f_measure(clipped_matches(reference.bigrams, answer.bigrams), got - 1, wanted - 1),
        _f_measure(lcs_length(reference.tokens, answer.tokens), got, wanted),
    )


def _f_measure(matches: int, got: int, wanted: int) -> float:
    precision = matches / max(got, 1)
    recall = matches / max(wanted, 1)
    return 2 * precision * recall / (precision + recall) if matches else 0.0


class Rouge:
    """ROUGE-1, ROUGE-2 and ROUGE-L F-measures against the call's reference."""

    spec = EvaluatorSpec(
        name="rouge",
        version="1",
        columns=("response_text", "reference_text"),
        scores=tuple(
            ScoreSpec(name, "higher_is_better", 0.0, 1.0, "F-measure") for name in ("rouge_1", "rouge_2", "rouge_l")
        ),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; see the module for what the numbers mean."""
        references: dict[str, Text] = {}
        results = []
        for call in calls:
            reference = references.get(call.reference_text)
            if reference is None:
                reference = references[call.reference_text] = Text(call.reference_text)
            if reference.tokens:
                values: Sequence[float | None] = rouge(reference, Text(call.response_text))
                reason = ""
            else:
                values, reason = (None, None, None), _NO_TOKENS
            results.append([Score(s.name, v, reason) for s, v in zip(self.spec.scores, values, strict=True)])
        return results
