"""Which traces were looked at before, or had pieces before this life: a Bloom filter for each hour.

Nothing sorts pieces by trace, so looking back for a trace reads all that came in that time. Most traces are new and
need no looking back; a filter never says that one is new which is not, and seldom says the other.

Source: B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13, 1970.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

HOUR_MS: Final = 3_600_000
_BITS: Final = 1 << 24
"""2 MiB for an hour: of a million traces, half a percent of the others are taken for one of them."""
_SHIFTS: Final = (0, 20, 40)
"""A key is a hash already: three parts of it are three hashes."""
_KEPT_HOURS: Final = 26
COVERED_MS: Final = (_KEPT_HOURS - 1) * HOUR_MS
"""How far back the filters go."""

Keys = npt.NDArray[np.int64]


class Earlier:
    """The traces of the last day.

    Args:
        born_ms: pieces received up to here belong to an earlier life; what came later is told by `add`.
        load: keys of the traces that got pieces after one moment and up to another, in Unix milliseconds.
    """

    def __init__(self, born_ms: int, load: Callable[[int, int], Keys]) -> None:
        self._born_ms = born_ms
        self._load = load
        self._hours: dict[int, npt.NDArray[np.uint8]] = {}
        self._loaded: set[int] = set()

    def add(self, keys: Sequence[int], now_ms: int) -> None:
        """Remember traces that were looked at, at the time of the look: not before the pieces came that it saw."""
        hour = now_ms // HOUR_MS
        self._mark(hour, np.asarray(keys, dtype=np.int64))
        for old in [known for known in self._hours if known <= hour - _KEPT_HOURS]:
            del self._hours[old]

    def among(self, keys: Sequence[int], since_ms: int, now_ms: int) -> set[int]:
        """Those of some traces that may have had pieces since a time which a look has seen; all, if it is too long ago.

        Raises:
            StoreError: the hours of an earlier life had to be read, and could not.
        """
        if not keys or since_ms < now_ms - COVERED_MS:
            return set(keys)
        asked = np.asarray(keys, dtype=np.int64)
        found = np.zeros(len(asked), dtype=bool)
        for hour in range(since_ms // HOUR_MS, now_ms // HOUR_MS + 1):
            self._know(hour)
            bits = self._hours.get(hour)
            if bits is not None:
                at = _places(asked)
                found |= ((bits[at >> 3] >> (at & 7).astype(np.uint8)) & 1).all(axis=0)
        return set(asked[found].tolist())

    def _know(self, hour: int) -> None:
        begin_ms = hour * HOUR_MS - 1
        if begin_ms < self._born_ms and hour not in self._loaded:
            keys = self._load(begin_ms, min(begin_ms + HOUR_MS, self._born_ms))
            if len(keys):
                self._mark(hour, keys)
            self._loaded.add(hour)

    def _mark(self, hour: int, keys: Keys) -> None:
        if hour not in self._hours:
            self._hours[hour] = np.zeros(_BITS // 8, dtype=np.uint8)
        at = _places(keys).ravel()
        np.bitwise_or.at(self._hours[hour], at >> 3, np.left_shift(1, at & 7).astype(np.uint8))


def _places(keys: Keys) -> npt.NDArray[np.int64]:
    """Bits of each key, shape (3, n)."""
    return np.stack([(keys >> shift) & (_BITS - 1) for shift in _SHIFTS])
