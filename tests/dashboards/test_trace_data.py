"""A trace from its columns: which span is which, and what is said about the whole."""

import pytest

from watchglass_dashboards.ui.trace_data import assemble, services, summarise
from watchglass_store.queries.pages_trace import CALL_COLUMNS, SPAN_COLUMNS

SECOND_NS = 10**9


def columns(names, *rows):
    blank = dict.fromkeys(names, "") | {"start_ns": 0, "duration_s": 1.0, "failed": 0, "usage_counted": 1}
    blank |= dict.fromkeys(("usage_input_tokens", "usage_output_tokens", "cost_usd", "time_to_first_token_s"))
    return {name: [(blank | row)[name] for row in rows] for name in names}


def spans(*rows):
    return columns(SPAN_COLUMNS, *rows)


def calls(*rows):
    return columns(CALL_COLUMNS, *rows)


def test_a_span_that_is_a_call_has_its_kind_its_first_token_and_its_error():
    found = assemble(
        spans({"span_id": "a", "name": "root"}, {"span_id": "b", "parent_span_id": "a", "start_ns": 5}),
        calls({"span_id": "b", "operation_name": "chat", "time_to_first_token_s": 0.2, "error_type": "Timeout"}),
    )
    assert [(span.id, span.parent_id, span.name, span.kind, span.start_ns) for span in found] == [
        ("a", "", "root", "span", 0),
        ("b", "a", "chat", "llm", 5),
    ]
    assert [(span.time_to_first_token_s, span.is_error) for span in found] == [(None, False), (0.2, True)]


def test_a_call_whose_span_is_gone_is_shown_and_a_span_that_came_twice_is_shown_once():
    found = assemble(
        spans({"span_id": "a", "name": "first"}, {"span_id": "a", "name": "again"}, {"span_id": "c", "failed": 1}),
        calls({"span_id": "b", "name": "search", "operation_name": "execute_tool"}),
    )
    assert [(span.id, span.name, span.kind, span.is_error) for span in found] == [
        ("a", "first", "span", False),
        ("c", "", "span", True),
        ("b", "search", "tool", False),
    ]


def test_tokens_and_cost_are_of_what_counts_and_none_where_nobody_said():
    found = spans({"span_id": "a", "start_ns": SECOND_NS, "duration_s": 2.5, "service_name": "shop", "failed": 1})
    known = calls(
        {"span_id": "b", "usage_input_tokens": 7, "cost_usd": 0.5, "user_id": "ann", "service_name": "shop"},
        {"span_id": "c", "usage_input_tokens": 7, "cost_usd": 0.5, "usage_counted": 0, "user_id": "bob"},
        {"span_id": "d", "user_id": "cy", "service_name": "bot"},
    )
    where = services(found, known)
    assert where == {"a": "shop", "b": "shop", "c": "", "d": "bot"}
    summary = summarise(assemble(found, known), known, where.values())
    assert (summary.input_tokens, summary.output_tokens, summary.cost_usd) == (7, None, 0.5)
    assert (summary.start_ns, summary.spans, summary.errors) == (0, 4, 1)
    assert summary.duration_s == pytest.approx(3.5)
    assert summary.facts == (("service", "shop"), ("service", "bot"), ("user", "ann"), ("user", "bob"))


def test_a_trace_without_anything_is_no_spans():
    assert assemble(spans(), calls()) == []
