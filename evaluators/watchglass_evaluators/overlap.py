"""Counting that the overlap metrics share: clipped n-gram matches and the longest common subsequence."""

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
