"""Readability: how easy an English answer is to read, from the length of its words and sentences.

Scores: flesch_reading_ease (about 0, hard, to 100, easy; at most 121.22, no lower end) and flesch_kincaid_grade
(years of school in the US needed to follow it; at least -3.4, no upper end), both neutral: the right level depends on
the reader. Needs the answer; never calls out; about 0.05 ms a call. English only: in other languages the numbers mean
nothing. A text with fewer than 10 words in Latin letters is unscored. Syllables are counted by groups of vowels, a
silent e left out, which is right for about nine words in ten and slightly off for the rest.

    flesch_reading_ease  = 206.835 - 1.015 words / sentences - 84.6 syllables / words
    flesch_kincaid_grade = 0.39 words / sentences + 11.8 syllables / words - 15.59

Example: "The cat sat on the mat. The dog ran to the old red barn." gives 115.13 and -1.06.

Source: R. Flesch, "A New Readability Yardstick", 1948; J. P. Kincaid et al., Research Branch Report 8-75, US Navy,
1975.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from math import inf

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec

_LEAST_WORDS = 10
_LONGEST_WORD = 50
_find_words = re.compile(r"[a-z]+(?:'[a-z]+)?").findall
_sentence_end = re.compile(r"[.!?]+(?=[\s\"')\]]|$)|\n\s*\n")
_vowels = re.compile(r"[aeiouy]+")


@lru_cache(maxsize=20_000)
def syllables(word: str) -> int:
    """Count the syllables of a lower-case English word by its groups of vowels; at least 1."""
    word = word.removesuffix("'s")
    count = len(_vowels.findall(word))
    silent_e = len(word) > 2 and word.endswith("e") and not word.endswith(("le", "ee", "ye"))
    silent_ed = len(word) > 3 and word.endswith("ed") and word[-3] not in "td"
    if silent_e or silent_ed:
        count -= 1
    return max(count, 1)


def readability(text: str) -> tuple[float, float] | None:
    """Return Flesch reading ease and Flesch-Kincaid grade; None for a text with too few words."""
    words = [word for word in _find_words(text.lower().replace("’", "'")) if len(word) <= _LONGEST_WORD]
    if len(words) < _LEAST_WORDS:
        return None
    pieces = _sentence_end.split(text)
    sentences = max(1, sum(1 for piece in pieces if any(map(str.isalpha, piece))))
    per_sentence = len(words) / sentences
    per_word = sum(map(syllables, words)) / len(words)
    return 206.835 - 1.015 * per_sentence - 84.6 * per_word, 0.39 * per_sentence + 11.8 * per_word - 15.59


class Readability:
    """Flesch reading ease and Flesch-Kincaid grade of the answer."""

    spec = EvaluatorSpec(
        name="readability",
        version="1",
        columns=("response_text",),
        scores=(
            ScoreSpec("flesch_reading_ease", "neutral", -inf, 121.22, "Flesch points"),
            ScoreSpec("flesch_kincaid_grade", "neutral", -3.4, inf, "school years"),
        ),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score every answer with enough words."""
        results = []
        for call in calls:
            found = readability(call.response_text)
            reason = "" if found else f"fewer than {_LEAST_WORDS} words in Latin letters"
            ease, grade = found or (None, None)
            results.append([Score("flesch_reading_ease", ease, reason), Score("flesch_kincaid_grade", grade, reason)])
        return results
