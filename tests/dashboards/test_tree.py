"""Order and completeness of a trace's tree."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from watchglass_dashboards.ui.trace_panel import PAGE_ROWS
from watchglass_dashboards.ui.tree import Span, flatten
from watchglass_dashboards.ui.waterfall import _span

START_NS = 1_767_225_600 * 10**9


def span(name, parent="", at=0):
    return Span(name, parent, name, "span", START_NS + at * 10**9, 1.0, None, False)


def shape(rows):
    return [(row.span.id, row.depth, row.note) for row in rows]


def test_children_follow_their_parent_in_order_of_start():
    rows = flatten([span("b", "root", 2), span("a1", "a", 3), span("root"), span("a", "root", 1)])
    assert shape(rows) == [("root", 0, ""), ("a", 1, ""), ("a1", 2, ""), ("b", 1, "")]
    assert [row.children for row in rows] == [2, 1, 0, 0]


def test_a_span_without_its_parent_is_shown_and_says_so():
    assert shape(flatten([span("root"), span("lost", "gone", 1), span("below", "lost", 2)])) == [
        ("root", 0, ""),
        ("lost", 0, "parent not received"),
        ("below", 1, ""),
    ]


def test_a_ring_is_cut_at_its_earliest_span():
    assert shape(flatten([span("b", "a", 1), span("a", "c", 0), span("c", "b", 2)])) == [
        ("a", 0, "circular parents"),
        ("b", 1, ""),
        ("c", 2, ""),
    ]
    assert shape(flatten([span("own", "own")])) == [("own", 0, "")]


def test_a_chain_deeper_than_the_stack_is_no_problem():
    rows = flatten([span(str(n), str(n - 1) if n else "", n) for n in range(20_000)])
    assert rows[-1].depth == 19_999


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 5)), max_size=40))
def test_every_span_is_shown_exactly_once(edges):
    rows = flatten([span(str(name), str(parent), at) for name, parent, at in edges])
    assert sorted(row.span.id for row in rows) == sorted({str(name) for name, _, _ in edges})


def test_what_a_browser_gets_of_a_large_trace_is_one_page_of_it():
    """25,000 spans with the longest names: rows and bytes of a page do not grow with the trace."""
    spans = [
        Span(f"{n:016x}", "" if n == 0 else f"{(n - 1) // 5:016x}", "n" * 500, "llm", START_NS, 1.0, 0.1, False)
        for n in range(25_000)
    ]
    rows = flatten(spans)
    assert len(rows) == 25_000
    sent = [_span(row, START_NS) for row in rows[:PAGE_ROWS]]
    assert len(sent) == PAGE_ROWS == 150
    assert len(orjson.dumps(sent)) < 80_000
