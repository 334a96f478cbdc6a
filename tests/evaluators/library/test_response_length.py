import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.response_length import ResponseLength
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("text", "characters", "words"),
    [("Hello, world", 12, 2), (" \n", 2, 0), ("日本語", 3, 1), ("a\u00a0b\nc", 5, 3), ("👍", 1, 1)],
)
def test_characters_and_words(text: str, characters: int, words: int) -> None:
    [scores] = ResponseLength().score([Call(response_text=text)])
    assert [(s.name, s.value) for s in scores] == [("response_length", characters), ("response_words", words)]


def test_contract() -> None:
    assert_evaluator_contract(ResponseLength)
