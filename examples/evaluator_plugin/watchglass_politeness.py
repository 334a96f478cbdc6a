"""Politeness: the share of an answer's sentences with a polite word in them.

Range 0 to 1, higher is better. Needs the answer; costs microseconds a call.

Example: "Thank you for asking. It is 42." gives 0.5.
"""

import re
from collections.abc import Sequence

from watchglass_evaluators import Call, EvaluatorSpec, Score, ScoreSpec

_polite = re.compile(r"\b(?:please|thank|thanks|sorry|welcome|glad|happy to)\b", re.IGNORECASE)


class Politeness:
    """The share of polite sentences."""

    spec = EvaluatorSpec(
        name="politeness",
        version="1",
        columns=("response_text",),
        scores=(ScoreSpec("politeness", "higher_is_better", 0.0, 1.0, "share of sentences"),),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch."""
        return [[self._one(call.response_text)] for call in calls]

    def _one(self, text: str) -> Score:
        sentences = [sentence for sentence in re.split(r"[.!?]+", text) if sentence.strip()]
        if not sentences:
            return Score("politeness", None, "the answer has no sentences")
        return Score("politeness", sum(bool(_polite.search(s)) for s in sentences) / len(sentences))
