"""Captured values are hostile: what comes out is bounded, valid JSON, whatever goes in."""

from __future__ import annotations

import dataclasses
import enum
import json
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass._internal.plain import MASK, cut, encodable, to_json, to_plain, to_text


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass(slots=True)
class Point:
    x: int
    y: int


class Order(pydantic.BaseModel):
    id: int
    tags: list[str]


class Plain:
    pass


class Bomb:
    def __repr__(self) -> NoReturn:
        raise RuntimeError("no")


class BadNumber(int):
    def __str__(self) -> NoReturn:
        raise RuntimeError("no")

    __index__ = __repr__ = __str__  # type: ignore[assignment]  # hostile on purpose


class LyingDict(dict[str, int]):
    def items(self) -> NoReturn:
        raise RuntimeError("no")

    __len__ = __iter__ = items  # type: ignore[assignment]  # hostile on purpose


class NoAttributes:
    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("text", "text"),
        ({"a": [1, (2, 3)]}, {"a": [1, [2, 3]]}),
        ({1: "a", (2, 3): "b"}, {"1": "a", "[2, 3]": "b"}),
        ({4}, [4]),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (10**100, "<int of 333 bits>"),
        (b"abc", "<bytes of 3 bytes>"),
        (Colour.RED, "red"),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Order(id=1, tags=["a"]), {"id": 1, "tags": ["a"]}),
        (np.zeros((3, 4)), "<numpy.ndarray (3, 4)>"),
        (ValueError("x"), "ValueError('x')"),
        (Path("/a"), "PosixPath('/a')"),
        (LyingDict(a=1), {"a": 1}),
        (BadNumber(3), 3),
        ({"API-Key": "k", "password": "p", "token_count": 3, "secret": None},
         {"API-Key": MASK, "password": MASK, "token_count": 3, "secret": None}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_becomes_plain_data(value: object, expected: object) -> None:
    assert json.loads(to_json(value, 1000)) == expected


def test_objects_without_a_repr_are_named_without_their_address() -> None:
    assert to_plain(Plain(), 100) == f"<{__name__}.Plain>"


def test_values_that_raise_are_described() -> None:
    for value in (Bomb(), NoAttributes(), {"a": Bomb()}, [Bomb()], {Bomb(): 1}):
        assert "<unreadable " in to_json(value, 1000)


def test_cycles_and_depth_end() -> None:
    loop: dict[str, Any] = {}
    loop["me"] = [loop]
    assert to_plain(loop, 1000) == {"me": ["<dict …>"]}
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(to_json(deep, 1000)) < 200


def test_the_same_object_twice_is_no_cycle() -> None:
    shared = [1]
    assert to_plain([shared, shared], 1000) == [[1], [1]]


def test_huge_values_are_cut_with_a_marker_and_stay_valid() -> None:
    assert to_plain("x" * 100, 40) == "x" * 32 + "…[cut 68 characters]"
    many = json.loads(to_json(list(range(1_000_000)), 1000))
    assert many[0] == 0
    assert many[-1].startswith("…[cut 9998")
    wide = json.loads(to_json({f"k{n}": "v" * 50 for n in range(1_000_000)}, 1000))
    assert wide["k0"] == "v" * 50
    assert wide["…"].startswith("[cut 9999")
    assert to_text("x" * 100, 10) == "xxxxxxxxxx…[cut 90 characters]"


def test_a_huge_value_costs_no_more_than_its_limit() -> None:
    """The work is bounded by the limit: 10,000 times the items must not take 10,000 times as long."""
    start = time.perf_counter()
    to_json([["x" * 10] * 1000] * 10_000, 10_000)
    assert time.perf_counter() - start < 1


def test_lone_surrogates_survive_as_escapes() -> None:
    assert to_json({"a": "😀\ud83d"}, 100) == '{"a":"😀\\ud83d"}'
    assert encodable("é\ud83d").encode("utf-8") == b"\xc3\xa9\\ud83d"
    assert json.loads(to_json("\x00\u202e", 100)) == "\x00\u202e"


def test_short_text_is_not_cut() -> None:
    assert cut("abc", 3) == "abc"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=50) | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(max_size=5) | st.integers(), inner) | st.sets(st.integers())
    ),
)


@given(values, st.integers(1, 2000))
def test_everything_becomes_valid_bounded_utf8_json(value: object, limit: int) -> None:
    text = to_json(value, limit)
    text.encode("utf-8")
    json.loads(text)
    assert len(text) <= 7 * limit + 300  # JSON may escape a character as six, and markers come on top
