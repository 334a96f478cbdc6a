"""The views that put conversations and lists together again, for the spans that need it.

They write partial rows: what `span_view` has left NULL for the same span. Their SQL is long, and ClickHouse analyses a
view's SQL again for each insert that reaches it: a table without storage in between lets only the spans through that
need it, so that an insert without any does not pay.
"""

from watchglass_collector.conventions import messages
from watchglass_collector.conventions.convention import LISTS
from watchglass_collector.conventions.lists import list_json, listed
from watchglass_collector.conventions.lookup import LIST_SPAN
from watchglass_collector.conventions.span_view import RETENTION_DAYS, SPANS, context_text
from watchglass_collector.conventions.sql import level, retained, selected

PIECES = "llm_pieces"

_PIECES_COLUMNS = {
    "start_time": "DateTime64(9)",
    "trace_id": "String",
    "span_id": "String",
    "entries": "Array(Tuple(meaning UInt16, key LowCardinality(String), text String))",
    "left": "Array(String)",
}


def rebuilt_views() -> list[tuple[str, str]]:
    """Name and CREATE statement of `llm_pieces` and of the views to it and from it."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _PIECES_COLUMNS.items())
    to_pieces, to_calls = "llm_pieces_from_spans", "llm_calls_from_pieces"
    left = "arrayMap((x, c) -> if(c, '', x), mended, is_canonical)"
    wanted = (
        "SELECT span.start_time AS start_time, span.trace_id AS trace_id, span.span_id AS span_id, entries, "
        f"{left} AS left\nFROM {SPANS} WHERE has(is_canonical, 0) OR entries[-1].meaning >= {LIST_SPAN}"
    )
    return [
        (PIECES, f"CREATE TABLE {PIECES} ({columns}) ENGINE = Null"),
        (to_pieces, f"CREATE MATERIALIZED VIEW {to_pieces} TO {PIECES} AS\n{wanted}"),
        (to_calls, f"CREATE MATERIALIZED VIEW {to_calls} TO llm_call_parts AS\n{_calls()}"),
    ]


def _calls() -> str:
    names = [f"{name}_list" for name in LISTS]
    call = ["start_time", "trace_id", "span_id"]
    items = level(f"SELECT * FROM {PIECES}", [*call, "left"], {"items": listed("entries")})
    lists = {name: list_json(place + 1, "items") for place, name in enumerate(names)}
    found = level(items, [*call, "left"], lists)
    written = "[if(left[1] = '', input_messages_list, left[1]), if(left[2] = '', output_messages_list, left[2])]"
    keep = [*call, "tool_definitions_list", "retrieval_documents_list"]
    said = messages.rebuilt(messages.read(found, keep, written), keep, "['user', 'assistant']")
    columns = {
        "day": f"toDate({retained('start_time', RETENTION_DAYS)}, 'UTC')",
        "trace_id": "trace_id",
        "span_id": "span_id",
        "received_at": "now64(3)",
        "input_messages": "if(canonical[1] IN ('', '[]'), NULL, canonical[1])",
        "output_messages": "if(canonical[2] IN ('', '[]'), NULL, canonical[2])",
        "prompt_text": f"nullIf({messages.last_user_text('meant[1]')}, '')",
        "response_text": f"nullIf({messages.all_text('meant[2]')}, '')",
        "tool_definitions": "nullIf(tool_definitions_list, '')",
        "retrieval_documents": "nullIf(retrieval_documents_list, '')",
        "context_text": f"nullIf({context_text('retrieval_documents_list')}, '')",
        "finish_reasons": "arrayFilter(x -> x != '', meant[2].finish_reason)",
    }
    return f"SELECT {selected(columns)}\nFROM ({said})"
