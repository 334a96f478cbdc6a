"""The table of conventions: complete, in order, checked when it is made."""

from collections.abc import Callable
from pathlib import Path

import pytest

from watchglass_collector import conventions
from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.span_view import span_views
from watchglass_store import Store

Insert = Callable[..., None]
ROOT = Path(conventions.__file__).parent


def test_every_convention_is_in_the_table_under_its_own_name() -> None:
    assert [convention.name for convention in conventions.load()] == list(conventions.BUILTIN)
    files = {path.stem for path in ROOT.glob("*.py") if "CONVENTION = " in path.read_text(encoding="utf-8")}
    assert files == {path.rpartition(":")[0].rpartition(".")[2] for path in conventions.BUILTIN.values()}


def test_every_convention_has_its_heading_in_the_docs() -> None:
    page = (ROOT.parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
    assert [name for name in conventions.BUILTIN if f"\n## `{name}`" not in page] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fields": {"modell": ("a",)}}, "unknown field 'modell'"),
        ({"fields": {"request_model": ("a",), "response_model": ("a",)}}, "key 'a' stands under two fields"),
        ({"operations": {"LLM": "talk"}}, "unknown operation"),
    ],
)
def test_a_mistake_in_a_convention_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Convention(name="mine", **arguments)  # type: ignore[arg-type]


def test_the_first_convention_that_recognises_a_span_reads_it(insert: Insert, converted: Store) -> None:
    openai = {"gen_ai.system": "x"}
    rows: list[dict[str, object]] = [
        {"SpanId": "1", "SpanAttributes": {"openinference.span.kind": "LLM", **openai}, "ScopeName": "watchglass"},
        {"SpanId": "2", "SpanAttributes": openai, "ScopeName": "traceloop.tracer"},
        {"SpanId": "3", "SpanAttributes": openai, "ScopeName": "watchglass"},
        {"SpanId": "4", "SpanAttributes": openai},
        {"SpanId": "5", "SpanAttributes": {}},
    ]
    insert("otel_traces", rows)
    found = converted.query("SELECT convention FROM llm_calls ORDER BY span_id")
    assert [row["convention"] for row in found] == ["openinference", "openllmetry", "watchglass", "otel_genai"]


def test_a_convention_more_adds_data_and_no_code() -> None:
    every, some = conventions.load(), conventions.load()[-4:]
    count = [sum(statement.count("->") for _, statement in span_views(list(these))) for these in (some, every)]
    assert count[0] == count[1]
