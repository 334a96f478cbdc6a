"""Conventions as literal tables: which span is whose, and which key means what there.

Every key is a number, every meaning is a number, and one look-up per attribute turns the one into the other. ClickHouse
analyses a view's SQL again on every insert: with an expression for each key that took a third of a second, with a
literal array it does not depend on how many conventions there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchglass_collector.conventions.convention import FIELDS, LISTS, OPERATIONS, Convention
from watchglass_collector.conventions.sql import quote, strings

NOBODY = 99
"""Rank of a span that no convention recognises."""

PRIORITIES = 16
"""Meanings are spaced by this, so that a key's place among a field's keys orders it."""

LIST_SPAN = 1024
"""Meanings of the n-th list, from 1, are in [n * LIST_SPAN, (n + 1) * LIST_SPAN)."""

_KEYS = 1024

# What any span may carry beside its convention's own keys: our SDK copies these onto every span of a context.
COMMON: Mapping[str, tuple[str, ...]] = {
    "conversation_id": ("gen_ai.conversation.id", "session.id"),
    "user_id": ("user.id",),
    "prompt_name": ("gen_ai.prompt.name",),
    "prompt_version": ("gen_ai.prompt.version",),
    "reference_text": ("watchglass.reference.text",),
    "error_type": ("error.type",),
}


def meaning(field: str) -> int:
    """The number of a field, a multiple of `PRIORITIES`."""
    name, _, part = field.partition(".")
    if part:
        return (list(LISTS).index(name) + 1) * LIST_SPAN + (LISTS[name].index(part) + 1) * PRIORITIES
    return (FIELDS.index(field) + 1) * PRIORITIES


@dataclass(frozen=True, slots=True)
class Lookup:
    """SQL expressions over a row of `otel_traces` that depend on the conventions, all of them look-ups in literals."""

    conventions: Sequence[Convention]

    def rank(self) -> str:
        """Place of the convention that recognises the row, from 0; `NOBODY` for none."""
        marks: dict[str, int] = {}
        scopes: dict[str, int] = {}
        for place, convention in enumerate(self.conventions):
            for key in convention.attributes:
                marks.setdefault(key, place)
            for scope in convention.scopes:
                scopes.setdefault(scope, place)
        by_key = f"arrayMap(k -> {_look_up('k', marks, NOBODY)}, mapKeys(SpanAttributes))"
        return f"arrayMin(arrayPushBack({by_key}, {_look_up('ScopeName', scopes, NOBODY)}))"

    def meanings(self, keys: str, rank: str) -> str:
        """Array(UInt16): what each of these keys means in the convention of that rank, 0 for nothing."""
        numbers: dict[str, int] = {}
        meanings: dict[int, int] = {}
        for place, convention in enumerate(self.conventions):
            for field in (*convention.fields, *(name for name in COMMON if name not in convention.fields)):
                sources = (*convention.fields.get(field, ()), *COMMON.get(field, ()))
                for priority, key in enumerate(sources):
                    number = numbers.setdefault(key, len(numbers) + 1)
                    meanings.setdefault(place * _KEYS + number, meaning(field) + priority)
        shape = "replaceRegexpAll(k, '\\\\.\\\\d+', '.#')"
        return f"arrayMap(k -> {_look_up(f'{rank} * {_KEYS} + {_look_up(shape, numbers)}', meanings)}, {keys})"

    def operation(self, said: str, rank: str, is_call: str) -> str:
        """The operation in our words.

        Args:
            said: String expression: the operation in theirs.
            rank: Place of the convention.
            is_call: Condition: a span that names no operation is nevertheless about a model.
        """
        words = {
            f"{place} {theirs}": ours
            for place, convention in enumerate(self.conventions)
            for theirs, ours in {**{name: name for name in OPERATIONS}, **convention.operations}.items()
        }
        defaults = strings(convention.default_operation for convention in self.conventions)
        return (
            f"transform(concat(toString({rank}), ' ', {said}), {strings(words)}, {strings(words.values())}, "
            f"if({is_call}, {defaults}[{rank} + 1], 'chain'))"
        )

    def name(self, rank: str) -> str:
        """The convention's name."""
        return f"{strings(convention.name for convention in self.conventions)}[{rank} + 1]"

    def first_token(self, events: str) -> str:
        """Place of the first of these span events that marks a first token, from 1; 0 for none."""
        names = dict.fromkeys(name for convention in self.conventions for name in convention.first_token_events)
        return f"arrayFirstIndex(n -> n IN ({', '.join(map(quote, names))}), {events})"


def _look_up(value: str, table: Mapping[str, int] | Mapping[int, int], default: int = 0) -> str:
    """SQL: a UInt16 from a literal table."""
    keys = ", ".join(quote(key) if isinstance(key, str) else f"{key}" for key in table)
    cast = "" if any(isinstance(key, str) for key in table) else "::Array(UInt32)"
    source = value if not cast else f"toUInt32({value})"
    values = ", ".join(map(str, table.values()))
    return f"transform({source}, [{keys}]{cast}, [{values}]::Array(UInt16), {default}::UInt16)"
