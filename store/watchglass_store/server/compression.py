"""HTTP content codings, both ways and piece by piece: gzip, deflate, lz4 frames and zstd."""

import sys
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

import lz4.frame  # type: ignore[import-untyped]  # publishes no types

from watchglass_store.server.problems import Problem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CODINGS = ("lz4", "zstd", "gzip", "deflate")
"""In order of preference when the client takes several: cheapest processor time first."""
MAX_PIECE_BYTES = 1 << 20
_GZIP_WBITS = 31


class Encoder(Protocol):
    """Takes plain pieces, gives compressed ones."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what is ready to be sent, perhaps nothing yet."""
        ...

    def flush(self) -> bytes:
        """Return the rest and end the stream."""
        ...


class Decoder:
    """Decodes one body. A piece is never larger than 1 MiB, however well the input was compressed."""

    def __init__(self, coding: str) -> None:
        """Make a decoder for a Content-Encoding; '' and identity pass everything through.

        Raises:
            Problem: The coding is not known.
        """
        self._coding = coding.strip().lower()
        self._engine: Any = None
        match self._coding:
            case "" | "identity":
                pass
            case "gzip" | "x-gzip":
                self._engine = zlib.decompressobj(_GZIP_WBITS)
            case "deflate":
                self._engine = zlib.decompressobj()
            case "lz4":
                self._engine = lz4.frame.LZ4FrameDecompressor()
            case "zstd":
                self._engine = zstd.ZstdDecompressor()
            case _:
                known = ", ".join(CODINGS)
                raise Problem(1, "UNSUPPORTED_METHOD", f"Content-Encoding {coding[:32]!a} is not one of {known}")

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data decode to.

        Raises:
            Problem: The data are not of this coding.
        """
        if self._engine is None:
            yield data
            return
        try:
            yield from self._pieces(data)
        except (zlib.error, zstd.ZstdError, RuntimeError, EOFError):
            raise self._damaged() from None

    def finish(self) -> None:
        """Raise Problem where the body ended too early."""
        if self._engine is not None and not self._engine.eof:
            raise self._damaged()

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        if self._engine.eof and data:
            raise EOFError
        while piece := self._engine.decompress(data, MAX_PIECE_BYTES):
            yield piece
            data = getattr(self._engine, "unconsumed_tail", b"")
            if self._engine.eof or not (data or getattr(self._engine, "needs_input", True) is False):
                break
        if self._engine.eof and self._engine.unused_data:
            raise EOFError

    def _damaged(self) -> Problem:
        return Problem(354, "ZLIB_INFLATE_FAILED", f"The body is not one whole {self._coding} stream")


class _PlainEncoder:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class _Lz4Encoder:
    def __init__(self) -> None:
        self._compressor = lz4.frame.LZ4FrameCompressor()
        self._header: bytes = self._compressor.begin()

    def compress(self, data: bytes, /) -> bytes:
        header, self._header = self._header, b""
        return header + bytes(self._compressor.compress(data))

    def flush(self) -> bytes:
        header, self._header = self._header, b""
        return header + bytes(self._compressor.flush())


class _ZstdEncoder:
    def __init__(self) -> None:
        self._compressor = zstd.ZstdCompressor(level=1)

    def compress(self, data: bytes, /) -> bytes:
        return bytes(self._compressor.compress(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.flush())


def encoder(coding: str) -> Encoder:
    """Return an encoder for one of CODINGS, or for '' one that changes nothing."""
    match coding:
        case "lz4":
            return _Lz4Encoder()
        case "zstd":
            return _ZstdEncoder()
        case "gzip":
            return zlib.compressobj(1, zlib.DEFLATED, _GZIP_WBITS)
        case "deflate":
            return zlib.compressobj(1)
    return _PlainEncoder()


def choose(accepted: str) -> str:
    """Return the coding to answer in, given an Accept-Encoding header; '' when none is common to both."""
    offers = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        offers[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((coding for coding in CODINGS if offers.get(coding)), "")
