"""OTLP over gRPC: bytes in, bytes out; nothing is decoded by generated stubs."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio

from watchglass_collector.auth import Guard
from watchglass_collector.counters import Counters
from watchglass_collector.errors import Refused, TryAgain
from watchglass_collector.intake import Intake
from watchglass_collector.limits import MemoryBudget
from watchglass_collector.receive.status import failure_counter, grpc_code, retry_info, status
from watchglass_collector.signals import SIGNALS, Signal
from watchglass_collector.tls import Tls

_log = logging.getLogger("watchglass.collector")
_GRACE_S: Final = 2.0
_READ_TURN_TIMEOUT_S: Final = 5.0
_READS_AT_ONCE: Final = 8
"""A message is decompressed before its size can be known here, so no more than these are read at once."""
_Handler = Callable[[AsyncIterator[bytes], Any], Awaitable[bytes]]


class GrpcDoor:
    """Reads and answers requests.

    Methods are served as if a stream of messages came in. On the wire that is the same for a client that sends one,
    and here it means that a message is read when it is asked for: after the key was checked, and in turn.

    Args:
        intake: takes the bodies.
        guard: says who may write.
        budget: what all bodies may take in memory.
        counters: what is counted.
        timeout_s: how long a message may take to arrive.
    """

    def __init__(
        self, intake: Intake, guard: Guard, budget: MemoryBudget, counters: Counters, *, timeout_s: float
    ) -> None:
        self._intake = intake
        self._guard = guard
        self._budget = budget
        self._counters = counters
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(_READS_AT_ONCE)

    def export(self, signal: Signal) -> _Handler:
        """The method that takes one kind of telemetry."""

        async def export(requests: AsyncIterator[bytes], context: Any) -> bytes:
            try:
                return await self._take(signal, requests, context)
            except (Refused, TryAgain) as error:
                self._counters.add(failure_counter(error))
                details = status(error).SerializeToString()
                trailers: list[tuple[str, bytes]] = [("grpc-status-details-bin", details)]
                if isinstance(error, TryAgain):
                    # Where the Python exporters look for it.
                    trailers.append(("google.rpc.retryinfo-bin", retry_info(error)))
                await context.abort(grpc_code(error), str(error), tuple(trailers))
                raise

        return export

    async def _take(self, signal: Signal, requests: AsyncIterator[bytes], context: Any) -> bytes:
        try:
            headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            project = self._guard.project(headers)
            body = await self._read(requests)
            with self._budget.share() as share:
                share.grow(len(body))
                return await self._intake.take(signal, body, project)
        except (Refused, TryAgain):
            raise
        except TimeoutError:
            raise TryAgain("the message did not arrive in time") from None
        except Exception as error:
            _log.exception("unexpected, the client will try again")
            raise TryAgain("internal error") from error

    async def _read(self, requests: AsyncIterator[bytes]) -> bytes:
        try:
            await asyncio.wait_for(self._turns.acquire(), _READ_TURN_TIMEOUT_S)
        except TimeoutError:
            raise TryAgain("too many requests at once", retry_after_s=2) from None
        try:
            async with asyncio.timeout(self._timeout_s):
                return await anext(requests, b"")
        finally:
            self._turns.release()


class GrpcReceiver:
    """The gRPC server on a thread and event loop of its own.

    Args:
        host: address to listen on.
        port: port, 0 = any free one.
        door: answers the requests.
        tls: certificate and key, None = not encrypted.
        max_bytes: largest message, after decompression.
    """

    def __init__(self, host: str, port: int, door: GrpcDoor, tls: Tls | None, *, max_bytes: int) -> None:
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._host = self._address.rsplit(":", 1)[0]
        self._door = door
        self._tls = tls
        self._max_bytes = max_bytes
        self._port = 0
        self._failure: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-grpc", daemon=True)

    def start(self) -> None:
        """Listen. Returns once connections are taken.

        Raises:
            OSError: the address cannot be bound.
        """
        self._thread.start()
        self._is_ready.wait()
        if self._failure is not None:
            raise OSError(f"cannot listen on {self._address} for OTLP/gRPC: {self._failure}")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._is_ready.set()

    async def _serve(self) -> None:
        server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", self._max_bytes),
                ("grpc.so_reuseport", 0),
                ("grpc.max_concurrent_streams", 100),
                ("grpc.max_metadata_size", 8 * 1024),
                ("grpc.absolute_max_metadata_size", 16 * 1024),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.http2.max_ping_strikes", 5),
            )
        )
        for signal in SIGNALS:
            method = grpc.stream_unary_rpc_method_handler(self._door.export(signal))
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(signal.grpc_service, {"Export": method}),)
            )
        try:
            if self._tls is None:
                self._port = server.add_insecure_port(self._address)
            else:
                self._port = server.add_secure_port(self._address, self._tls.for_grpc())
        except RuntimeError as error:
            self._failure = error
            return
        await server.start()
        self._is_ready.set()
        await self._stopping.wait()
        await server.stop(_GRACE_S)

    def stop(self) -> None:
        """Answer what is under way, then close."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._loop.close()

    @property
    def target(self) -> str:
        """What a gRPC client connects to."""
        return f"{self._host}:{self._port}"
