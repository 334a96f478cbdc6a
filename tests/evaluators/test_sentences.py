from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass_evaluators.sentences import sentences, spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "stop." Then 3.5 kg.', ['He said "stop.', "Then 3.5 kg."]),
        ("a list\n- one\n- two\n\n", ["a list", "- one", "- two"]),
        ("これは文です。次の文。", ["これは文です。", "次の文。"]),
        ("😀 !!! \n --- ", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(max_size=200))
def test_spans_are_in_order_and_apart(text: str) -> None:
    found = spans(text)
    assert all(a < b for a, b in found)
    assert all(left[1] <= right[0] for left, right in pairwise(found))
