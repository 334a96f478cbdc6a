"""ROUGE-1, -2, -L and -Lsum: how many words, word pairs and words in order an answer shares with a reference.

Scores: rouge_1, rouge_2, rouge_l, rouge_lsum, each the F-measure of precision (share of the answer found in the
reference) and recall (share of the reference found in the answer).
Range 0 to 1, higher is better, no unit. Needs the answer and a reference; never calls out; about 0.2 ms a call.
rouge_lsum takes each line as a sentence and adds up what the lines share; for texts of one line it equals rouge_l.
It is unscored where so many different lines meet that comparing them would take over a second.
The numbers are those of the rouge-score package with `use_stemmer=False`, to the last digit, about ten times faster.
Like it, only the letters a to z and digits count: a reference without any, for example in Chinese, is unscored
here, where rouge-score would give 0 even to the same text.

Example: reference "the cat sat on the mat", answer "the cat lay on the mat" gives rouge_1 0.833, rouge_2 0.6,
rouge_l and rouge_lsum 0.833.

Source: C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop 2004.
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.overlap import clipped_matches, lcs_length, lcs_positions, ngrams

_find_tokens = re.compile(r"[a-z0-9]+").findall
_MOST_STEPS = 1_000_000
_TOO_MANY_LINES = "too many different lines to compare"
_NO_TOKENS = "the reference has no letters a to z and no digits: ROUGE cannot see it"


class Text:
    """A text made ready for comparison; a reference is made ready once for all answers to it."""

    __slots__ = ("bigrams", "lines", "tokens", "unigrams")

    def __init__(self, text: str) -> None:
        text = text.lower()
        self.tokens: list[str] = _find_tokens(text)
        self.lines = [tuple(_find_tokens(line)) for line in text.split("\n")] if "\n" in text else [tuple(self.tokens)]
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


def rouge_lsum(reference: Text, answer: Text) -> float | None:
    """Return the F-measure of ROUGE-Lsum, 0 to 1; None where comparing all lines would take too long."""
    got, wanted = len(answer.tokens), len(reference.tokens)
    if len(reference.lines) == len(answer.lines) == 1:
        return _f_measure(lcs_length(reference.tokens, answer.tokens), got, wanted)
    lines = set(answer.lines)
    if sum(map(len, set(reference.lines))) * len(lines) > _MOST_STEPS:
        return None
    left, right = reference.unigrams.copy(), answer.unigrams.copy()
    shared: dict[tuple[str, ...], list[str]] = {}
    matches = 0
    for line in reference.lines:
        if line not in shared:
            words = set(line)
            positions = set[int]().union(*(lcs_positions(line, o) for o in lines if not words.isdisjoint(o)))
            shared[line] = [line[i] for i in sorted(positions)]
        for word in shared[line]:  # none counts more often than either side has it
            if left[word] > 0 and right[word] > 0:
                matches += 1
                left[word] -= 1
                right[word] -= 1
    return _f_measure(matches, got, wanted)


def _f_measure(matches: int, got: int, wanted: int) -> float:
    precision = matches / max(got, 1)
    recall = matches / max(wanted, 1)
    return 2 * precision * recall / (precision + recall) if matches else 0.0


class Rouge:
    """ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum F-measures against the call's reference."""

    spec = EvaluatorSpec(
        name="rouge",
        version="2",
        columns=("response_text", "reference_text"),
        scores=tuple(
            ScoreSpec(name, "higher_is_better", 0.0, 1.0, "F-measure")
            for name in ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum")
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
            results.append(self._score(reference, call.response_text))
        return results

    def _score(self, reference: Text, response: str) -> list[Score]:
        names = [score.name for score in self.spec.scores]
        if not reference.tokens:
            return [Score(name, None, _NO_TOKENS) for name in names]
        answer = Text(response)
        summary = rouge_lsum(reference, answer)
        values = (*rouge(reference, answer), summary)
        reasons = ("", "", "", _TOO_MANY_LINES if summary is None else "")
        return [Score(*row) for row in zip(names, values, reasons, strict=True)]
