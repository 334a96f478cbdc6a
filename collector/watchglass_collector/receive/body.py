"""Decompression that cannot be made to take more memory than it was allowed."""

import zlib
from typing import Any, Final

from backports import zstd

from watchglass_collector.errors import Refusal, Refused
from watchglass_collector.limits import Share

_STEP_BYTES: Final = 256 * 1024
"""Decompressed at once: what may be in memory before the budget knows."""
_GZIP: Final = 31
_ZLIB: Final = 15
"""zlib's window bits for one format alone."""
_ZSTD_WINDOW_LOG: Final = 23
"""8 MiB, the most that RFC 9659 allows on HTTP; a frame that declares more is refused before it is allocated."""


class BoundedBody:
    """Collects a body as it arrives, as it is.

    Args:
        max_bytes: more than this is refused as soon as it is seen.
        share: of the memory budget, grown before a piece is kept.
    """

    def __init__(self, max_bytes: int, share: Share) -> None:
        self._max_bytes = max_bytes
        self._share = share
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
        self._share.grow(len(piece))
        self._pieces.append(piece)

    def _room(self) -> int:
        """How many bytes to ask for: one more than allowed, so that too many are noticed, and never unbounded."""
        return min(_STEP_BYTES, self._max_bytes - self._size + 1)


class _ZlibBody(BoundedBody):
    name = "gzip"
    window_bits = _GZIP

    def __init__(self, max_bytes: int, share: Share) -> None:
        super().__init__(max_bytes, share)
        self._member = zlib.decompressobj(self.window_bits)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the wire."""
        while chunk:
            if self._member.eof:
                self._member = self._next_member()
            try:
                self._keep(self._member.decompress(chunk, self._room()))
            except zlib.error as error:
                raise Refused(Refusal.MALFORMED, f"not valid {self.name}: {error}") from None
            chunk = self._member.unused_data or self._member.unconsumed_tail

    def finish(self) -> bytes:
        """The whole decompressed body."""
        if not self._member.eof:
            raise Refused(Refusal.MALFORMED, f"not valid {self.name}: it ends early")
        return super().finish()

    def _next_member(self) -> Any:
        return zlib.decompressobj(self.window_bits)


class GzipBody(_ZlibBody):
    """Collects and decompresses a gzip body as it arrives, all members of it."""


class DeflateBody(_ZlibBody):
    """Collects and decompresses a `deflate` body, which on HTTP is the zlib format."""

    name = "deflate"
    window_bits = _ZLIB

    def _next_member(self) -> Any:
        raise Refused(Refusal.MALFORMED, "not valid deflate: something follows it")


class ZstdBody(BoundedBody):
    """Collects and decompresses a zstd body as it arrives, all frames of it."""

    def __init__(self, max_bytes: int, share: Share) -> None:
        super().__init__(max_bytes, share)
        self._frame = self._next_frame()

    @staticmethod
    def _next_frame() -> Any:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the wire."""
        while chunk:
            if self._frame.eof:
                self._frame = self._next_frame()
            try:
                self._keep(self._frame.decompress(chunk, self._room()))
                while not self._frame.eof and not self._frame.needs_input:
                    self._keep(self._frame.decompress(b"", self._room()))
            except zstd.ZstdError as error:
                # The binding has one exception for everything, and this one is a matter of size.
                if "too much memory" in str(error):
                    raise Refused(Refusal.TOO_LARGE, "a zstd window of more than 8 MiB") from None
                raise Refused(Refusal.MALFORMED, f"not valid zstd: {error}") from None
            chunk = self._frame.unused_data

    def finish(self) -> bytes:
        """The whole decompressed body."""
        if not self._frame.eof:
            raise Refused(Refusal.MALFORMED, "not valid zstd: it ends early")
        return super().finish()


BODIES: Final[dict[str, type[BoundedBody]]] = {
    "": BoundedBody,
    "identity": BoundedBody,
    "gzip": GzipBody,
    "deflate": DeflateBody,
    "zstd": ZstdBody,
}
"""By content encoding. Several at once are not taken: nobody sends them but to multiply."""
