"""Durations as people write them: '90s', '5m', '1h30m', '7d'."""

from __future__ import annotations

import re
from collections.abc import Callable

_UNITS_S = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"(?:[0-9]{1,9}[wdhms])+")
_PART = re.compile(r"([0-9]+)([wdhms])")


def parse_duration(text: object) -> int:
    """Seconds in a duration such as '90s', '5m', '1h30m' or '7d'.

    Raises:
        ValueError: it is not text of that form. A bare number is refused because nobody can see its unit.
    """
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        raise ValueError("must be a duration with its unit, such as 30s, 5m, 1h30m or 7d")
    return sum(int(count) * _UNITS_S[unit] for count, unit in _PART.findall(text))


def format_duration(seconds: int) -> str:
    """The shortest text that `parse_duration` reads back as the same number."""
    parts = []
    for unit, size in _UNITS_S.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def within(lowest_s: int, highest_s: int) -> Callable[[object], int]:
    """A pydantic validator: a duration between two bounds, both included."""

    def check(value: object) -> int:
        seconds = parse_duration(value)
        if not lowest_s <= seconds <= highest_s:
            raise ValueError(f"must be between {format_duration(lowest_s)} and {format_duration(highest_s)}")
        return seconds

    return check
