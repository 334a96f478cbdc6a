"""Words that carry meaning, numbers and sentences of an English text, for measures of overlap."""

import re
from functools import lru_cache

STOP_WORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but
    by can could did do does doing down during each few for from further get had has have having he her here hers him
    his how i if in into is it its itself just may me might more most must my no nor not of off on once only or other
    our out over own please same shall she should so some such than that the their them then there these they this
    those through to too under until up us very was we were what when where which while who whom why will with would
    yes you your""".split()  # noqa: SIM905
)
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: str(i) for i, word in enumerate(_NUMBERS)}
_word = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_number = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?")
_sentence_end = re.compile(r"(?<=[.!?])\s+|\n+")


def content_words(text: str) -> set[str]:
    """Return the different words that are not in the stop list, lower case, without endings."""
    words = _word.findall(text.lower().replace("’", "'"))
    return {_stem(word) for word in words if word not in STOP_WORDS and word not in _NUMBER_WORDS and len(word) > 1}


def numbers(text: str) -> set[str]:
    """Return the different numbers as digits: "1,000" as "1000", "three" as "3"."""
    found = {match.replace(",", "") for match in _number.findall(text)}
    return found | {_NUMBER_WORDS[word] for word in _word.findall(text.lower()) if word in _NUMBER_WORDS}


def sentences(text: str) -> list[str]:
    """Return the sentences; a line break ends one as well."""
    return [piece for piece in _sentence_end.split(text) if piece.strip()]


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    # Crude on purpose: both sides are cut the same way, and only equality matters.
    word = word.removesuffix("'s")
    for ending in ("ing", "ies", "ed", "es", "s", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word.rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word
