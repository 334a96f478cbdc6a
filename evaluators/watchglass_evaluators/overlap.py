"""Counting that the overlap metrics share: clipped n-gram matches and longest common subsequences."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def ngrams(tokens: Sequence[str], order: int) -> Iterable[Hashable]:
    """Return the n-grams of a text, in order."""
    return tokens if order == 1 else zip(*(tokens[i:] for i in range(order)), strict=False)


def clipped_matches(left: Counter[Hashable], right: Counter[Hashable]) -> int:
    """Count the items that two bags have in common, each as often as in the bag that has it less often."""
    if len(left) > len(right):
        left, right = right, left
    get = right.get
    total = 0
    for item, count in left.items():
        other = get(item)
        if other is not None:
            total += min(count, other)
    return total


def lcs_length(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence of two token lists.

    Bit-parallel over Python's integers (H. Hyyro, "Bit-parallel LCS-length computation revisited", 2004): one step of
    a few big-integer operations per token of the shorter text instead of one table row.
    """
    if len(left) < len(right):
        left, right = right, left
    positions: dict[str, int] = {}
    bit = 1
    for token in left:
        positions[token] = positions.get(token, 0) | bit
        bit <<= 1
    mask = bit - 1
    row = mask
    for token in right:
        match = positions.get(token)
        if match is not None:
            common = row & match
            row = ((row + common) | (row - common)) & mask
    return len(left) - row.bit_count()


def lcs_positions(left: Sequence[str], right: Sequence[str]) -> set[int]:
    """Positions in `left` of one longest common subsequence: of several, the one that rouge-score picks.

    As `lcs_length`, keeping every row: bit j of row i is set where the table grows from column j to j + 1.
    """
    positions: dict[str, int] = {}
    bit = 1
    for token in right:
        positions[token] = positions.get(token, 0) | bit
        bit <<= 1
    mask = bit - 1
    row = mask
    growth = [0]
    for token in left:
        common = row & positions.get(token, 0)
        row = ((row + common) | (row - common)) & mask
        growth.append(mask & ~row)
    found = set()
    i, j = len(left), len(right)
    while i and j:
        if left[i - 1] == right[j - 1]:
            i, j = i - 1, j - 1
            found.add(i)
        elif (growth[i] & ((1 << (j - 1)) - 1)).bit_count() > (growth[i - 1] & ((1 << j) - 1)).bit_count():
            j -= 1
        else:
            i -= 1
    return found
