import random

from hypothesis import given
from hypothesis import strategies as st

from watchglass_collector.spool.record import SEGMENT_MAGIC, Damage, Record, header, scan

records = st.lists(
    st.builds(Record, st.binary(min_size=16, max_size=16), st.integers(0, 2**32 - 1), st.binary(max_size=200)),
    max_size=6,
)


def encode(written: list[Record]) -> bytes:
    return SEGMENT_MAGIC + b"".join(header(record) + bytes(record.payload) for record in written)


def plain(found: list[Record | Damage]) -> list[Record]:
    return [Record(r.digest, r.items, bytes(r.payload)) for r in found if isinstance(r, Record)]


@given(records)
def test_what_is_written_is_read(written: list[Record]) -> None:
    assert plain(list(scan(encode(written)))) == written


@given(records, st.data())
def test_a_torn_tail_costs_the_last_record_only(written: list[Record], data: st.DataObject) -> None:
    whole = encode(written)
    kept = data.draw(st.integers(0, len(whole)))
    found = list(scan(whole[:kept]))
    expected, size = [], len(SEGMENT_MAGIC)
    for record in written:
        size += record.size
        if size <= kept:
            expected.append(record)
    assert plain(found) == expected
    assert sum(isinstance(piece, Damage) for piece in found) <= 1


@given(records.filter(bool), st.data())
def test_a_flipped_bit_costs_one_record_and_is_reported(written: list[Record], data: st.DataObject) -> None:
    damaged = bytearray(encode(written))
    position = data.draw(st.integers(len(SEGMENT_MAGIC), len(damaged) - 1))
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    found = list(scan(bytes(damaged)))
    assert any(isinstance(piece, Damage) for piece in found)
    survivors = plain(found)
    assert len(survivors) == len(written) - 1
    assert all(survivor in written for survivor in survivors)


def test_garbage_between_records_is_one_region_with_its_bytes() -> None:
    first, second = Record(b"a" * 16, 1, b"one"), Record(b"b" * 16, 2, b"two")
    garbage = random.Random(7).randbytes(500)
    data = encode([first]) + garbage + header(second) + b"two"
    found = list(scan(data))
    assert plain(found) == [first, second]
    assert [piece.data for piece in found if isinstance(piece, Damage)] == [garbage]


def test_a_payload_that_looks_like_a_record_is_not_one() -> None:
    inner = Record(b"i" * 16, 1, b"inner")
    outer = Record(b"o" * 16, 1, header(inner) + b"inner")
    assert plain(list(scan(encode([outer])))) == [outer]
