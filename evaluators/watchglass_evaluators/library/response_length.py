"""Response length: how long an answer is, in characters and in words.

Scores: response_length (Unicode characters, code points) and response_words (runs of non-space characters). Range 0
upwards, neutral: neither long nor short is better, but a change is worth knowing. Needs the answer; never calls
out; microseconds a call. In languages written without spaces response_words counts runs, not words: use characters.

Example: "Hello, world" gives response_length 12 and response_words 2.

Source: none needed.
"""

import math
from collections.abc import Sequence

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec


class ResponseLength:
    """Characters and words of the answer."""

    spec = EvaluatorSpec(
        name="response_length",
        version="1",
        columns=("response_text",),
        scores=(
            ScoreSpec("response_length", "neutral", 0.0, math.inf, "characters"),
            ScoreSpec("response_words", "neutral", 0.0, math.inf, "words"),
        ),
        longest_text=1_000_000,
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Count both lengths of every answer."""
        return [
            [
                Score("response_length", float(len(call.response_text))),
                Score("response_words", float(len(call.response_text.split()))),
            ]
            for call in calls
        ]
