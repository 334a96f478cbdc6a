"""Spans in the order a reader expects: parents before children, siblings by start, whatever was received."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple


# Tuples: a trace may have tens of thousands of spans, and a frozen dataclass takes four times as long to make.
class Span(NamedTuple):
    """One span as the tree needs it."""

    id: str
    parent_id: str  # '' = no parent
    name: str
    kind: str  # 'llm', 'agent', 'tool', 'retrieval', 'embeddings', 'chain' or 'span'
    start_ns: int  # Unix
    duration_s: float
    time_to_first_token_s: float | None
    is_error: bool


class Row(NamedTuple):
    """A span at its place in the tree."""

    span: Span
    depth: int
    children: int  # direct ones
    note: str  # why it stands at the top although it names a parent; '' = it does not


def flatten(spans: Iterable[Span]) -> list[Row]:
    """All spans in depth-first order, each exactly once.

    Nothing is dropped: a span whose parent was not received stands at the top with a note, and of a ring of spans
    that name each other as parents the earliest does. A span received twice is shown once. Iterative, so depth is
    not limited by the interpreter's stack.
    """
    by_id: dict[str, Span] = {}
    for span in sorted(spans, key=attrgetter("start_ns", "id")):
        by_id.setdefault(span.id, span)
    children: defaultdict[str, list[Span]] = defaultdict(list)
    roots: list[tuple[Span, str]] = []
    for span in by_id.values():
        if span.parent_id in by_id and span.parent_id != span.id:
            children[span.parent_id].append(span)
        else:
            missing = span.parent_id and span.parent_id != span.id
            roots.append((span, "parent not received" if missing else ""))
    rows: list[Row] = []
    placed: set[str] = set()
    for root, note in roots:
        _walk(root, note, children, placed, rows)
    for span in by_id.values():
        if span.id not in placed:
            _walk(span, "circular parents", children, placed, rows)
    return rows


def _walk(root: Span, note: str, children: Mapping[str, Sequence[Span]], placed: set[str], rows: list[Row]) -> None:
    stack = [(root, 0, note)]
    while stack:
        span, depth, why = stack.pop()
        if span.id in placed:
            continue
        placed.add(span.id)
        below = children.get(span.id, ())
        rows.append(Row(span, depth, len(below), why))
        if below:
            stack += [(child, depth + 1, "") for child in reversed(below)]
