import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.json_format import JsonFormat, is_meant_as_json
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("text", "value", "label"),
    [
        ('{"a": 1}', 1, "json"),
        ('\n [{"a": null}, "é"] \n', 1, "json"),
        ("[]", 1, "json"),
        ('```json\n{"a": 1}\n```', 0, "fenced"),
        ('{"a": 1,}', 0, "broken"),
        ('{"a": NaN}', 0, "broken"),
        ('{"a": 1} That is all.', 0, "broken"),
        ("```json\n{a: 1}\n```", 0, "broken"),
        ("[" * 100_000, 0, "broken"),
        ("{" + "9" * 5_000, 0, "broken"),
    ],
)
def test_json_or_not(text: str, value: float, label: str) -> None:
    [[score]] = JsonFormat().score([Call(response_text=text)])
    assert (score.value, score.label) == (value, label)
    assert len(score.explanation) <= 200


@pytest.mark.parametrize("text", ["Sure: {}", "[1] is a footnote?", "", "[see above]", "[link](http://x)"])
def test_other_answers_are_left_out(text: str) -> None:
    expected = text == "[1] is a footnote?"  # looks like a list of a number: it is one thing this cannot tell
    assert is_meant_as_json(text) is expected
    assert bool(JsonFormat().select([Call(response_text=text)], is_last=False)) is expected
    if not expected:
        assert JsonFormat().score([Call(response_text=text)])[0][0].reason == "the answer does not begin like JSON"


def test_contract() -> None:
    assert_evaluator_contract(JsonFormat, example=Call(response_text='{"a": 1}'))
