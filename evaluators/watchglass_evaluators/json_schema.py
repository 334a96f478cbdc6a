"""Checks a value against a JSON schema that was captured with a call, and so may be anything.

A part of JSON Schema draft 2020-12: type, enum, const, required, properties, additionalProperties, items, minItems,
maxItems, minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf, allOf, and $ref
within the schema. Other keywords are passed over. Among them `pattern`: a stranger's regular expression may run for
ever. Nothing is fetched; work is bounded by a number of steps.

Source: A. Wright et al., "JSON Schema: A Media Type for Describing JSON Documents", draft 2020-12.
"""

from collections.abc import Callable, Iterator
from typing import Any

_MOST_STEPS = 20_000
_DEEPEST = 40

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and float(v).is_integer(),
}

_LIMITS: tuple[tuple[str, type | tuple[type, ...], Callable[[Any, Any], bool]], ...] = (
    ("minimum", (int, float), lambda v, limit: v >= limit),
    ("maximum", (int, float), lambda v, limit: v <= limit),
    ("exclusiveMinimum", (int, float), lambda v, limit: v > limit),
    ("exclusiveMaximum", (int, float), lambda v, limit: v < limit),
    ("minLength", str, lambda v, limit: len(v) >= limit),
    ("maxLength", str, lambda v, limit: len(v) <= limit),
    ("minItems", list, lambda v, limit: len(v) >= limit),
    ("maxItems", list, lambda v, limit: len(v) <= limit),
)


class SchemaTooLarge(Exception):
    """Schema or value take too many steps to compare: nothing is known about them."""


def problem_of(value: Any, schema: Any) -> str:
    """Return the first thing in which a value differs from a schema, '' if it fits.

    Raises:
        SchemaTooLarge: undecided.
    """
    return next(_Check(schema).problems(value, schema, "", 0), "")


class _Check:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def problems(self, value: Any, schema: Any, path: str, depth: int) -> Iterator[str]:
        self._steps += 1
        if self._steps > _MOST_STEPS or depth > _DEEPEST:
            raise SchemaTooLarge
        where = path or "the value"
        if schema is False:
            yield f"{where} is not allowed"
        if not isinstance(schema, dict):
            return
        if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
            yield from self.problems(value, self._resolved(reference), path, depth + 1)
        wanted = schema.get("type")
        names = [name for name in (wanted if isinstance(wanted, list) else [wanted]) if name in _TYPES]
        if names and not any(_TYPES[name](value) for name in names):
            yield f"{where} is not {' or '.join(names)}"
            return
        if isinstance(schema.get("enum"), list) and not any(_equal(value, one) for one in schema["enum"]):
            yield f"{where} is none of the allowed values"
        if "const" in schema and not _equal(value, schema["const"]):
            yield f"{where} is not the one allowed value"
        for keyword, kind, holds in _LIMITS:
            limit = schema.get(keyword)
            is_limited = _TYPES["number"](limit) and isinstance(value, kind) and not isinstance(value, bool)
            if is_limited and not holds(value, limit):
                yield f"{where}: {keyword} is {limit}"
        if isinstance(value, dict):
            yield from self._object(value, schema, path, depth)
        if isinstance(value, list) and "items" in schema:
            for i, item in enumerate(value):
                yield from self.problems(item, schema["items"], f"{path}[{i}]", depth + 1)
        yield from self._combined(value, schema, path, depth)

    def _object(self, value: dict[str, Any], schema: dict[str, Any], path: str, depth: int) -> Iterator[str]:
        required = schema.get("required")
        for name in required if isinstance(required, list) else []:
            if isinstance(name, str) and name not in value:
                yield f"{path or 'the value'} lacks {name[:50]!r}"
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        # patternProperties are not looked at, so what they might allow is not refused.
        rest = True if "patternProperties" in schema else schema.get("additionalProperties", True)
        for name, item in value.items():
            inside = f"{path}.{name[:50]}" if path else name[:50]
            yield from self.problems(item, properties.get(name, rest), inside, depth + 1)

    def _combined(self, value: Any, schema: dict[str, Any], path: str, depth: int) -> Iterator[str]:
        for keyword in ("allOf", "anyOf", "oneOf"):
            options = schema.get(keyword)
            if not isinstance(options, list) or not options:
                continue
            found = [next(self.problems(value, option, path, depth + 1), "") for option in options]
            fitting = found.count("")
            if keyword == "allOf" and fitting < len(found):
                yield next(filter(None, found))
            elif keyword == "anyOf" and not fitting:
                yield f"{path or 'the value'} fits none of the alternatives"
            elif keyword == "oneOf" and fitting != 1:
                yield f"{path or 'the value'} fits {fitting} of the alternatives, not one"

    def _resolved(self, reference: str) -> Any:
        found = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if key:
                found = found.get(key) if isinstance(found, dict) else None
        return found


def _equal(left: Any, right: Any) -> bool:
    # In JSON 1 equals 1.0 but not true.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
