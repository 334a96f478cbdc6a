"""OTLP over gRPC: bytes in, bytes out; nothing is decoded by generated stubs."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio

from watchglass_collector.errors import Refused, TryAgain
from watchglass_collector.intake import Intake
from watchglass_collector.receive.status import grpc_code, retry_info, status
from watchglass_collector.signals import SIGNALS, Signal

_GRACE_S: Final = 2.0
_Handler = Callable[[bytes, Any], Awaitable[bytes]]


def _export(signal: Signal, intake: Intake) -> _Handler:
    async def export(body: bytes, context: Any) -> bytes:
        try:
            return await intake.take(signal, body)
        except (Refused, TryAgain) as error:
            trailers: list[tuple[str, bytes]] = [("grpc-status-details-bin", status(error))]
            if isinstance(error, TryAgain):
                # Where the Python exporters look for it.
                trailers.append(("google.rpc.retryinfo-bin", retry_info(error)))
            await context.abort(grpc_code(error), str(error), tuple(trailers))
            raise

    return export


class GrpcReceiver:
    """The gRPC server on a thread and event loop of its own.

    Args:
        host: address to listen on.
        port: port, 0 = any free one.
        intake: takes the bodies.
        max_bytes: largest message, after decompression.
    """

    def __init__(self, host: str, port: int, intake: Intake, *, max_bytes: int) -> None:
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._host = self._address.rsplit(":", 1)[0]
        self._intake = intake
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
                ("grpc.max_concurrent_streams", 256),
            )
        )
        for signal in SIGNALS:
            method = grpc.unary_unary_rpc_method_handler(_export(signal, self._intake))
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(signal.grpc_service, {"Export": method}),)
            )
        try:
            self._port = server.add_insecure_port(self._address)
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
