"""How texts become the batches of a model: windows of long texts, and packs of about so many tokens. No torch."""

from collections.abc import Iterator, Sequence

OVERLAP = 64
"""Tokens that two windows of a long text share, so that a phrase is whole in one of them."""

Ids = list[int]


def windows(ids: Ids, longest: int, *, overlap: int = OVERLAP) -> list[Ids]:
    """Cut a text's tokens into windows a model can read.

    Args:
        ids: tokens with one special token at each end, which every window gets again.
        longest: the most tokens of a window, special ones included.
        overlap: tokens that neighbours share.

    Returns:
        The text itself where it is short enough; else windows of exactly `longest` tokens, and a last one that is
        shorter. The first is what truncation would leave.
    """
    if len(ids) <= longest:
        return [ids]
    first, body, last = ids[0], ids[1:-1], ids[-1]
    size = longest - 2
    step = size - min(overlap, size // 2)
    starts = range(0, max(len(body) - size, 0) + step, step)
    return [[first, *body[start : start + size], last] for start in starts]


def packs(lengths: Sequence[int], budget: int, *, padded: bool = False) -> Iterator[list[int]]:
    """Group sequences, longest first, into packs.

    Args:
        lengths: tokens of each sequence.
        budget: the most tokens of a pack; a longer sequence is a pack by itself.
        padded: count what a pack takes when all are padded to its longest.

    Yields:
        Indices of the sequences of one pack. Neighbours in it are of similar length.
    """
    pack: list[int] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[pack[0]] if padded and pack else lengths[index]
        if pack and tokens + length > budget:
            yield pack
            pack, tokens, length = [], 0, lengths[index]
        pack.append(index)
        tokens += length
    if pack:
        yield pack
