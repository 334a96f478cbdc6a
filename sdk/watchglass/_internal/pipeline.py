"""A bounded queue between the application's threads and the network.

``put`` costs about a microsecond and never waits for the network. One daemon thread per pipeline, started by the
first record, sends batches. While the collector is away records stay queued up to the bound, then new ones are
dropped and counted. A forked child starts empty: what was queued is the parent's to send.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from watchglass._internal.guard import LOGGER, report, warn_once
from watchglass._internal.sender import Verdict

MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Captured text in one request at most, so that no proxy refuses it (a bigger single record goes alone)."""
MAX_BACKOFF_S = 30.0
MAX_RETRY_AFTER_S = 60.0
CLOSING_ATTEMPTS = 2
"""Attempts per batch once the process is ending: a restarting collector gets a second chance, a dead one no third."""
CLOSING_PAUSE_S = 0.5


class Transport(Protocol):
    """Sends one encoded batch."""

    @property
    def url(self) -> str:
        """Where to, for messages."""

    def post(self, body: bytes, timeout_s: float | None = None) -> Verdict:
        """Send it; blocks for the timeout at most and never raises."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes and times of a pipeline."""

    queue_size: int
    queue_bytes: int
    batch_size: int
    interval_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records so far."""

    accepted: int
    sent: int
    dropped: int


def backoff_s(attempt: int, retry_after: float | None, jitter: float) -> float:
    """Seconds to wait after a failed attempt.

    Args:
        attempt: 1 after the first failure.
        retry_after: What the server asked for, in seconds, or None.
        jitter: A random number from 0 to 1, so that processes do not return all at once.
    """
    if retry_after is not None:
        return min(retry_after, MAX_RETRY_AFTER_S) * (1 + 0.1 * jitter)
    return min(MAX_BACKOFF_S, 0.5 * 2.0 ** min(attempt - 1, 10)) * (0.75 + 0.5 * jitter)


class BatchPipeline:
    """Queues records and sends them in batches. Safe from any thread, signal handler, finalizer and forked child."""

    def __init__(
        self,
        what: str,
        encode: Callable[[Sequence[Any]], bytes],
        rejected: Callable[[bytes], int],
        transport: Transport,
        limits: Limits,
        on_start: Callable[[], None],
    ) -> None:
        """Nothing runs until the first record.

        Args:
            what: What the records are, for messages.
            encode: Records -> body of a request.
            rejected: Body of the answer -> how many records the collector did not accept.
            transport: Where to.
            limits: Sizes and times.
            on_start: Called in each process that starts sending.
        """
        self._what = what
        self._encode = encode
        self._rejected = rejected
        self._transport = transport
        self._limits = limits
        self._on_start = on_start
        self._reset()
        weak_reset = weakref.WeakMethod(self._reset)

        def in_child() -> None:
            if reset := weak_reset():
                reset()

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=in_child)

    def _reset(self) -> None:
        # Reentrant, as a finalizer or a signal handler may end a span while its own thread is inside `put`.
        self._lock = threading.RLock()
        self._queue: deque[tuple[Any, int]] = deque()
        self._queued_bytes = 0
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put is reentrant, an Event's set is not
        self._thread: threading.Thread | None = None
        self._hurry = False
        self._closing = False
        self._deadline_s = math.inf
        self._accepted = self._sent = self._dropped = 0
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    @property
    def counts(self) -> Counts:
        """What became of the records so far."""
        with self._lock:
            return Counts(self._accepted, self._sent, self._dropped)

    def put(self, record: object, size: int) -> None:
        """Queue a record of about ``size`` bytes, or drop and count it when the queue is full or closed."""
        with self._lock:
            self._accepted += 1
            if self._closing:
                self._dropped += 1
                return
            if len(self._queue) >= self._limits.queue_size or self._queued_bytes + size > self._limits.queue_bytes:
                self._drop(1, "the queue is full")
                return
            self._queue.append((record, size))
            self._queued_bytes += size
            if len(self._queue) == self._limits.batch_size:
                self._hasten()
            elif len(self._queue) == 1:
                self._wake.put(None)
            if self._thread is None:
                self._start_thread()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put so far is sent; False when that takes longer, or when some had to be dropped."""
        done = threading.Event()
        with self._lock:
            dropped = self._dropped
            if self._sent + dropped == self._accepted:
                return True
            self._waiting.append((self._accepted, done))
            self._hasten()
        return done.wait(timeout_s) and self._dropped == dropped

    def wind_down(self, timeout_s: float) -> None:
        """Take no more records and send what is queued without patience. Returns at once."""
        with self._lock:
            if not self._closing:
                self._closing = True
                self._deadline_s = time.monotonic() + timeout_s
                self._hasten()

    def close(self, timeout_s: float) -> bool:
        """Wind down, wait for it and stop. False when records had to be dropped. Safe to call twice."""
        self.wind_down(timeout_s)
        sent = self.flush(timeout_s)
        with self._lock:
            self._give_up("the time to send them at the end was over")
            if self._dropped:
                LOGGER.info("watchglass dropped %d of %d %s", self._dropped, self._accepted, self._what)
        return sent

    def _hasten(self) -> None:
        self._hurry = True
        self._wake.put(None)

    def _drop(self, number: int, reason: str) -> None:
        if number:
            with self._lock:
                self._dropped += number
            warn_once(f"drop:{self._what}", "watchglass drops %s: %s (further drops are counted)", self._what, reason)

    def _give_up(self, reason: str) -> None:
        with self._lock:
            left = len(self._queue)
            self._queue.clear()
            self._queued_bytes = 0
            self._drop(left, reason)
            self._deadline_s = 0.0
            self._wake.put(None)

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"watchglass-{self._what}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is ending and starts no more threads
            self._closing = True
            self._give_up("the interpreter is ending")
            return
        self._on_start()

    def _run(self) -> None:
        _suppress_instrumentation()
        while not self._closing or self._queue:
            self._wake.get()
            self._doze(self._limits.interval_s)  # so that a batch can gather, unless somebody waits
            self._drain()

    def _doze(self, seconds: float) -> None:
        """Sleep; a flush, a full batch or the end cuts it short."""
        end = time.monotonic() + seconds
        while not self._hurry and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._wake.get(timeout=left)
        self._hurry = False

    def _drain(self) -> None:
        while batch := self._take():
            try:
                sent = self._deliver(batch)
            except Exception as error:
                report(f"the thread that sends {self._what}", error)
                sent = 0
                self._drop(len(batch), "of an internal error")
            with self._lock:
                self._sent += sent
                while self._waiting and self._waiting[0][0] <= self._sent + self._dropped:
                    self._waiting.popleft()[1].set()

    def _take(self) -> list[Any]:
        batch: list[Any] = []
        taken_bytes = 0
        with self._lock:
            while self._queue and len(batch) < self._limits.batch_size:
                record, size = self._queue[0]
                if batch and taken_bytes + size > MAX_BATCH_BYTES:
                    break
                self._queue.popleft()
                batch.append(record)
                taken_bytes += size
            self._queued_bytes -= taken_bytes
        return batch

    def _deliver(self, records: list[Any]) -> int:
        """Send a batch, trying until it is sent, refused or too late. Return how many records the collector took."""
        body, encoded = self._encoded(records)
        attempt = 0
        while encoded:
            verdict = self._transport.post(body, max(0.1, self._deadline_s - time.monotonic()))
            attempt += 1
            if verdict.outcome == "sent":
                return encoded - self._drop_rejected(encoded, verdict.answer)
            is_last = self._closing and (attempt >= CLOSING_ATTEMPTS or time.monotonic() >= self._deadline_s)
            if verdict.outcome == "refused" or is_last:
                reason = f"{self._transport.url} answers {verdict.reason}"
                self._drop(encoded, reason)
                if is_last:
                    self._give_up(reason)
                return 0
            warn_once(
                f"away:{self._what}",
                "watchglass cannot reach %s (%s); it keeps up to %d %s and tries again",
                *(self._transport.url, verdict.reason, self._limits.queue_size, self._what),
            )
            wait_s = backoff_s(attempt, verdict.retry_after_s, random.random())
            self._doze(min(wait_s, CLOSING_PAUSE_S) if self._closing else wait_s)
        return 0

    def _drop_rejected(self, encoded: int, answer: bytes) -> int:
        try:
            rejected = min(encoded, self._rejected(answer))
        except Exception:  # an answer that is no OTLP says nothing about single records
            return 0
        self._drop(rejected, "the collector rejected them")
        return rejected

    def _encoded(self, records: list[Any]) -> tuple[bytes, int]:
        """Encode a batch, leaving out the records that cannot be encoded."""
        try:
            return self._encode(records), len(records)
        except Exception:
            good = [record for record in records if self._can_encode(record)]
            self._drop(len(records) - len(good), "they cannot be encoded")
            return (self._encode(good), len(good)) if good else (b"", 0)

    def _can_encode(self, record: object) -> bool:
        try:
            self._encode([record])
        except Exception:
            return False
        return True


def _suppress_instrumentation() -> None:
    """Keep the host's HTTP instrumentation from tracing our own requests, in this thread and for good."""
    from opentelemetry import context

    key = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    context.attach(context.set_value(key, True))
