"""Cuts a text into sentences, well enough for scores that look at each."""

import re

_BREAK = re.compile(r"(?<=[.!?])[\"')\]]*\s+|(?<=[。！？])|\s*\n\s*")
_WORD = re.compile(r"\w")


def spans(text: str) -> list[tuple[int, int]]:
    """Return where each sentence begins and ends; what holds no letter and no digit is none."""
    found = []
    start = 0
    for gap in _BREAK.finditer(text):
        found.append((start, gap.start()))
        start = gap.end()
    found.append((start, len(text)))
    return [(begin, end) for begin, end in found if _WORD.search(text, begin, end)]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    return [text[begin:end] for begin, end in spans(text)]
