import json

import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.output_schema import OutputSchema
from watchglass_evaluators.testing import assert_evaluator_contract

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.parametrize(
    "carried",
    [
        SCHEMA,
        {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}},
        {"name": "x", "schema": SCHEMA},
    ],
)
@pytest.mark.parametrize(
    ("answer", "value", "label", "explanation"),
    [
        ('{"city": "Bern"}', 1, "valid", ""),
        ('{"town": "Bern"}', 0, "other form", "the value lacks 'city'"),
        ('{"city": 3}', 0, "other form", "city is not string"),
        ("Bern", 0, "not JSON", "Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_by_hand(carried: dict, answer: str, value: float, label: str, explanation: str) -> None:
    [[score]] = OutputSchema().score([Call(response_text=answer, output_schema=json.dumps(carried))])
    assert (score.value, score.label, score.explanation) == (value, label, explanation)


def test_any_object_and_no_schema() -> None:
    schemas = ('{"type": "json_object"}', '{"type": "text"}', "json_schema", "[]")
    scores = OutputSchema().score([Call(response_text="[]", output_schema=text) for text in schemas])
    assert [(s.value, s.reason or s.explanation) for [s] in scores] == [
        (0.0, "the value is not object"),
        *[(None, "what the call carried is no JSON schema")] * 3,
    ]


def test_contract() -> None:
    assert_evaluator_contract(OutputSchema, example=Call(response_text="{}", output_schema=json.dumps(SCHEMA)))
