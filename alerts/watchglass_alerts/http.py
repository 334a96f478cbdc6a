"""One HTTP POST, made safely: pinned address, no proxy, no redirect, bounded reply, bounded time."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPConnection, IncompleteRead
from typing import NamedTuple

from watchglass_alerts.deadline import deadline
from watchglass_alerts.network import Target, resolve

DEADLINE_S = 10.0
"""For everything: connect, send and the whole reply."""
MAX_REPLY_BYTES = 65_536


class Reply(NamedTuple):
    """A complete HTTP reply."""

    status: int
    retry_after: str
    """The header, '' when absent."""
    body: bytes


class ReplyTooLargeError(OSError):
    """The reply went on after 64 KiB."""


def post(
    target: Target,
    body: bytes,
    *,
    headers: Mapping[str, str],
    allow_loopback: bool,
    tls: ssl.SSLContext,
) -> Reply:
    """POST a body and read the reply.

    The address is that of the moment: it is resolved, checked and connected to in one go.

    Raises:
        AddressRefusedError: the host leads into the private network.
        OSError: no connection, no valid certificate, no complete reply within the deadline, or too much of it.
        HTTPException: the reply is not HTTP.
    """
    address = resolve(target, allow_loopback=allow_loopback)
    began = time.monotonic()
    raw = socket.create_connection((address, target.port), timeout=DEADLINE_S)
    with deadline(raw, max(DEADLINE_S - (time.monotonic() - began), 0.0)), raw:
        if target.scheme == "https":
            with tls.wrap_socket(raw, server_hostname=target.host) as secure:
                return _exchange(target, secure, body, headers)
        return _exchange(target, raw, body, headers)


def _exchange(target: Target, stream: socket.socket, body: bytes, headers: Mapping[str, str]) -> Reply:
    connection = HTTPConnection(target.host, target.port)
    connection.sock = stream
    ours = {"User-Agent": "watchglass", "Connection": "close"}
    connection.request("POST", target.path, body=body, headers={**headers, **ours})
    response = connection.getresponse()
    with response:
        data = response.read(MAX_REPLY_BYTES + 1)
        if len(data) > MAX_REPLY_BYTES:
            raise ReplyTooLargeError(f"the reply is larger than {MAX_REPLY_BYTES:,} bytes")
        if response.length:
            raise IncompleteRead(data, response.length)
        return Reply(response.status, response.getheader("Retry-After", ""), data)
