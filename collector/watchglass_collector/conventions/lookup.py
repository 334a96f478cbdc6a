"""Conventions as literal tables: which span is whose, and which key means what there.

Every key is a number, every meaning is a number, and one look-up per attribute turns the one into the other. ClickHouse
analyses a view's SQL again on every insert: with an expression for each key that took a third of a second, with a
literal array it does not depend on how many conventions there are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from watchglass_collector.conventions.convention import FIELDS, LISTS, OPERATIONS, SHORT, Convention
from watchglass_collector.conventions.sql import quote, strings

NOBODY = 99
"""Rank of a span that no convention recognises."""

PRIORITIES = 16
"""Meanings are spaced by this, so that a key's place among a field's keys orders it."""

LIST_SPAN = 1024
"""Meanings of the n-th list, from 1, are in [n * LIST_SPAN, (n + 1) * LIST_SPAN)."""

SHORT_END = (len(SHORT) + 1) * PRIORITIES
"""Meanings of words and numbers are below this."""

_MASK_SHIFT = 13
"""A key's entry holds its meaning below this bit, and from it on one bit for each convention it is true of."""

# What any span may carry beside its convention's own keys: our SDK copies these onto every span of a context.
COMMON: Mapping[str, tuple[str, ...]] = {
    "conversation_id": ("gen_ai.conversation.id", "session.id"),
    "user_id": ("user.id",),
    "prompt_name": ("gen_ai.prompt.name",),
    "prompt_version": ("gen_ai.prompt.version",),
    "reference_text": ("watchglass.reference.text",),
    "output_schema": (
        "watchglass.output.schema",
        "gen_ai.request.structured_output_schema",
        "llm.request.structured_output_schema",
    ),
    "error_type": ("error.type",),
}

# Two of these, and a span that nobody recognises is nevertheless about a model.
_TELLING = ("request_model", "step_input", "step_output", "usage_input_tokens", "usage_output_tokens")

# A word or number in an object, at any depth, as JSON or Python write it.
_MEMBER = r"""["'](\w+)["']: ?(?:"([^"\\]*)"|'([^'\\]*)'|(-?[0-9][0-9.eE+-]*))"""


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

    def endings(self) -> str:
        """Array(UInt16): what the ending of each key would mean in a span that nobody recognises, 0 for nothing."""
        table: dict[str, int] = {}
        for convention in self.conventions:
            for field, words in convention.endings.items():
                for priority, word in enumerate(words):
                    table.setdefault(word, meaning(field) + priority)
        ending = "lower(extract(k, '[^.:/]+$'))"
        return f"arrayMap(k -> {_look_up(ending, table)}, mapKeys(SpanAttributes))"

    def rank(self, endings: str) -> str:
        """Place of the convention that recognises the row, from 0; `NOBODY` for none.

        Args:
            endings: Array expression that `endings` gave.
        """
        marks: dict[str, int] = {}
        scopes: dict[str, int] = {}
        for place, convention in self._places():
            for key in convention.attributes:
                marks.setdefault(key, place)
            for scope in convention.scopes:
                scopes.setdefault(scope, place)
            for scope in convention.foreign_scopes:
                scopes.setdefault(scope, self._foreign())
        telling = ", ".join(str(meaning(field) // PRIORITIES) for field in _TELLING)
        found = f"arrayUniq(arrayFilter(m -> m IN ({telling}), arrayMap(m -> intDiv(m, {PRIORITIES}), {endings})))"
        others = f"[{_look_up('ScopeName', scopes, NOBODY)}, if({found} > 1, {self._foreign() + 1}, {NOBODY})]"
        by_key = f"arrayMap(k -> {_look_up('k', marks, NOBODY)}, mapKeys(SpanAttributes))"
        return f"arrayMin(arrayConcat({by_key}, {others}::Array(UInt16)))"

    def is_recognised(self, rank: str) -> str:
        """Condition: a convention reads rows of this rank."""
        return f"{rank} NOT IN ({self._foreign()}, {NOBODY})"

    def _foreign(self) -> int:
        """Rank of a span whose scope is known to be about no model: it comes before the convention that guesses."""
        return sum(not convention.endings for convention in self.conventions)

    def _places(self) -> Iterator[tuple[int, Convention]]:
        """Conventions and their ranks; the one that guesses comes last, after a rank for `_foreign`."""
        for place, convention in enumerate(self.conventions):
            yield (self._foreign() + 1 if convention.endings else place), convention

    def attributes(self) -> str:
        """Map: a span's attributes, members of its small objects, and the messages in its events."""
        objects = _among(
            "k", dict.fromkeys(quote(key) for convention in self.conventions for key in convention.objects)
        )
        found = f"extractAllGroupsVertical(v, {quote(_MEMBER)})"
        one = f"arrayMap(g -> (concat(k, '.', g[1]), concat(g[2], g[3], g[4])), {found})"
        small = f"mapFilter((k, v) -> {objects}, SpanAttributes)"
        members = f"arrayFlatten(arrayMap(s -> arrayMap((k, v) -> {one}, mapKeys(s), mapValues(s)), [{small}]))"
        events = ", ".join(
            f"`Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.content.{side}')]" for side in ("prompt", "completion")
        )
        kind = "'Map(LowCardinality(String), String)'"
        return f"mapConcat(SpanAttributes, {events}, CAST({members}, {kind}))"

    def meanings(self, keys: str, rank: str, endings: str) -> str:
        """Array(UInt16): what each of these keys means in the convention of that rank, 0 for nothing.

        Args:
            keys: Array expression: the keys of `attributes`.
            rank: Place of the convention.
            endings: Array expression that `endings` gave.
        """
        entries: dict[str, dict[int, int]] = {}
        for place, convention in self._places():
            for field, sources in convention.fields.items():
                for priority, key in enumerate(sources):
                    bits = entries.setdefault(key, {})
                    bits[meaning(field) + priority] = bits.get(meaning(field) + priority, 0) | 1 << place
            for field, common in COMMON.items():
                for priority, key in enumerate(common, PRIORITIES - len(common)):
                    if all(key not in sources for sources in convention.fields.values()):
                        bits = entries.setdefault(key, {})
                        bits[meaning(field) + priority] = bits.get(meaning(field) + priority, 0) | 1 << place
        # A key that means two things has an entry in each of two tables.
        tables: list[dict[str, int]] = []
        for key, variants in entries.items():
            for table, (number, places) in enumerate(sorted(variants.items())):
                if table == len(tables):
                    tables.append({})
                tables[table][key] = number | places << _MASK_SHIFT
        shape = "replaceRegexpAll(k, '\\\\.\\\\d+', '.#')"
        found = ", ".join(_look_up("k", table) for table in tables)
        own = f"arrayMax(arrayMap(e -> if(bitTest(e, {rank} + {_MASK_SHIFT}), e % {1 << _MASK_SHIFT}, 0), [{found}]))"
        exact = f"arrayMap(k -> {own}::UInt16, arrayMap(k -> {shape}, {keys}))"
        return f"if({rank} = {self._foreign() + 1}, arrayResize({endings}, length({keys})), {exact})"

    def is_invented(self, rank: str, entry: str) -> str:
        """Condition: what this entry says is what the client writes when the app has said nothing."""
        invented = [
            (place, meaning(field) // PRIORITIES, value)
            for place, convention in self._places()
            for field, values in convention.invented.items()
            for value in values
        ]
        said = (f"({place}, {number}, {quote(value)})" for place, number, value in invented)
        is_said = _among(f"({rank}, intDiv({entry}.1, {PRIORITIES}), {entry}.3)", said)
        # Few clients do, and comparing every text of all the others would take a quarter of reading a span.
        return f"({_among(rank, sorted({str(place) for place, _, _ in invented}))} AND {is_said})"

    def operation(self, said: str, rank: str, is_call: str) -> str:
        """The operation in our words.

        Args:
            said: String expression: the operation in theirs.
            rank: Place of the convention.
            is_call: Condition: a span that names no operation is nevertheless about a model.
        """
        words = {
            f"{place} {theirs}": ours
            for place, convention in self._places()
            for theirs, ours in convention.operations.items()
        }
        # One that we know by the same name needs no entry, and one that nobody knows is the convention's default.
        ours = ", ".join(map(quote, OPERATIONS))
        default = f"if({is_call}, {self._column('default_operation')}[{rank} + 1], 'chain')"
        known = f"transform(concat(toString({rank}), ' ', {said}), {strings(words)}, {strings(words.values())}, {said})"
        return f"arrayMap(o -> if(o IN ({ours}), o, {default}), [{known}])[1]"

    def name(self, rank: str) -> str:
        """The convention's name."""
        return f"{self._column('name')}[{rank} + 1]"

    def _column(self, attribute: str) -> str:
        """Array literal of a text of each convention, by rank."""
        texts = {place: getattr(convention, attribute) for place, convention in self._places()}
        return strings(texts.get(place, "") for place in range(max(texts) + 1))

    def is_named_by_span(self, rank: str) -> str:
        """Condition: the span's name is the name of the tool or the agent."""
        return _among(rank, (str(place) for place, c in self._places() if c.is_named_by_span))

    def first_token(self, events: str) -> str:
        """Place of the first of these span events that marks a first token, from 1; 0 for none."""
        names = dict.fromkeys(name for convention in self.conventions for name in convention.first_token_events)
        return f"arrayFirstIndex(n -> {_among('n', map(quote, names))}, {events})"


def _among(value: str, literals: Iterable[str]) -> str:
    """SQL condition; false for no literals, which `IN` does not allow."""
    listed = ", ".join(literals)
    return f"{value} IN ({listed})" if listed else "0"


def _look_up(value: str, table: Mapping[str, int], default: int = 0) -> str:
    """SQL: a number from a literal table, of a type that holds the largest."""
    kind = "UInt16" if max([*table.values(), default], default=0) < 1 << 16 else "UInt32"
    numbers = ", ".join(map(str, table.values()))
    return f"transform({value}, {strings(table)}::Array(String), [{numbers}]::Array({kind}), {default}::{kind})"
