"""What both transports do with a request body: known already, admitted, spooled. Three answers only."""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

from watchglass_collector.admission import Batch, Stage
from watchglass_collector.auth_stamp import stamped
from watchglass_collector.counters import Counters
from watchglass_collector.signals import Signal
from watchglass_collector.spool import Record, Spool
from watchglass_collector.spool.record import DIGEST_BYTES

_OFF_LOOP_ABOVE_BYTES: Final = 1024**2
"""Checking a larger body takes over a millisecond, so it is done on another thread."""


class Intake:
    """Takes decompressed request bodies from any event loop.

    Args:
        spool: where accepted requests go.
        stages: what a request goes through before it is spooled.
        counters: what is counted.
    """

    def __init__(self, spool: Spool, stages: Sequence[Stage], counters: Counters) -> None:
        self._spool = spool
        self._stages = stages
        self._counters = counters

    async def take(self, signal: Signal, body: bytes, project: str = "") -> bytes:
        """Make a request durable.

        Args:
            signal: what it is about.
            body: a serialized Export*ServiceRequest, as it came.
            project: of the caller; whatever the request itself says. '' = none is enforced.

        Returns:
            The serialized Export*ServiceResponse that acknowledges it.

        Raises:
            Refused: permanently bad.
            TryAgain: not stored, for a reason that may pass.
        """
        if len(body) > _OFF_LOOP_ABOVE_BYTES:
            digest = await asyncio.to_thread(_digest, signal, body, project)
        else:
            digest = _digest(signal, body, project)
        known = self._spool.find(digest)
        if known is not None:
            await _durable(known)
            self._counters.add("resent_requests")
            return b""
        if len(body) > _OFF_LOOP_ABOVE_BYTES:
            batch = await asyncio.to_thread(self._admit, signal, body, project)
        else:
            batch = self._admit(signal, body, project)
        is_new = True
        if batch.items:
            is_new = await _durable(self._spool.append(signal.name, Record(digest, batch.items, batch.payload)))
        if is_new:
            self._counters.add("received", batch.items + batch.rejected)
            self._counters.add("rejected", batch.rejected)
            self._counters.add(f"rejected_{signal.name}", batch.rejected)
        return _response(batch)

    def _admit(self, signal: Signal, body: bytes, project: str) -> Batch:
        batch = Batch(signal, body)
        for stage in self._stages:
            batch = stage(batch)
        return replace(batch, payload=stamped(batch.payload, signal.shape.full, project)) if project else batch


def _digest(signal: Signal, body: bytes, project: str) -> bytes:
    """Identifies a body. Where the CPU has SHA-256 built in, and most do, no strong hash is faster."""
    digest = hashlib.sha256(f"{signal.name}\0{project}\0".encode() if project else signal.name.encode())
    digest.update(body)
    return digest.digest()[:DIGEST_BYTES]


async def _durable(future: Future[bool]) -> bool:
    """Wait for a commit; shielded, since others may wait for the same one."""
    return await asyncio.shield(asyncio.wrap_future(future))


def _response(batch: Batch) -> bytes:
    if not batch.warning:
        return b""
    response: Any = batch.signal.shape.response()
    if batch.rejected:
        setattr(response.partial_success, batch.signal.shape.rejected, batch.rejected)
    response.partial_success.error_message = batch.warning
    return bytes(response.SerializeToString())
