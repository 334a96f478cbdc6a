"""Which traces have settled. Decisions only: no store, no clock.

Pieces are stamped when they are inserted and seen when the insert is done, in whatever order. So the last seconds are
looked at again each time and the last minutes now and then, and how many pieces each moment had is remembered. An
insert has one stamp, so that is one number for each insert and not for each trace; what has not changed is not read.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LATE_MS: Final = 120_000
"""A piece is visible at most so long after its stamp: the longest that an insert may run."""
WIDE_EVERY_MS: Final = 15_000
"""How often all that may still show is read: each time would be to read every piece a hundred times."""
OVERLAP_MS: Final = 5_000
"""What a look in between reads again: nearly every insert is done by then."""
_PATIENCE: Final = 6
"""A trace that never falls quiet is assembled after so many times the time that others need to settle."""
_PIECES_PER_S: Final = 1000
"""A trace that keeps growing is read again as a whole: the larger, the more seldom."""


class Arrival(NamedTuple):
    """Pieces of a trace that came in one insert."""

    key: int
    received_ms: int
    start_ms: int


@dataclass(slots=True)
class Open:
    """A trace with pieces that no batch has looked at."""

    first_ms: int
    """When the first of these pieces came."""
    last_ms: int
    start_ms: int
    """When the earliest of them began, or came if that was before: nothing of it came earlier."""


@dataclass(slots=True)
class Tracker:
    """The traces that wait for a look."""

    settle_ms: int
    watermark_ms: int
    """All pieces received up to here were looked at, and none with such a stamp can appear any more."""
    _open: dict[int, Open] = field(default_factory=dict)
    _seen: dict[int, int] = field(default_factory=dict)
    """How many pieces each moment had that might still get more."""
    _not_before: dict[int, int] = field(default_factory=dict)
    _complete_to_ms: int = 0
    _read_to_ms: int = 0
    _wide_ms: int = 0
    """When all that might still have shown was last read."""

    def from_ms(self, now_ms: int) -> int:
        """From when on pieces are to be read now: those after this moment."""
        if now_ms - self._wide_ms >= WIDE_EVERY_MS:
            return self._complete
        return max(self._complete, self._read_to_ms - OVERLAP_MS)

    @property
    def _complete(self) -> int:
        return max(self._complete_to_ms, self.watermark_ms)

    def changed(self, moments: Mapping[int, int]) -> dict[int, int]:
        """Those of some moments, each with its number of pieces, that have another number than at the last look."""
        return {moment: pieces for moment, pieces in moments.items() if self._seen.get(moment) != pieces}

    def add(
        self, arrivals: Iterable[Arrival], moments: Mapping[int, int], from_ms: int, until_ms: int, now_ms: int
    ) -> None:
        """Take note of what came.

        Args:
            arrivals: every trace with pieces at these moments.
            moments: how many pieces each of them had before the arrivals were read.
            from_ms: since when moments were read, as `from_ms` said.
            until_ms: up to when: what has `changed` before is among `moments`.
            now_ms: when they were read.
        """
        self._seen.update(moments)
        for arrival in arrivals:
            start_ms = min(arrival.start_ms, arrival.received_ms)
            known = self._open.setdefault(arrival.key, Open(arrival.received_ms, arrival.received_ms, start_ms))
            known.first_ms = min(known.first_ms, arrival.received_ms)
            known.last_ms = max(known.last_ms, arrival.received_ms)
            known.start_ms = min(known.start_ms, start_ms)
        self._read_to_ms = until_ms
        if from_ms <= self._complete:
            self._wide_ms = now_ms
            self._complete_to_ms = max(self._complete, min(until_ms, now_ms - LATE_MS))
            self._seen = {moment: n for moment, n in self._seen.items() if moment > self._complete_to_ms}

    def due(self, now_ms: int, limit: int) -> dict[int, Open]:
        """Traces to look at now, those that wait longest first."""
        self._not_before = {key: moment for key, moment in self._not_before.items() if moment > now_ms}
        quiet_ms, overdue_ms = now_ms - self.settle_ms, now_ms - _PATIENCE * self.settle_ms
        found = (
            (key, trace)
            for key, trace in self._open.items()
            if trace.last_ms <= quiet_ms or (trace.first_ms <= overdue_ms and key not in self._not_before)
        )
        return dict(heapq.nsmallest(limit, found, key=lambda item: item[1].first_ms))

    def looked_at(self, traces: dict[int, Open], sizes: dict[int, int], now_ms: int) -> None:
        """These traces, as `due` gave them, are done; their sizes in pieces say when at the latest they are again."""
        for key, trace in traces.items():
            if self._open.get(key) is trace:
                del self._open[key]
            if sizes.get(key, 0) > _PIECES_PER_S:
                self._not_before[key] = now_ms + 1000 * sizes[key] // _PIECES_PER_S

    def move_on(self) -> None:
        """Raise the watermark as far as it goes."""
        waiting = min((trace.first_ms - 1 for trace in self._open.values()), default=self._complete_to_ms)
        self.watermark_ms = max(self.watermark_ms, min(waiting, self._complete_to_ms))

    @property
    def waiting(self) -> int:
        """Traces with pieces that no batch has looked at."""
        return len(self._open)
