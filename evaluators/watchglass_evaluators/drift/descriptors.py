"""Numbers that describe a text: length, shape and style, each cheap to count and easy to explain."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

NAMES: Final = (
    "chars",
    "words",
    "word_length",
    "digit_share",
    "punctuation_share",
    "upper_share",
    "non_ascii_share",
    "distinct_word_share",
    "sentences",
    "profanity",
)
"""Columns of `describe`. Shares are of the characters, or of the words; `profanity` is a probability."""

_SENTENCE_END = re.compile(r"[.!?。！？]+(?=\s|$)|[。！？]")
_COUNTED_WORDS = 200
"""The share of distinct words falls with length, so it is taken over this many first words."""


def describe(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return one row per text and one column per name in NAMES."""
    rows = np.zeros((len(texts), len(NAMES)), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        row[:-1] = _describe_one(text)
    if texts:
        rows[:, -1] = _profanity(texts)
    return rows


def _describe_one(text: str) -> tuple[float, ...]:
    words = text.split()
    chars = max(len(text), 1)
    letters = sum(map(str.isalpha, text))
    digits = sum(map(str.isdigit, text))
    spaces = sum(map(str.isspace, text))
    first = [word.lower() for word in words[:_COUNTED_WORDS]]
    return (
        len(text),
        len(words),
        (len(text) - spaces) / max(len(words), 1),
        digits / chars,
        (len(text) - letters - digits - spaces) / chars,
        sum(map(str.isupper, text)) / chars,
        sum(character > "\x7f" for character in text) / chars,
        len(set(first)) / max(len(first), 1),
        len(_SENTENCE_END.findall(text)) or bool(words),
    )


def _profanity(texts: Sequence[str]) -> NDArray[np.float64]:
    from profanity_check import predict_prob

    return np.asarray(predict_prob(list(texts)), dtype=np.float64)
