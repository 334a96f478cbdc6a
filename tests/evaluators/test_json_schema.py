"""The part of JSON Schema that is checked, against the jsonschema package on random schemas and values."""

import random
from typing import Any

import jsonschema
import pytest

from watchglass_evaluators.json_schema import SchemaTooLarge, problem_of

TYPES = ["object", "array", "string", "boolean", "null", "number", "integer"]


def value(choice: random.Random, depth: int = 0) -> Any:
    kind = choice.randrange(8 if depth < 3 else 6)
    if kind == 6:
        return [value(choice, depth + 1) for _ in range(choice.randrange(4))]
    if kind == 7:
        return {name: value(choice, depth + 1) for name in choice.sample("abc", choice.randrange(4))}
    return choice.choice([None, True, False, 0, 1, 1.0, 2.5, -3, "", "x", "long text"])


def schema(choice: random.Random, depth: int = 0) -> Any:
    made: dict[str, Any] = {}
    inner = (lambda: schema(choice, depth + 1)) if depth < 3 else (lambda: choice.choice([True, False, {}]))
    options: dict[str, Any] = {
        "type": lambda: choice.choice([choice.choice(TYPES), choice.sample(TYPES, 2)]),
        "enum": lambda: [value(choice, 2) for _ in range(3)],
        "const": lambda: value(choice, 2),
        "required": lambda: choice.sample("abc", choice.randrange(3)),
        "properties": lambda: {name: inner() for name in choice.sample("abc", choice.randrange(1, 4))},
        "additionalProperties": inner,
        "items": inner,
        "minItems": lambda: choice.randrange(3),
        "maxItems": lambda: choice.randrange(3),
        "minLength": lambda: choice.randrange(3),
        "maxLength": lambda: choice.randrange(3),
        "minimum": lambda: choice.randrange(-3, 3),
        "exclusiveMaximum": lambda: choice.randrange(-3, 3),
        "anyOf": lambda: [inner(), inner()],
        "oneOf": lambda: [inner(), inner()],
        "allOf": lambda: [inner(), inner()],
    }
    for keyword in choice.sample(list(options), choice.randrange(1, 4)):
        made[keyword] = options[keyword]()
    return made


def test_verdicts_are_jsonschemas() -> None:
    choice = random.Random(3)
    verdicts = []
    for _ in range(2_000):
        one, wanted = value(choice), schema(choice)
        expected = jsonschema.Draft202012Validator(wanted).is_valid(one)
        assert (problem_of(one, wanted) == "") is expected, (one, wanted)
        verdicts.append(expected)
    assert 300 < sum(verdicts) < 1_700


def test_references_inside_the_schema() -> None:
    tree = {"$defs": {"a/b": {"type": "integer"}}, "properties": {"n": {"$ref": "#/$defs/a~1b"}}}
    assert problem_of({"n": 1}, tree) == ""
    assert problem_of({"n": "x"}, tree) == "n is not integer"


def test_nothing_is_fetched_and_no_expression_is_run() -> None:
    wanted = {"$ref": "http://127.0.0.1:9/x", "pattern": "(a+)+$", "patternProperties": {"(a+)+$": False}}
    assert problem_of("a" * 60 + "!", wanted) == ""


@pytest.mark.parametrize("wanted", [None, 7, "x", [], {"type": 3, "required": 1, "properties": [], "enum": {}}])
def test_a_schema_that_is_none_allows_everything(wanted: Any) -> None:
    assert problem_of({"a": 1}, wanted) == ""


def test_work_is_bounded() -> None:
    with pytest.raises(SchemaTooLarge):
        problem_of(1, {"$ref": "#"})
    with pytest.raises(SchemaTooLarge):
        problem_of([0] * 100_000, {"items": {"type": "integer"}})
