"""A bound on a whole conversation, where a socket's own timeout bounds each read only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deadline(raw: socket.socket, seconds: float) -> Iterator[None]:
    """Shut the socket when time is up, so that a server cannot trickle for ever.

    Raises:
        TimeoutError: time was up before the block ended, whatever the block made of it.
    """
    expired = threading.Event()
    handle = raw.dup()

    def expire() -> None:
        expired.set()
        try:
            handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
        if expired.is_set():
            raise TimeoutError
    except Exception as error:
        if expired.is_set():
            raise TimeoutError(f"no complete reply within {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
        handle.close()
