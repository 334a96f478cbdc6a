"""Edits that turn one list of words into another, where moving a run of words together counts as one edit.

The search is Tercom's as sacreBLEU's `lib_ter` has it, shortcut for shortcut, so that the counts are the same; what is
saved is work whose result is known: rows of the distance table are kept as plain numbers, the operations are read off
them only where they are needed, and a moved run is compared only until the table is again what it was without the move.

Source: M. Snover et al., "A Study of Translation Edit Rate with Targeted Human Annotation", AMTA 2006.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

_LONGEST_SHIFT = 10
_FARTHEST_SHIFT = 50
_BEAM = 25
_MOST_CANDIDATES = 1_000
_INFINITE = 10**16

Row = list[int]


class _Alignment(NamedTuple):
    """How the words of an answer lie against a reference."""

    at: list[int]
    """Per reference word: the answer's word it stands at; -1 = before the first."""
    answer_errors: list[int]
    """Running sum of the answer's words that are wrong."""
    reference_errors: list[int]
    """Running sum of the reference's words that are not met."""


class _Table:
    """Levenshtein distances to one reference, near the diagonal only."""

    def __init__(self, reference: Sequence[str], answer_length: int) -> None:
        self.reference = reference
        self._length = answer_length
        self._first = list(range(len(reference) + 1))
        self._empty = [_INFINITE] * (len(reference) + 1)
        ratio = len(reference) / answer_length if answer_length else 1
        beam = math.ceil(ratio / 2 + _BEAM) if ratio / 2 > _BEAM else _BEAM
        centres = [math.floor(i * ratio) for i in range(answer_length + 1)]
        self._windows = [(max(0, c - beam), min(len(reference) + 1, c + beam)) for c in centres]
        self._windows[-1] = (self._windows[-1][0], len(reference) + 1)

    def rows(self, answer: Sequence[str]) -> list[Row]:
        """All rows for an answer of the declared length; the last number of the last is its distance."""
        rows = [self._first]
        for i, word in enumerate(answer, 1):
            rows.append(self._row(i, word, rows[-1]))
        return rows

    def distance(self, answer: Sequence[str], known: list[Row], first: int, end: int) -> int:
        """Distance of an answer that differs only at [first, end) from the one whose rows are known."""
        row = known[first]
        for i in range(first + 1, self._length + 1):
            row = self._row(i, answer[i - 1], row)
            if i >= end and row == known[i]:
                return known[-1][-1]
        return row[-1]

    def _row(self, i: int, word: str, above: Row) -> Row:
        low, high = self._windows[i]
        row = self._empty[:]
        left = _INFINITE
        if low == 0:
            row[0] = left = above[0] + 1
            low = 1
        diagonal = above[low - 1]
        reference = self.reference
        for j in range(low, high):
            best = diagonal if reference[j - 1] == word else diagonal + 1
            diagonal = above[j]
            if diagonal < best:
                best = diagonal + 1 if diagonal + 1 < best else best
            if left < best:
                best = left + 1 if left + 1 < best else best
            row[j] = left = best
        return row

    def alignment(self, answer: Sequence[str], rows: list[Row]) -> _Alignment:
        """Read the cheapest way off the table; of equal ones substitution, then deletion, then insertion."""
        i, j = len(answer), len(self.reference)
        at = [-1] * j
        answer_wrong, reference_wrong = [0] * i, [0] * j
        while i > 0 or j > 0:
            same = i > 0 and j > 0 and answer[i - 1] == self.reference[j - 1]
            if i > 0 and j > 0 and rows[i - 1][j - 1] + (not same) == rows[i][j]:
                i, j = i - 1, j - 1
                at[j] = i
                answer_wrong[i] = reference_wrong[j] = int(not same)
            elif i > 0 and (j == 0 or rows[i - 1][j] + 1 == rows[i][j]):
                i -= 1
                answer_wrong[i] = 1
            else:
                j -= 1
                at[j] = i - 1
                reference_wrong[j] = 1
        return _Alignment(at, [0, *accumulate(answer_wrong)], [0, *accumulate(reference_wrong)])


def edits(answer: Sequence[str], reference: Sequence[str]) -> int:
    """Count insertions, deletions, substitutions and shifts that turn an answer into a reference."""
    if not reference:
        return len(answer)
    words = list(answer)
    table = _Table(reference, len(words))
    positions: dict[str, list[int]] = {}
    for position, word in enumerate(reference):
        positions.setdefault(word, []).append(position)
    shifts = tried = 0
    while True:
        rows = table.rows(words)
        gain, shifted, tried = _best_shift(words, table, rows, positions, tried)
        if tried >= _MOST_CANDIDATES or gain <= 0:
            return shifts + rows[-1][-1]
        words = shifted
        shifts += 1


def _best_shift(
    words: list[str], table: _Table, rows: list[Row], positions: dict[str, list[int]], tried: int
) -> tuple[int, list[str], int]:
    """Try moves; returns the distance saved by the best, the words after it, and how many were tried so far."""
    aligned = table.alignment(words, rows)
    best: tuple[int, int, int, int, list[str]] | None = None
    for start, target, length in _matches(words, table.reference, positions):
        # A move helps only where the run is wrong and what stands at its place is wrong as well.
        if aligned.answer_errors[start + length] == aligned.answer_errors[start]:
            continue
        if aligned.reference_errors[target + length] == aligned.reference_errors[target]:
            continue
        if start <= aligned.at[target] < start + length:
            continue
        previous = -1
        for offset in range(-1, length):
            place = aligned.at[target + offset] + 1 if target + offset >= 0 else 0
            if place == previous:
                continue
            previous = place
            shifted, first, end = _moved(words, start, length, place)
            saved = rows[-1][-1] - table.distance(shifted, rows, first, end)
            tried += 1
            candidate = (saved, length, -start, -place, shifted)
            if best is None or candidate > best:
                best = candidate
        if tried >= _MOST_CANDIDATES:
            break
    return (best[0], best[4], tried) if best else (0, words, tried)


def _matches(
    words: Sequence[str], reference: Sequence[str], positions: dict[str, list[int]]
) -> Iterator[tuple[int, int, int]]:
    """Yield (start in the answer, start in the reference, length) of equal runs, shorter ones first."""
    for start, word in enumerate(words):
        for target in positions.get(word, ()):
            if abs(target - start) > _FARTHEST_SHIFT:
                continue
            longest = min(_LONGEST_SHIFT, len(words) - start, len(reference) - target)
            for length in range(1, longest + 1):
                if words[start + length - 1] != reference[target + length - 1]:
                    break
                yield start, target, length


def _moved(words: list[str], start: int, length: int, place: int) -> tuple[list[str], int, int]:
    """Move a run; returns the words and the range [first, end) outside of which nothing changed."""
    end = start + length
    run = words[start:end]
    if place < start:
        return words[:place] + run + words[place:start] + words[end:], place, end
    if place > end:
        return words[:start] + words[end:place] + run + words[place:], start, place
    return words[:start] + words[end : length + place] + run + words[length + place :], start, length + place
