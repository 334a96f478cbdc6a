"""How far each evaluator is, and what an earlier life of the worker left behind. Decisions only: no store, no clock."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

TICK = timedelta(milliseconds=1)
"""Resolution of the times in `llm_calls_by_time` and `evaluation_log`."""

STARTS_UNTIL_QUARANTINE = 3
"""An item is given up when this many worker lives ended while it was being worked on."""

_CAREFUL_GROUP = 16
_MOST_CLASSES = 1_000


class CallId(NamedTuple):
    """Which call."""

    trace_id: str
    span_id: str
    project: str = ""
    """Of the API key: two projects may have the same ids."""


_LAST = CallId("\U0010ffff", "")


class Arrival(NamedTuple):
    """A call, or a later piece of one, came in; or the last call so far of a trace or session did, a while ago."""

    received_at: datetime
    call: CallId
    """Of a trace or session: its id, and no span."""
    start_time: datetime
    service_name: str = ""
    """Of a call."""
    operation_name: str = ""
    """Of a call."""
    end_time: datetime | None = None
    """Of a trace or session: when the last of the calls that are known to be new began."""

    @property
    def place(self) -> "Place":
        """Where it is in the order of arrival."""
        return Place(self.received_at, self.call)


class Place(NamedTuple):
    """A place in the order of arrival: everything up to here, this call included, is meant.

    One insert gives thousands of calls the same time of arrival, so a time alone is no place.
    """

    received_at: datetime
    call: CallId

    @classmethod
    def end_of(cls, moment: datetime) -> Self:
        """Behind the last call received at a time."""
        return cls(moment, _LAST)

    @property
    def watermark(self) -> datetime:
        """Everything received up to here lies before this place."""
        return self.received_at if self.call == _LAST else self.received_at - TICK


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of the traces a worker takes: those with cityHash64(trace_id) % count = index."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "i/n".

        Raises:
            ValueError: not two numbers with 0 <= i < n.
        """
        index, slash, count = text.partition("/")
        if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
            raise ValueError(f"shard {text!r} is not i/n with 0 <= i < n, for example 0/4")
        return cls(int(index), int(count))

    def part(self, index: int, count: int) -> "Shard":
        """One of `count` equal parts of this shard; together they are the whole of it."""
        return Shard(self.index + self.count * index, self.count * count)

    @staticmethod
    def is_one(text: str) -> bool:
        """Whether a label of `evaluation_log` names a shard of live traffic, and not one of a backfill."""
        return all(part.isdecimal() for part in text.split("/"))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True, slots=True)
class OpenStart:
    """A batch that was started and never finished: its worker died."""

    worker: str
    time: datetime
    since: datetime
    watermark: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Make one from a life's last event."""
        return cls(row["worker"], row["time"], row["since"], row["watermark"])


@dataclass(slots=True)
class Cursor:
    """How far one evaluator is in one shard. All times are those of arrival."""

    fresh: Place
    """Calls up to here were looked at once."""
    rechecked: Place
    """Calls up to here were looked at for the last time."""
    verify_until: datetime
    """Calls received up to here may have scores from an earlier life or a failed write: ask before scoring."""
    open_starts: list[OpenStart] = field(default_factory=list)
    """Batches during which an earlier life died."""
    done: set[Place] = field(default_factory=set)
    """Arrivals after `rechecked` that need no second look."""

    def skip_to(self, place: Place) -> None:
        """Leave alone what arrived up to a place."""
        self.fresh = max(self.fresh, place)
        self.rechecked = max(self.rechecked, place)

    def finish(self, *, fresh: Place, last_look: datetime) -> None:
        """Move on after a look at everything up to `fresh`, where arrivals up to `last_look` were old enough."""
        self.fresh = fresh
        self.rechecked = max(self.rechecked, min(fresh, Place.end_of(last_look)))
        self.done = {place for place in self.done if place > self.rechecked}


def resume(
    rows: Sequence[Mapping[str, Any]], shard: Shard, *, worker: str, begin: datetime, recheck_s: float
) -> Cursor:
    """Work out where to go on from what `evaluation_log` says about one evaluator and version.

    Args:
        rows: per worker life and shard its last batch-level event: `shard`, `worker`, `event`, `time`, `since`,
            `watermark` of that event, and `done`, the highest watermark it finished.
        shard: this worker's.
        worker: this life of this worker; the others have ended.
        begin: where a new evaluator begins.
        recheck_s: how long after arrival a call is looked at for the last time.
    """
    rows = [row for row in rows if Shard.is_one(row["shard"])]
    own = [row for row in rows if row["shard"] == str(shard)]
    fresh = _reached(rows, shard) or begin
    return Cursor(
        fresh=Place.end_of(fresh),
        rechecked=Place.end_of(fresh - timedelta(seconds=recheck_s) if rows else fresh),
        # One tick more: a watermark lies before the millisecond in the middle of which its batch ended.
        verify_until=max([fresh, *(row["watermark"] + TICK for row in rows), *(_done(row) + TICK for row in rows)]),
        open_starts=[OpenStart.of(row) for row in own if row["event"] == "start" and row["worker"] != worker],
    )


def resume_range(
    rows: Sequence[Mapping[str, Any]], label: str, *, worker: str, since: datetime, until: datetime
) -> Cursor:
    """Work out where a backfill goes on.

    Args:
        rows: as for `resume`.
        label: of this backfill, in the column `shard`.
        worker: this life of it; the others have ended.
        since: when its first calls were received.
        until: when its last were; whoever has a score of the live workers is found by asking.
    """
    own = [row for row in rows if row["shard"] == label]
    place = Place.end_of(max(map(_done, own), default=since - TICK))
    starts = [OpenStart.of(row) for row in own if row["event"] == "start" and row["worker"] != worker]
    return Cursor(fresh=place, rechecked=place, verify_until=until, open_starts=starts)


def _done(row: Mapping[str, Any]) -> datetime:
    """How far a life got: what it finished, or else where it began."""
    finished: datetime = row["done"]
    began: datetime = row["since"] - TICK
    return finished if finished.timestamp() > 0 else began


def _reached(rows: Sequence[Mapping[str, Any]], shard: Shard) -> datetime | None:
    """Up to when every trace of a shard was looked at, under whatever layouts; None = of some traces nobody knows.

    Layouts differ when the number of workers changes from start to start, as it does with the size of a cluster, so
    the traces are taken apart until each class lies in one shard of every layout.
    """
    done: dict[Shard, datetime] = {}
    used: dict[int, datetime] = {}
    for row in rows:
        one = Shard.parse(row["shard"])
        done[one] = max(_done(row), done.get(one, _done(row)))
        used[one.count] = max(row["time"], used.get(one.count, row["time"]))
    period, layouts = shard.count, []
    for count in sorted(used, key=lambda count: used[count], reverse=True):
        if math.lcm(period, count) <= shard.count * _MOST_CLASSES:  # else an old layout is forgotten: more is looked at
            period = math.lcm(period, count)
            layouts.append(count)
    reached = []
    for rest in range(shard.index, period, shard.count):
        known = [done[one] for count in layouts if (one := Shard(rest % count, count)) in done]
        if not known:
            return None
        reached.append(max(known))
    return min(reached)


def careful_groups(suspects: Iterable[CallId], deaths: Mapping[CallId, int]) -> tuple[list[list[CallId]], list[CallId]]:
    """Split the calls of a batch that killed its worker: what to try next, and what to give up.

    Args:
        suspects: the calls of the batch that have no result.
        deaths: how many lives ended while a call was tried again after that batch.

    Returns:
        Groups to try, the least suspicious first: first small ones, then single calls; and the calls to quarantine.
    """
    starts = {call: 1 + deaths.get(call, 0) for call in suspects}
    once = [call for call, count in starts.items() if count == 1]
    groups = [once[i : i + _CAREFUL_GROUP] for i in range(0, len(once), _CAREFUL_GROUP)]
    groups += [[call] for call, count in starts.items() if 1 < count < STARTS_UNTIL_QUARANTINE]
    return groups, [call for call, count in starts.items() if count >= STARTS_UNTIL_QUARANTINE]
