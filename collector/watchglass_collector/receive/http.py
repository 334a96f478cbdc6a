"""OTLP over HTTP: POST /v1/traces and /v1/logs, application/x-protobuf, plain or gzip."""

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from watchglass_collector.errors import Refusal, Refused, TryAgain
from watchglass_collector.intake import Intake
from watchglass_collector.receive.body import BoundedBody, GzipBody
from watchglass_collector.receive.status import status
from watchglass_collector.signals import SIGNALS, Signal

_log = logging.getLogger("watchglass.collector")
_PROTOBUF: Final = "application/x-protobuf"
_BODIES: Final = {"": BoundedBody, "identity": BoundedBody, "gzip": GzipBody}
_HTTP_STATUS: Final = {Refusal.MALFORMED: 400, Refusal.TOO_LARGE: 413, Refusal.UNSUPPORTED: 415}
_BODY_TIMEOUT_S: Final = 30.0


def app(intake: Intake, *, max_bytes: int) -> Starlette:
    """The ASGI application.

    Args:
        intake: takes the bodies.
        max_bytes: largest body, after decompression.
    """
    routes = [Route(signal.http_path, _export(signal, intake, max_bytes), methods=["POST"]) for signal in SIGNALS]
    handlers = {404: _not_found, 405: _method_not_allowed}
    application = Starlette(routes=routes, exception_handlers=handlers)
    application.router.redirect_slashes = False
    return application


def _export(signal: Signal, intake: Intake, max_bytes: int) -> Callable[[Request], Awaitable[Response]]:
    async def export(request: Request) -> Response:
        try:
            body = await _read(request, max_bytes)
            return Response(await intake.take(signal, body), media_type=_PROTOBUF)
        except (Refused, TryAgain) as error:
            return _failure(error)

    return export


async def _read(request: Request, max_bytes: int) -> bytes:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != _PROTOBUF:
        raise Refused(
            Refusal.UNSUPPORTED,
            f"content type {media_type or '(none)'} is not supported, only {_PROTOBUF}: "
            "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        )
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _BODIES:
        raise Refused(Refusal.UNSUPPORTED, f"content encoding {encoding} is not supported, only gzip or none")
    body = _BODIES[encoding](max_bytes)
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body.feed(chunk)
    except TimeoutError:
        raise TryAgain(f"the body did not arrive within {_BODY_TIMEOUT_S:.0f} seconds") from None
    except ClientDisconnect:
        raise TryAgain("the client went away") from None
    return body.finish()


def _failure(error: Refused | TryAgain) -> Response:
    if isinstance(error, TryAgain):
        headers = {"Retry-After": str(error.retry_after_s)}
        return Response(status(error), status_code=503, headers=headers, media_type=_PROTOBUF)
    # What is left of the body is not read, so the connection cannot be used again.
    headers = {"Connection": "close"} if error.refusal is not Refusal.MALFORMED else {}
    return Response(status(error), _HTTP_STATUS[error.refusal], headers=headers, media_type=_PROTOBUF)


async def _not_found(request: Request, _: Exception) -> Response:
    paths = " and ".join(signal.http_path for signal in SIGNALS)
    reason = f"{request.url.path} is not here: this collector takes {paths}"
    if request.url.path == "/v1/metrics":
        reason = "metrics are not collected yet: set OTEL_METRICS_EXPORTER=none to stop sending them"
    return Response(status(Refused(Refusal.UNSUPPORTED, reason)), status_code=404, media_type=_PROTOBUF)


async def _method_not_allowed(request: Request, _: Exception) -> Response:
    error = Refused(Refusal.UNSUPPORTED, f"{request.method} is not OTLP: POST to {request.url.path}")
    return Response(status(error), status_code=405, headers={"Allow": "POST"}, media_type=_PROTOBUF)


class HttpReceiver:
    """The HTTP server on a thread of its own.

    Args:
        host: address to listen on.
        port: port, 0 = any free one.
        intake: takes the bodies.
        max_bytes: largest body, after decompression.
    """

    def __init__(self, host: str, port: int, intake: Intake, *, max_bytes: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None
        config = uvicorn.Config(
            app(intake, max_bytes=max_bytes),
            http="httptools",
            loop="uvloop",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="otlp-http", daemon=True)

    def start(self) -> None:
        """Listen. Returns once connections are taken.

        Raises:
            OSError: the address cannot be bound.
        """
        self._socket = listen(*self._address)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.005)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket] if self._socket else None)

    def stop(self) -> None:
        """Answer what is under way, then close."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        if self._socket is not None:
            self._socket.close()

    @property
    def url(self) -> str:
        """Base URL, without a signal's path."""
        if self._socket is None:
            raise RuntimeError("the receiver is not started")
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen(1024)
    except OSError as error:
        server.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port} for OTLP/HTTP: {error.strerror}") from None
    return server
