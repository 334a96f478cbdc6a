"""Spool to store: one segment, one insert, oldest first, for as long as it takes."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from watchglass_collector.counters import Counters
from watchglass_collector.signals import Signal
from watchglass_collector.spool import Record, Segment, Spool, token
from watchglass_collector.trial import Trial
from watchglass_store import Store, StoreRejected, StoreUnavailable
from watchglass_store.queries import verify as books

_log = logging.getLogger("watchglass.collector")
_POLL_S: Final = 0.05
_FIRST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0
_LEAVE_S: Final = 0.5
"""How long an insert that is under way is waited for when time is up."""


class Drain:
    """A thread that empties one signal's spool into its inbox.

    A store that is away is waited for. Where the store refuses a segment, the requests in it that cannot be decoded go
    to quarantine; but a store that refuses even an empty request is broken, and is waited for too.
    """

    def __init__(self, signal: Signal, spool: Spool, store: Store, counters: Counters) -> None:
        self._signal = signal
        self._spool = spool
        self._store = store
        self._counters = counters
        self._took_s = 0.0
        self._entered_rejected = 0
        self._stop = threading.Event()
        self._stop_after_last = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"drain-{signal.name}", daemon=True)

    def start(self) -> None:
        """Start emptying."""
        self._thread.start()

    def finish_soon(self) -> None:
        """Seal and insert what there is, then stop; does not wait."""
        self._stop_after_last.set()

    def finish(self, timeout_s: float) -> None:
        """Seal and insert what there is, for at most so long; then stop.

        An insert that the store does not answer is left alone: its segment stays, and the next start repeats it.
        """
        self.finish_soon()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
            self._stop.set()
            self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        complaint = ""
        while not self._stop.is_set():
            is_last = self._stop_after_last.is_set()
            try:
                segment = self._spool.next_segment(self._signal.name, now=is_last, took_s=self._took_s)
                if segment is None:
                    if is_last:
                        return
                    self._stop.wait(_POLL_S)
                    continue
                began_s = time.monotonic()
                self._store_segment(segment)
                self._took_s = time.monotonic() - began_s
            except Exception as error:
                if str(error) != complaint:
                    _log.warning("cannot store %s, will go on trying: %s", self._signal.name, error)
                complaint = str(error)
                self._counters.add("store_retries")
                self._stop.wait(backoff_s)
                backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)
                continue
            if complaint:
                _log.info("%s are stored again", self._signal.name)
            backoff_s, complaint = _FIRST_BACKOFF_S, ""

    def _store_segment(self, segment: Segment) -> None:
        records, damage = segment.load()
        kept = _Kept()
        for region in damage:
            _log.error("segment %s is damaged at byte %d", segment.name, region.offset)
            kept.size += self._spool.quarantine.keep_damage(self._signal.name, segment.name, region)
        if records:
            self._insert(segment.name, records, kept)
        self._enter(segment, _items(records), kept.items, len(damage))
        self._spool.remove(segment, quarantined_bytes=kept.size)
        self._counters.add("stored", _items(records) - kept.items)
        self._counters.add("stored_without_views", kept.items_without_views)
        self._counters.add("quarantined", kept.items)
        self._counters.add("damaged_regions", len(damage))

    def _enter(self, segment: Segment, items: int, quarantined: int, damaged_regions: int) -> None:
        """Write the books, before the segment is deleted: a crash in between writes the same line again."""
        rejected = self._counters.get().get(f"rejected_{self._signal.name}", 0)
        new = rejected - self._entered_rejected
        books.enter(
            self._store,
            hour=segment.hour,
            signal=self._signal.name,
            segment=segment.name,
            received=items + new,
            stored=items - quarantined,
            quarantined=quarantined,
            rejected=new,
            damaged_regions=damaged_regions,
        )
        self._entered_rejected = rejected

    def _insert(self, name: str, records: Sequence[Record], kept: "_Kept") -> None:
        """Insert records as one block, and set aside what cannot be."""
        try:
            self._insert_block(name, records)
        except StoreRejected as error:
            self._insert_what_can_be(name, records, error, kept)

    def _insert_block(self, name: str, records: Sequence[Record], **settings: str) -> None:
        inbox = self._signal.inbox
        self._store.raw_insert(
            inbox.table,
            [record.payload for record in records],
            fmt="ProtobufSingle",
            settings={**inbox.settings(), "insert_deduplication_token": token(name, records), **settings},
        )

    def _insert_what_can_be(self, name: str, records: Sequence[Record], error: StoreRejected, kept: "_Kept") -> None:
        """Insert all but the requests that cannot be decoded."""
        self._check_store_takes_anything(error)
        with Trial(self._store, self._signal.inbox) as trial:
            refused = trial.refused(records)
        for record in refused:
            _log.error("the store cannot decode a request, it is in quarantine: %s", error)
            kept.items += record.items
            kept.size += self._spool.quarantine.keep_records(self._signal.name, name, [record], str(error))
        good = [record for record in records if record not in refused]
        if not refused:
            self._insert_without_views(name, good, error, kept)
        elif good:
            self._insert(name, good, kept)

    def _check_store_takes_anything(self, error: StoreRejected) -> None:
        """Tell a bad request from a store that refuses whatever comes: no quarantine for the latter.

        Raises:
            StoreUnavailable: an empty request is refused as well.
        """
        inbox = self._signal.inbox
        try:
            self._store.raw_insert(inbox.table, b"", fmt="ProtobufSingle", settings=inbox.settings())
        except StoreRejected:
            raise StoreUnavailable(f"the store refuses every insert: {error}") from error

    def _insert_without_views(self, name: str, records: Sequence[Record], error: StoreRejected, kept: "_Kept") -> None:
        """Store the raw rows although a view behind them fails; a copy of the requests goes to quarantine.

        Raw rows are written before the views behind them run, so halves under other tokens would be duplicates. The
        same token is sent again, and the failing view's rows are given up.
        """
        _log.error("a view fails on segment %s, a copy of it is in quarantine: %s", name, error)
        self._insert_block(name, records, materialized_views_ignore_errors="1")
        kept.items_without_views += _items(records)
        kept.size += self._spool.quarantine.keep_copy(self._signal.name, name, records, str(error))


@dataclass(slots=True)
class _Kept:
    """What of a segment went to quarantine."""

    items: int = 0
    items_without_views: int = 0
    """Stored, and a copy kept."""
    size: int = 0
    """Bytes."""


def _items(records: Sequence[Record]) -> int:
    return sum(record.items for record in records)
