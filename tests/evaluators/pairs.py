"""Pairs of texts on which our numbers must be those of the libraries: usual ones, odd ones, long ones."""

import os
import random
from collections.abc import Iterator

COUNT = int(os.environ.get("WATCHGLASS_PAIRS", "200"))
"""`make metrics` tries 10,000."""

ENDS = ["", " ", "\n", "a", ".", "日本語", "👍", "\u00a0", "(hi)", "-\n", "\x1c", "x\u2028y", "&amp;", "<skipped>"]
WORDS = [
    *("the", "cat", "sat", "on", "a", "mat,", "The", "MAT.", "42", "it's", "naïve", "ß", "İ", "日本", "1,000.5", "3-4"),
    *("&amp;", "(hi)", "e.g.", "\u202eabc", "a\u0301", "Σας", "👩\u200d👩\u200d👧", "...", "-3", "x"),
]


def pairs(count: int = COUNT, *, longest: int = 60) -> Iterator[tuple[str, str]]:
    """Yield (reference, answer): every two ends first, then random ones, the answer an edited reference or unrelated.

    Args:
        count: how many.
        longest: words of all but the longest twentieth, which have up to five times as many.
    """
    choice = random.Random(20_260)
    ends = [(left, right) for left in ENDS for right in ENDS]
    yield from ends[: count // 2]
    for _ in range(count - min(len(ends), count // 2)):
        most = longest * 5 if choice.random() < 0.05 else longest
        reference = _words(choice, most)
        answer = _edited(choice, reference) if choice.random() < 0.85 else _words(choice, most)
        yield _joined(choice, reference), _joined(choice, answer)


def _words(choice: random.Random, most: int) -> list[str]:
    return [_word(choice) for _ in range(choice.randint(0, most))]


def _word(choice: random.Random) -> str:
    if choice.random() < 0.8:
        return choice.choice(WORDS)
    return "".join(choice.choices("abcdefgh.,-'\"()0123äλ日\t", k=choice.randint(1, 8)))


def _edited(choice: random.Random, words: list[str]) -> list[str]:
    words = [word if choice.random() > 0.15 else _word(choice) for word in words if choice.random() > 0.1]
    for _ in range(choice.randint(0, 3)):
        start = choice.randint(0, len(words))
        run = words[start : start + choice.randint(0, 8)]
        del words[start : start + len(run)]
        place = choice.randint(0, len(words))
        words[place:place] = run
    return words


def _joined(choice: random.Random, words: list[str]) -> str:
    lines = choice.random() < 0.3
    return "".join(word + ("\n" if lines and choice.random() < 0.2 else " ") for word in words)
