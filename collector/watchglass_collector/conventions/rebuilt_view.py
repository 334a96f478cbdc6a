"""The views that put conversations and lists together again, for the spans that need it.

They write partial rows: what `span_view` has left NULL for the same span. Their SQL is long, and ClickHouse analyses a
view's SQL again for each insert that reaches it: a table without storage in between lets only the spans through that
need it, so that an insert without any does not pay.
"""

from watchglass_collector.conventions import messages
from watchglass_collector.conventions.convention import LISTS
from watchglass_collector.conventions.lists import list_json, listed
from watchglass_collector.conventions.lookup import LIST_SPAN
from watchglass_collector.conventions.providers import reasons
from watchglass_collector.conventions.span_view import SPANS, context_text, field
from watchglass_collector.conventions.sql import level, project, selected, stored_hour

PIECES = "llm_pieces"

_PIECES_COLUMNS = {
    "start_time": "DateTime64(9)",
    "trace_id": "String",
    "span_id": "String",
    "project": "String",
    "entries": "Array(Tuple(meaning UInt16, key LowCardinality(String), text String))",
    "left": "Array(String)",
    "is_told": "Array(UInt8)",
    "is_without_tools": "UInt8",
}


def rebuilt_views() -> list[tuple[str, str]]:
    """Name and CREATE statement of `llm_pieces` and of the views to it and from it."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _PIECES_COLUMNS.items())
    to_pieces, to_calls = "llm_pieces_from_spans", "llm_calls_from_pieces"
    left = "arrayMap((x, c) -> if(c, '', x), mended, is_canonical)"
    columns_of_it = {
        **{name: f"span.{name}" for name in list(_PIECES_COLUMNS)[:3]},
        "project": project("span.resource"),
        "entries": "entries",
        "left": left,
        "is_told": "arrayMap((x, c) -> c AND x != '', mended, is_canonical)",
        "is_without_tools": f"{field('tool_definitions')} IS NULL",
    }
    is_wanted = f"has(is_canonical, 0) OR entries[-1].meaning >= {LIST_SPAN}"
    wanted = f"SELECT {selected(columns_of_it)}\nFROM {SPANS} WHERE {is_wanted}"
    return [
        (PIECES, f"CREATE TABLE {PIECES} ({columns}) ENGINE = Null"),
        (to_pieces, f"CREATE MATERIALIZED VIEW {to_pieces} TO {PIECES} AS\n{wanted}"),
        (to_calls, f"CREATE MATERIALIZED VIEW {to_calls} TO llm_call_parts AS\n{_calls()}"),
    ]


def _calls() -> str:
    names = [f"{name}_list" for name in LISTS]
    call = ["start_time", "trace_id", "span_id", "project"]
    items = level(
        f"SELECT * FROM {PIECES}", [*call, "left", "is_told", "is_without_tools"], {"items": listed("entries")}
    )
    lists = {name: list_json(place + 1, "items") for place, name in enumerate(names)}
    found = level(items, [*call, "left", "is_told", "is_without_tools"], lists)
    # What is in the conventions' own form is written already; a list says more than messages without a part.
    written = (
        """arrayMap((l, x, t) -> multiIf(t, '', x != '' AND position(l, '"type":') = 0, x, l), """
        "[input_messages_list, output_messages_list], left, is_told)"
    )
    tools = "if(is_without_tools, nullIf(JSONExtractRaw(left[1], 'tools'), ''), NULL)"
    found = level(found, [*call, *names, "left", "is_told"], {"tools": tools})
    keep = [*call, "tool_definitions_list", "retrieval_documents_list", "tools"]
    said = messages.rebuilt(messages.read(found, keep, written), keep, "['user', 'assistant']")
    columns = {
        "hour": stored_hour("start_time"),
        "trace_id": "trace_id",
        "span_id": "span_id",
        "project": "project",
        "received_at": "now64(3)",
        "input_messages": "if(canonical[1] IN ('', '[]'), NULL, canonical[1])",
        "output_messages": "if(canonical[2] IN ('', '[]'), NULL, canonical[2])",
        "prompt_text": f"nullIf({messages.last_user_text('meant[1]')}, '')",
        "response_text": f"nullIf({messages.all_text('meant[2]')}, '')",
        "tool_definitions": "coalesce(nullIf(tool_definitions_list, ''), tools)",
        "retrieval_documents": "nullIf(retrieval_documents_list, '')",
        "context_text": f"nullIf({context_text('retrieval_documents_list')}, '')",
        "finish_reasons": reasons("meant[2].finish_reason"),
    }
    return f"SELECT {selected(columns)}\nFROM ({said})"
