"""Decompression that cannot be made to take more memory than it was allowed."""

import zlib
from typing import Final

from watchglass_collector.errors import Refusal, Refused

_GZIP: Final = 31
"""zlib's window bits for the gzip format alone."""


class BoundedBody:
    """Collects a body as it arrives, as it is.

    Args:
        max_bytes: more than this is refused as soon as it is seen.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the wire."""
        self._keep(chunk)

    def finish(self) -> bytes:
        """The whole body."""
        return b"".join(self._pieces)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_bytes:
            raise Refused(Refusal.TOO_LARGE, f"the request is larger than {self._max_bytes} bytes, decompressed")
        self._pieces.append(piece)

    def _room(self) -> int:
        """How many bytes to ask for: one more than allowed, so that too many are noticed and never unbounded."""
        return self._max_bytes - self._size + 1


class GzipBody(BoundedBody):
    """Collects and decompresses a gzip body as it arrives, all members of it."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._member = zlib.decompressobj(_GZIP)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the wire."""
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            try:
                self._keep(self._member.decompress(chunk, self._room()))
            except zlib.error as error:
                raise Refused(Refusal.MALFORMED, f"not valid gzip: {error}") from None
            chunk = self._member.unused_data or self._member.unconsumed_tail

    def finish(self) -> bytes:
        """The whole decompressed body."""
        if not self._member.eof:
            raise Refused(Refusal.MALFORMED, "not valid gzip: it ends early")
        return super().finish()
