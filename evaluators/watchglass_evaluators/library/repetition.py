"""Repetition: how much an answer says the same thing again, as models do that are stuck.

Scores: repetition, the share of runs of four words that occurred before in the answer (seq-rep-4), lower is better;
and distinct_2, the share of word pairs that are different (distinct-2), higher is better. Both 0 to 1. Needs the
answer; never calls out; about 0.05 ms a call. Words are runs of letters and digits, lower case; in Chinese, Japanese
and Korean every character counts as a word. An answer of fewer than 5 words is unscored. Long answers repeat more
than short ones: compare answers of similar length, or watch for a jump.

Example: "go on and on and on and on" gives repetition 0.4 and distinct_2 0.429.

Source: S. Welleck et al., "Neural Text Generation with Unlikelihood Training", ICLR 2020; J. Li et al., "A
Diversity-Promoting Objective Function for Neural Conversation Models", NAACL 2016.
"""

import re
from collections.abc import Sequence

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.overlap import ngrams

_LEAST_WORDS = 5
_ORDER = 4
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_find_words = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+").findall


def repetition(text: str) -> tuple[float, float] | None:
    """Return seq-rep-4 and distinct-2; None for a text with too few words."""
    words = _find_words(text.lower())
    if len(words) < _LEAST_WORDS:
        return None
    runs, pairs = len(words) - _ORDER + 1, len(words) - 1
    return 1 - len(set(ngrams(words, _ORDER))) / runs, len(set(ngrams(words, 2))) / pairs


class Repetition:
    """Repeated runs and distinct pairs of words in the answer."""

    spec = EvaluatorSpec(
        name="repetition",
        version="1",
        columns=("response_text",),
        scores=(
            ScoreSpec("repetition", "lower_is_better", 0.0, 1.0, "share of runs of four words"),
            ScoreSpec("distinct_2", "higher_is_better", 0.0, 1.0, "share of word pairs"),
        ),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score every answer with enough words."""
        results = []
        for call in calls:
            found = repetition(call.response_text)
            reason = "" if found else f"fewer than {_LEAST_WORDS} words"
            repeated, distinct = found or (None, None)
            results.append([Score("repetition", repeated, reason), Score("distinct_2", distinct, reason)])
        return results
