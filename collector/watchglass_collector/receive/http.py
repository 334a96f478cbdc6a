"""OTLP over HTTP: POST of protobuf or JSON, plain or compressed; the answer is in the language of the request."""

import asyncio
import logging
import socket
import threading
from typing import Any, Final

import uvicorn
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from watchglass_collector.auth import Guard
from watchglass_collector.counters import Counters
from watchglass_collector.errors import Refusal, Refused, TryAgain
from watchglass_collector.intake import Intake
from watchglass_collector.limits import MemoryBudget, Share
from watchglass_collector.otlp_json import from_protobuf, memory_bytes, to_protobuf
from watchglass_collector.receive.body import BODIES
from watchglass_collector.receive.paths import signal_at, why_not
from watchglass_collector.receive.protocol import protocol
from watchglass_collector.receive.status import failure_counter, status
from watchglass_collector.signals import Signal
from watchglass_collector.tls import Tls

_log = logging.getLogger("watchglass.collector")
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_HTTP_STATUS: Final = {
    Refusal.MALFORMED: 400,
    Refusal.TOO_LARGE: 413,
    Refusal.UNSUPPORTED: 415,
    Refusal.UNAUTHENTICATED: 401,
    Refusal.FORBIDDEN: 403,
}
_MAX_CONNECTIONS: Final = 1000
"""64 KiB of each may wait in memory. More are answered 503."""
_OFF_LOOP_ABOVE_BYTES: Final = 128 * 1024
"""JSON is parsed at some 20 MB/s, so a larger text is parsed on another thread."""


class HttpDoor:
    """The ASGI application.

    Args:
        intake: takes the bodies.
        guard: says who may write.
        budget: what all bodies may take in memory.
        counters: what is counted.
        max_bytes: largest body, after decompression.
        timeout_s: how long a body may take to arrive.
    """

    def __init__(
        self,
        intake: Intake,
        guard: Guard,
        budget: MemoryBudget,
        counters: Counters,
        *,
        max_bytes: int,
        timeout_s: float,
    ) -> None:
        self._intake = intake
        self._guard = guard
        self._budget = budget
        self._counters = counters
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        signal = signal_at(path)
        if signal is None:
            self._counters.add("refused_requests")
            return _answer(404, Refused(Refusal.UNSUPPORTED, why_not(path)), _JSON, is_body_read=False)
        media_type = _media_type(request)
        answer_type = media_type if media_type in {_PROTOBUF, _JSON} else _PROTOBUF
        if request.method != "POST":
            self._counters.add("refused_requests")
            error = Refused(Refusal.UNSUPPORTED, f"{request.method} is not OTLP: POST to {path}")
            return _answer(405, error, answer_type, is_body_read=False)
        try:
            content = await self._export(request, signal, media_type)
        except (Refused, TryAgain) as error:
            self._counters.add(failure_counter(error))
            if isinstance(error, TryAgain):
                return _answer(503, error, answer_type, is_body_read=False)
            is_body_read = error.refusal is Refusal.MALFORMED
            return _answer(_HTTP_STATUS[error.refusal], error, answer_type, is_body_read=is_body_read)
        return Response(content, media_type=answer_type)

    async def _export(self, request: Request, signal: Signal, media_type: str) -> bytes:
        try:
            project = self._guard.project(request.headers)
            _require_known(request, media_type)
            with self._budget.share() as share:
                body = await self._read(request, share)
                if media_type == _JSON:
                    body = await self._converted(signal, body, share)
                response = await self._intake.take(signal, body, project)
        except (Refused, TryAgain):
            raise
        except Exception as error:
            _log.exception("unexpected, the client will try again")
            raise TryAgain("internal error") from error
        if media_type == _JSON:
            return from_protobuf(signal.shape.response.FromString(response))
        return response

    async def _read(self, request: Request, share: Share) -> bytes:
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding not in BODIES:
            known = ", ".join(name for name in BODIES if name)
            raise Refused(Refusal.UNSUPPORTED, f"content encoding {encoding} is not supported, only {known}")
        announced = int(request.headers.get("content-length", "0"))
        if announced > self._max_bytes:
            raise Refused(Refusal.TOO_LARGE, f"the request is larger than {self._max_bytes} bytes")
        share.expect(announced)
        body = BODIES[encoding](self._max_bytes, share)
        try:
            async with asyncio.timeout(self._timeout_s):
                async for chunk in request.stream():
                    body.feed(chunk)
        except TimeoutError:
            raise TryAgain(f"the body did not arrive within {self._timeout_s:g} seconds") from None
        except ClientDisconnect:
            raise TryAgain("the client went away") from None
        return body.finish()

    async def _converted(self, signal: Signal, body: bytes, share: Share) -> bytes:
        if not body:
            return body
        memory = memory_bytes(body)
        if len(body) + memory > self._budget.max_bytes:
            raise Refused(Refusal.TOO_LARGE, "the JSON has too many values for one request")
        share.grow(memory)
        if len(body) > _OFF_LOOP_ABOVE_BYTES:
            return await asyncio.to_thread(to_protobuf, body, signal.shape.full)
        return to_protobuf(body, signal.shape.full)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_known(request: Request, media_type: str) -> None:
    if media_type not in {_PROTOBUF, _JSON}:
        raise Refused(
            Refusal.UNSUPPORTED,
            f"content type {media_type or '(none)'} is not supported, only {_PROTOBUF} and {_JSON}: "
            "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        )
    _, _, charset = request.headers["content-type"].lower().partition("charset=")
    if charset.strip(' "') not in {"", "utf-8", "utf8"}:
        raise Refused(Refusal.UNSUPPORTED, "the charset must be utf-8")


def _answer(code: int, error: Refused | TryAgain, media_type: str, *, is_body_read: bool) -> Response:
    headers = {}
    if not is_body_read:
        # What is left of the body is not read, so the connection cannot be used again.
        headers["Connection"] = "close"
    if isinstance(error, TryAgain):
        headers["Retry-After"] = str(error.retry_after_s)
    if code == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="watchglass", Basic realm="watchglass"'
    if code == 405:
        headers["Allow"] = "POST"
    message: Message = status(error)
    content = from_protobuf(message) if media_type == _JSON else message.SerializeToString()
    return Response(content, code, headers=headers, media_type=media_type)


class HttpReceiver:
    """The HTTP server on a thread of its own.

    Args:
        host: address to listen on.
        port: port, 0 = any free one.
        door: the application.
        counters: what is counted.
        tls: certificate and key, None = not encrypted.
        head_timeout_s: how long a request's headers may take to arrive.
    """

    def __init__(
        self, host: str, port: int, door: HttpDoor, counters: Counters, tls: Tls | None, *, head_timeout_s: float
    ) -> None:
        self._address = (host, port)
        self._scheme = "https" if tls else "http"
        self._socket: socket.socket | None = None
        config = uvicorn.Config(
            door,
            http=protocol(lambda: counters.add("refused_requests"), head_timeout_s),
            loop="uvloop",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
            **(tls.for_uvicorn() if tls else {}),
        )
        # Its own messages are about one request each, and quote it.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
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
        return f"{self._scheme}://[{host}]:{port}" if ":" in host else f"{self._scheme}://{host}:{port}"


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
