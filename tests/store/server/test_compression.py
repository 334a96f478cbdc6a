import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from watchglass_store.server.compression import CODINGS, MAX_PIECE_BYTES, Decoder, choose, encoder
from watchglass_store.server.problems import Problem

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}


def decode(coding: str, data: bytes, step: int = 1 << 16) -> bytes:
    decoder = Decoder(coding)
    pieces = [piece for start in range(0, len(data), step) for piece in decoder.feed(data[start : start + step])]
    decoder.finish()
    assert all(len(piece) <= MAX_PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


@given(st.sampled_from(CODINGS), st.lists(st.binary(max_size=2000)), st.integers(1, 500))
def test_what_is_encoded_in_pieces_is_decoded_in_pieces(coding: str, pieces: list[bytes], step: int) -> None:
    squeeze = encoder(coding)
    data = b"".join([squeeze.compress(piece) for piece in pieces]) + squeeze.flush()
    assert decode(coding, data, step) == b"".join(pieces)


@pytest.mark.parametrize("coding", CODINGS)
def test_pieces_stay_small_however_well_it_was_compressed(coding: str) -> None:
    plain = bytes(40 << 20)
    bomb = COMPRESS[coding](plain)
    assert len(bomb) < len(plain) / 200
    assert decode(coding, bomb, len(bomb)) == plain


@pytest.mark.parametrize("coding", CODINGS)
def test_damage_is_a_problem(coding: str) -> None:
    good = COMPRESS[coding](b"abc" * 1000)
    for bad in (b"not compressed at all", good[:-5], good + b"more", good[:10] + b"\xff\xff" + good[12:]):
        with pytest.raises(Problem) as caught:
            decode(coding, bad)
        assert caught.value.code == 354


def test_nothing_is_passed_through_and_the_unknown_is_named() -> None:
    assert decode("", b"abc") == decode(" Identity ", b"abc") == b"abc"
    assert encoder("").compress(b"abc") + encoder("").flush() == b"abc"
    with pytest.raises(Problem, match="is not one of lz4, zstd, gzip, deflate"):
        Decoder("br")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", ""),
        ("br", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, lz4;q=0", "gzip"),
        ("LZ4 , gzip", "lz4"),
        ("zstd; q=0.0, deflate;q=0.5", "deflate"),
    ],
)
def test_the_answers_coding_is_one_that_both_know(accepted: str, chosen: str) -> None:
    assert choose(accepted) == chosen
