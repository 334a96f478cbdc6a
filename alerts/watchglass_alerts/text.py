"""Text from telemetry made safe to show: no control characters, no direction tricks, bounded."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def clean(text: str, limit: int, *, lines: bool = False) -> str:
    """Printable text of at most `limit` characters.

    Control, direction and zero-width characters are dropped; line breaks become spaces, or stay when `lines` is set.
    A longer text is cut and ends in '…'.
    """
    text = text[: 4 * limit]
    kept = "".join(
        char if char == "\n" and lines else " " if char in "\n\r\t" else char
        for char in text
        if char in "\n\r\t" or unicodedata.category(char) not in _HIDDEN
    )
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"
