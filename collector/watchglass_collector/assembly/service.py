"""The thread that assembles traces beside the drains."""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from watchglass_collector.assembly.assembler import Assembler, LostJournal
from watchglass_collector.assembly.lease import BEAT_S, Role, role
from watchglass_collector.counters import Counters
from watchglass_store import Store, StoreError
from watchglass_store.queries import assembly as queries

_log = logging.getLogger("watchglass.collector.assembly")
_LONGEST_BACKOFF_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 2.5
"""A cycle asks the store a dozen questions, however little came."""


class AssemblyService:
    """Assembles traces for as long as nobody else does; stands by while somebody does, and says so.

    Args:
        store: need not be there yet, nor its tables.
        directory: of this collector; holds the assembler's name, so that it is the same one after a restart.
        settle_s: how long a trace must be quiet.
        counters: `assembled_traces`, `assembled_calls`, `unpriced_calls`, `sliced_traces`.
        monotonic: seconds.
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        settle_s: float,
        counters: Counters,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._worker = _name(directory)
        self._settle_s = settle_s
        self._counters = counters
        self._monotonic = monotonic
        self._assembler = Assembler(store, self._worker, settle_s, monotonic=monotonic)
        self._role = Role(False, "")
        self._beat_at_s = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assembly", daemon=True)

    def start(self) -> None:
        """Start working, or standing by."""
        self._thread.start()

    def finish_soon(self) -> None:
        """Stop after the batch at hand. What is not assembled by then is after the next start."""
        self._stop.set()

    def stop(self, timeout_s: float) -> None:
        """Stop, and wait for it. A store that hangs is not waited for longer: every step may be cut off."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def is_working(self) -> bool:
        """False while another assembler is alive, or the store is away."""
        return self._role.is_working

    def _run(self) -> None:
        backoff_s, complaint = 1.0, ""
        pause_s = min(_LONGEST_PAUSE_S, self._settle_s / 2)
        while not self._stop.is_set():
            try:
                is_behind = self._step()
            except Exception as error:
                if str(error) != complaint:
                    _log.warning("cannot assemble traces, will go on trying: %s", error)
                complaint = str(error)
                self._role = Role(False, "failed")
                self._stop.wait(backoff_s)
                backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)
                continue
            backoff_s, complaint = 1.0, ""
            if not is_behind:
                self._stop.wait(pause_s)
        with contextlib.suppress(StoreError):
            queries.note_gone(self._store, self._worker)

    def _step(self) -> bool:
        """Beat, then do one cycle where it is this one's turn. Returns whether more is waiting."""
        if self._monotonic() - self._beat_at_s >= BEAT_S or not self._role.is_working:
            self._beat()
        if not self._role.is_working:
            return False
        try:
            report = self._assembler.cycle()
        except LostJournal as error:
            _log.warning("another assembler is at work: %s", error)
            self._role = Role(False, str(error))
            return False
        self._counters.add("assembled_traces", report.traces)
        self._counters.add("assembled_calls", report.calls)
        self._counters.add("unpriced_calls", report.unpriced)
        self._counters.add("sliced_traces", report.sliced)
        if report.sliced:
            _log.warning("%d traces are too large to be looked at as a whole: usage may count twice", report.sliced)
        return report.is_behind

    def _beat(self) -> None:
        before = self._role
        queries.note_alive(
            self._store,
            self._worker,
            is_standing_by=not before.is_working,
            watermark_ms=self._assembler.watermark_ms if before.is_working else 0,
        )
        self._role = role(queries.alive(self._store), self._worker)
        self._beat_at_s = self._monotonic()
        if self._role.is_working and not before.is_working:
            self._assembler.resume()
        elif not self._role.is_working and self._role != before:
            _log.warning("traces are not assembled here: %s", self._role.reason)


def _name(directory: Path) -> str:
    """This assembler's name, made at its first start."""
    path = directory / "assembler"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    directory.mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(8)
    path.write_text(name, encoding="ascii")
    return name
