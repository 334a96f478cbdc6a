"""Traces that have settled are read, worked out and written: one cycle of the assembly.

The order of steps is what makes `kill -9` harmless. A batch is written down in the journal first, in one insert, under
its number; then it goes to the calls and the rollup under the same number, as often as it takes; then that is noted.
Only a batch that is in the journal is applied, and nothing is worked out while one may be applied by half.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson

from watchglass_collector.assembly.earlier import COVERED_MS, Earlier
from watchglass_collector.assembly.pricing import Price, PriceList, shipped
from watchglass_collector.assembly.tracker import Arrival, Open, Tracker
from watchglass_store import Store
from watchglass_store.queries import assembly as queries
from watchglass_store.queries import prices as price_queries

BATCH_TRACES: Final = 2000
"""Traces looked at together: a look asks the store a dozen questions and writes five parts, whatever their number."""
MAX_PIECES: Final = 200_000
"""Pieces worked on at once; a span that is a call has two. A trace with more is assembled in slices."""
_LISTED: Final = 20_000
"""Moments that one cycle asks for: more than the milliseconds that each look reads again, so that it gets on."""
_ARRIVALS, _MOMENTS = 300_000, 2000
"""Pieces whose traces one cycle takes note of, and moments, for which a request's address has room."""
_MOVES: Final = 300
_BATCH_CALLS: Final = 10_000
"""Calls in one batch of the journal: what is in memory as text at once."""
_CLOCK_SKEW_MS: Final = 15 * 60_000
"""A client's clock may be ahead of ours by so much."""
_PARENTS_WITHIN_MS: Final = 86_400_000
"""A parent that is not among the pieces since a trace began is looked for in what came so long before that."""


class LostJournal(Exception):
    """Another assembler wrote the batch of this number."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one cycle did."""

    traces: int = 0
    calls: int = 0
    """Rows written about calls."""
    unpriced: int = 0
    sliced: int = 0
    """Traces that were too large to be looked at as a whole."""
    is_behind: bool = False
    """More is waiting: the next cycle need not wait."""


class Assembler:
    """Works through what came in. One cycle after another, by one thread.

    Args:
        store: where the tables are.
        worker: name of this assembler, the same after a restart.
        settle_s: how long a trace must be quiet.
        monotonic: seconds, for `prices_every_s`.
        prices_every_s: how often the prices that people set are read.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        settle_s: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        prices_every_s: float = 60.0,
    ) -> None:
        self._store = store
        self._worker = worker
        self._settle_ms = round(settle_s * 1000)
        self._monotonic = monotonic
        self._prices_every_s = prices_every_s
        self._prices: PriceList | None = None
        self._prices_read_s = 0.0
        self._tracker: Tracker | None = None
        self._earlier = Earlier(0, partial(queries.keys_between, store))
        self._batch = 0

    def resume(self) -> None:
        """Finish what an earlier life left: call this before the first cycle, and after any failure.

        Raises:
            StoreError: the store is away, or refuses.
        """
        batch, _, is_applied = queries.last_batch(self._store)
        if not is_applied:
            rows = _lines(queries.batch_rows(self._store, batch))
            queries.apply(self._store, batch, rows)
            self._note(batch, 0, 0, 0)
        self._batch = batch
        self._tracker = Tracker(self._settle_ms, queries.watermark_ms(self._store))
        self._earlier = Earlier(self.watermark_ms, partial(queries.keys_between, self._store))

    def cycle(self) -> Report:
        """Look at what came, and assemble the traces that have settled.

        Raises:
            StoreError: the store is away, or refuses; `resume` before the next cycle.
            LostJournal: another assembler is at work; `resume` before the next cycle.
        """
        if self._tracker is None:
            raise RuntimeError("resume() comes before the first cycle")
        tracker, now_ms = self._tracker, queries.now_ms(self._store)
        from_ms = tracker.from_ms(now_ms)
        moments = queries.arrival_moments(self._store, from_ms, now_ms, limit=_LISTED)
        changed = tracker.changed(moments)
        chosen = _first(changed)
        until_ms = now_ms
        if len(chosen) < len(changed):
            until_ms = max(chosen)
        elif len(moments) == _LISTED:
            until_ms = max(moments)
        arrived: Iterable[Arrival] = ()
        if chosen:
            arrived = map(Arrival._make, queries.arrivals(self._store, list(chosen)).itertuples(index=False))
        tracker.add(arrived, chosen, from_ms, until_ms, now_ms)
        due = tracker.due(now_ms, BATCH_TRACES)
        report = self._look_at(due, now_ms) if due else Report()
        tracker.move_on()
        return Report(
            report.traces, report.calls, report.unpriced, report.sliced, until_ms < now_ms or len(due) == BATCH_TRACES
        )

    @property
    def watermark_ms(self) -> int:
        """All pieces received up to here were looked at."""
        return self._tracker.watermark_ms if self._tracker is not None else 0

    @property
    def waiting(self) -> int:
        """Traces that have not settled, or were not looked at yet."""
        return self._tracker.waiting if self._tracker is not None else 0

    def _look_at(self, due: Mapping[int, Open], now_ms: int) -> Report:
        assert self._tracker is not None
        reports, seen = [], dict[int, int]()
        for keys, from_ms in self._parts(due, now_ms):
            sizes = queries.sizes(self._store, keys, from_ms)
            groups, large = _groups(sizes)
            reports += [self._group({key: sizes[key] for key in some}, from_ms, now_ms) for some in groups]
            reports += [self._slices(key, from_ms, now_ms) for key in large]
            seen.update(sizes)
        self._tracker.looked_at(dict(due), seen, now_ms)
        self._earlier.add(list(due), now_ms)
        return Report(
            traces=sum(one.traces for one in reports),
            calls=sum(one.calls for one in reports),
            unpriced=sum(one.unpriced for one in reports),
            sliced=sum(one.sliced for one in reports),
        )

    def _parts(self, due: Mapping[int, Open], now_ms: int) -> list[tuple[list[int], int]]:
        """Traces of which earlier pieces may be there, and the others; since when pieces of each part are read."""
        since_ms = {key: trace.start_ms - _CLOCK_SKEW_MS for key, trace in due.items()}
        recent = [key for key, since in since_ms.items() if since >= now_ms - COVERED_MS]
        new = set(recent) - self._earlier.among(recent, min((since_ms[key] for key in recent), default=now_ms), now_ms)
        again = [key for key in due if key not in new]
        # All that there is of a new trace came with the pieces that no batch has looked at.
        first_ms = min((due[key].first_ms for key in new), default=now_ms) - 1
        parts = [(again, min((since_ms[key] for key in again), default=now_ms)), (list(new), first_ms)]
        return [(keys, from_ms) for keys, from_ms in parts if keys]

    def _group(self, sizes: Mapping[int, int], since_ms: int, now_ms: int) -> Report:
        keys = list(sizes)
        spans = queries.skeleton(self._store, keys, since_ms, now_ms)
        lacking = _without_parent(spans)
        if lacking:
            before_ms = since_ms - _PARENTS_WITHIN_MS
            # Most parents that are not there never come. Only what has more pieces is read again.
            known = self._earlier.among([key for key in keys if key in lacking], before_ms, now_ms)
            more = queries.sizes(self._store, list(known), before_ms) if known else {}
            wider = [key for key, size in more.items() if size > sizes[key]]
            if wider and sum(more[key] for key in wider) <= MAX_PIECES:
                import pandas as pd

                others = queries.skeleton(self._store, wider, before_ms, now_ms)
                rest = spans[~spans["trace_key"].isin(others["trace_key"])]
                spans = pd.concat([rest, others], ignore_index=True)
                spans = spans.sort_values(["trace_id", "project", "span_id"], ignore_index=True)
                since_ms = before_ms
        return self._write(spans, queries.known(self._store, keys, since_ms), now_ms)

    def _slices(self, key: int, since_ms: int, now_ms: int) -> Report:
        """Assemble a trace in parts by time of arrival, each as if it were the whole.

        A part without a call is not read: nothing would be found, and a million spans keep others waiting a minute.
        """
        report, begin_ms, count, calls = Report(1), since_ms, 0, 0
        moments = queries.moments(self._store, key, since_ms)
        for place, (moment_ms, pieces, of_calls) in enumerate(moments):
            count, calls = count + pieces, calls + of_calls
            following = moments[place + 1][1] if place + 1 < len(moments) else MAX_PIECES
            if count + following <= MAX_PIECES:
                continue
            if calls:
                spans = queries.skeleton(self._store, [key], begin_ms, moment_ms)
                known = queries.known(self._store, [key], since_ms)
                known = known[known["span_id"].isin(spans["span_id"])]
                one = self._write(spans, known, now_ms)
                report = Report(1, report.calls + one.calls, report.unpriced + one.unpriced, 1)
            begin_ms, count, calls = moment_ms, 0, 0
        return report

    def _write(self, spans: Any, known: Any, now_ms: int) -> Report:
        from watchglass_collector.assembly.findings import assembled, differences, moves

        traces = _traces(spans)
        if not spans["is_call"].any():
            return Report(traces)
        calls = assembled(spans, self._price_list())
        changed = differences(calls, known)
        if not len(changed):
            return Report(traces)
        for (from_hour, to_hour), ids in moves(calls, changed).items():
            for first in range(0, len(ids), _MOVES):
                queries.move_events(self._store, from_hour, to_hour, ids[first : first + _MOVES])
        # What is taken back of a call and what is found instead belong into one batch.
        chunk = changed.groupby(["trace_id", "span_id", "project", "hour"], sort=False).ngroup() // _BATCH_CALLS
        for _, part in changed.groupby(chunk, sort=False):
            self._commit(part, now_ms)
        return Report(traces, _fresh(changed), _unpriced(changed))

    def _commit(self, changed: Any, now_ms: int) -> None:
        batch = self._batch + 1
        rows = _lines(_rows(changed, batch=batch, worker=self._worker, now_ms=now_ms))
        queries.journal(self._store, batch, rows)
        last, writer, _ = queries.last_batch(self._store)
        if (last, writer) != (batch, self._worker):
            raise LostJournal(f"batch {last} in the journal is by {writer}")
        queries.apply(self._store, batch, rows)
        self._note(batch, _traces(changed), _fresh(changed), _unpriced(changed))
        self._batch = batch

    def _note(self, batch: int, traces: int, calls: int, unpriced: int) -> None:
        queries.note_applied(self._store, self._worker, batch, traces=traces, calls=calls, unpriced=unpriced)

    def _price_list(self) -> PriceList:
        now_s = self._monotonic()
        if self._prices is None or now_s - self._prices_read_s >= self._prices_every_s:
            own = [Price(**row) for row in price_queries.current(self._store)]
            self._prices, self._prices_read_s = PriceList(own, shipped()), now_s
        return self._prices


def _traces(rows: Any) -> int:
    """How many traces some rows are of: the same id in another project is another one."""
    return int((~rows.duplicated(["trace_id", "project"])).sum())


def _fresh(changed: Any) -> int:
    """Calls about which something was found."""
    return int((changed["sign"] == 1).sum())


def _unpriced(changed: Any) -> int:
    """Those of them whose usage counts and whose cost nobody knows."""
    return int((changed["sign"].eq(1) & changed["usage_counted"].eq(1) & changed["cost_usd"].isna()).sum())


def _first(moments: Mapping[int, int]) -> dict[int, int]:
    """The earliest moments, with as many pieces as are taken note of in one cycle; one moment at least."""
    taken: dict[int, int] = {}
    pieces = 0
    for moment, count in sorted(moments.items())[:_MOMENTS]:
        pieces += count
        if taken and pieces > _ARRIVALS:
            break
        taken[moment] = count
    return taken


def _groups(sizes: Mapping[int, int]) -> tuple[list[list[int]], list[int]]:
    """Traces that are read together, and those that are too large even alone."""
    groups: list[list[int]] = []
    count = MAX_PIECES + 1
    for key, size in sizes.items():
        if size > MAX_PIECES:
            continue
        if count + size > MAX_PIECES:
            groups.append([])
            count = 0
        groups[-1].append(key)
        count += size
    return groups, [key for key, size in sizes.items() if size > MAX_PIECES]


def _without_parent(spans: Any) -> set[int]:
    """Keys of traces with a span whose parent is not there."""
    from watchglass_collector.assembly.forest import link

    texts = [spans[name].to_numpy(object) for name in ("trace_id", "project", "span_id", "parent_span_id")]
    parent = link(spans["key"].to_numpy("int64"), spans["parent_key"].to_numpy("int64"), *texts)
    return set(spans.loc[(parent < 0) & (texts[3] != ""), "trace_key"].tolist())


def _rows(changed: Any, *, batch: int, worker: str, now_ms: int) -> Iterator[dict[str, Any]]:
    """Rows of `llm_findings`, with times as `batch_rows` gives them. One at a time: all of them are large."""
    same = {"batch": batch, "writer": worker, "written_at": f"{now_ms // 1000}.{now_ms % 1000:03d}"}
    names = [name for name in changed.columns if name != "start_ns"]
    # Column by column: `to_dict` takes three times as long.
    columns = [changed[name].tolist() for name in names]
    for start_ns, *values in zip(changed["start_ns"].tolist(), *columns, strict=True):
        start_time = f"{start_ns // 10**9}.{start_ns % 10**9:09d}"
        yield {**dict(zip(names, values, strict=True)), "start_time": start_time, **same}


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """As JSONEachRow. A number that is not known is NaN, which JSON lacks: it travels as text."""
    lines = []
    for row in rows:
        cost = row["cost_usd"]
        lines.append(orjson.dumps({**row, "cost_usd": cost if cost == cost else "nan"}))
    return b"\n".join(lines)
