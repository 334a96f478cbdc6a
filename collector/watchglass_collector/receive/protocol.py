"""HTTP/1.1 with limits before there is a request: how long a head may be, and how long it may take.

uvicorn's parser refuses malformed requests, Content-Length beside Transfer-Encoding among them, but keeps any number of
header bytes and waits for them as long as the client likes.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_URL_BYTES: Final = 8 * 1024
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 100


class _HeadTooLarge(Exception):
    pass


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    on_refused: Callable[[], None]
    """Called for each request that is refused here, so never seen by the application."""
    head_timeout_s: float
    """From the first byte of a request, or from the connection, to the end of its headers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._refusal = HTTPStatus.BAD_REQUEST
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # What the parser holds back of an unfinished line.
            self._head_bytes += len(data)
            if self._head_bytes > 2 * MAX_HEAD_BYTES:
                self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._head_timer is None:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refusal = HTTPStatus.REQUEST_URI_TOO_LONG
            raise _HeadTooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _HeadTooLarge

    def on_headers_complete(self) -> None:
        self._forget_timer()
        self._in_head = False
        self._head_bytes = 0
        try:
            super().on_headers_complete()
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
            self._refusal = HTTPStatus.BAD_REQUEST
            raise

    def send_400_response(self, msg: str) -> None:
        self._forget_timer()
        self.on_refused()
        head = (
            f"HTTP/1.1 {self._refusal.value} {self._refusal.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode())
        self.transport.close()

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_is_late)

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._refusal = HTTPStatus.REQUEST_TIMEOUT
        self.send_400_response("")


def protocol(on_refused: Callable[[], None], head_timeout_s: float) -> type[BoundedHttp]:
    """The class that uvicorn shall use, which it makes by itself."""
    more = {"on_refused": staticmethod(on_refused), "head_timeout_s": head_timeout_s}
    return type("BoundedHttp", (BoundedHttp,), more)
