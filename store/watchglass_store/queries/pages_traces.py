"""Queries of the Traces page: the ids of one page of calls first, then only those rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from watchglass_store import Store
from watchglass_store.queries.evaluation import BY_KEY, CallKey
from watchglass_store.queries.pages import HOURS, MINUTES, Scope, conditions, milliseconds
from watchglass_store.queries.search import matching

#: Counting stops here: nobody pages further, and a count must not read a whole table.
COUNT_LIMIT = 10_000
#: Characters of prompt and answer sent for a row of the list, and of one of a file.
PREVIEW, FILE_PREVIEW = 300, 2_000
#: Rows of a file are read this many at a time.
_READ_AT_ONCE = 500

_MODEL = "if(response_model != '', response_model, request_model)"
_ORDERS = {
    "newest": "received_at DESC, start_time DESC, trace_id, span_id, key_project",
    "slowest": "duration_s DESC, trace_id, span_id, key_project",
    "most tokens": "ifNull(usage_input_tokens, 0) + ifNull(usage_output_tokens, 0) DESC, trace_id, span_id, "
    "key_project",
}
Order = Literal["newest", "slowest", "most tokens"]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What the list shows, beyond its scope."""

    scope: Scope
    search: str = ""
    """Words that are all in prompt, answer or tool arguments, case ignored; or a trace id."""
    status: Literal["", "ok", "error"] = ""
    min_duration_s: float = 0.0
    who: str = ""
    """A user id or conversation id, exactly."""
    order: Order = "newest"

    @property
    def is_by_arrival(self) -> bool:
        """True where `llm_calls_by_time` alone can answer, at a cost that grows with the rows asked for."""
        scope = self.scope
        plain = not (self.search or self.status or self.min_duration_s or self.who)
        return plain and self.order == "newest" and not (scope.environment or scope.models or scope.prompt_version)


def call_ids(store: Store, chosen: CallFilter, *, limit: int, offset: int) -> list[CallKey]:
    """The calls of one page of the list, in its order."""
    if chosen.is_by_arrival:
        where, parameters = conditions(chosen.scope, "start_time")
        # An hour of slack for clients whose clock runs ahead of ours; prunes what arrived earlier.
        sql = f"""
            SELECT hour, trace_id, span_id, project AS key_project FROM llm_calls_by_time
            WHERE {where} AND received_at >= fromUnixTimestamp64Milli({{start_ms:Int64}} - 3600000, 'UTC')
            ORDER BY received_at DESC, start_time DESC LIMIT 1 BY trace_id, span_id, key_project
            LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}
        """
    else:
        where, parameters = _where(chosen)
        sql = f"""
            SELECT hour, trace_id, span_id, key_project FROM llm_figures WHERE {where}
            ORDER BY {_ORDERS[chosen.order]} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}
        """
    return _keys(store.query(sql, {**parameters, "limit": limit, "offset": offset}))


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[CallKey]:
    return [(int(row["hour"].timestamp()), row["trace_id"], row["span_id"], row["key_project"]) for row in rows]


def first_page(store: Store, chosen: CallFilter, *, limit: int) -> tuple[int, list[CallKey]]:
    """How many calls match, as `count_calls` has it, and the first of them; a search looks for its words once."""
    if not chosen.search.strip():
        return count_calls(store, chosen), call_ids(store, chosen, limit=limit, offset=0)
    where, parameters = _where(chosen)
    rows = store.query(
        f"""
        SELECT hour, trace_id, span_id, key_project, toInt64(count() OVER ()) AS n FROM llm_figures WHERE {where}
        ORDER BY {_ORDERS[chosen.order]} LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )
    return min(rows[0]["n"], COUNT_LIMIT + 1) if rows else 0, _keys(rows)


def count_calls(store: Store, chosen: CallFilter) -> int:
    """How many calls match; `COUNT_LIMIT` + 1 means "more than COUNT_LIMIT"."""
    if chosen.is_by_arrival:
        where, parameters = conditions(chosen.scope, "start_time")
        sql = f"""
            SELECT trace_id, span_id, project FROM llm_calls_by_time
            WHERE {where} AND received_at >= fromUnixTimestamp64Milli({{start_ms:Int64}} - 3600000, 'UTC')
            LIMIT 1 BY trace_id, span_id, project LIMIT {{most:UInt32}}
        """
    else:
        where, parameters = _where(chosen)
        sql = f"SELECT trace_id FROM llm_figures WHERE {where} LIMIT {{most:UInt32}}"
    rows = store.query(f"SELECT toInt64(count()) AS n FROM ({sql})", {**parameters, "most": COUNT_LIMIT + 1})
    return int(rows[0]["n"])


def _where(chosen: CallFilter) -> tuple[str, dict[str, Any]]:
    where, parameters = conditions(chosen.scope, "start_time", model=f"({_MODEL})")
    parts = [where, MINUTES]
    if chosen.search.strip():
        found, words = matching(chosen.search, HOURS, "{most_found:UInt32}")
        parts.append(f"(hour, trace_id, span_id, key_project) IN ({found})")
        parameters |= words | {"most_found": COUNT_LIMIT + 1}
    if chosen.status:
        parts.append("error_type = ''" if chosen.status == "ok" else "error_type != ''")
    if chosen.min_duration_s:
        parts.append("duration_s >= {min_duration_s:Float64}")
        parameters["min_duration_s"] = chosen.min_duration_s
    if chosen.who:
        parts.append("(user_id = {who:String} OR conversation_id = {who:String})")
        parameters["who"] = chosen.who
    return " AND ".join(parts), parameters


def calls(store: Store, keys: Sequence[CallKey], *, preview: int = PREVIEW) -> list[dict[str, Any]]:
    """The rows of a page of the list, in the order of `keys`; text cut to `preview` characters.

    Prompt and answer of a tool call are its arguments and result; of an operation that has neither, its messages.
    """
    if not keys:
        return []
    rows = store.query(
        f"""
        SELECT toUnixTimestamp(hour) AS stored_hour, trace_id, span_id, key_project,
               toUnixTimestamp64Milli(start_time) AS start_ms, service_name, environment,
               operation_name, {_MODEL} AS model, span_name,
               substringUTF8(multiIf(prompt_text != '', prompt_text, tool_call_arguments != '', tool_call_arguments,
                                     input_messages), 1, {{preview:UInt32}}) AS prompt,
               substringUTF8(multiIf(response_text != '', response_text, tool_call_result != '', tool_call_result,
                                     retrieval_documents != '', retrieval_documents, output_messages),
                             1, {{preview:UInt32}}) AS answer,
               usage_input_tokens, usage_output_tokens, duration_s, time_to_first_token_s, cost_usd, error_type,
               prompt_version, user_id, conversation_id
        FROM llm_calls
        WHERE {BY_KEY}
        LIMIT {{limit:UInt32}}
        """,
        {"keys": list(keys), "preview": preview, "limit": len(keys)},
    )
    by_key = {(row.pop("stored_hour"), row["trace_id"], row["span_id"], row["key_project"]): row for row in rows}
    return [by_key[key] for key in keys if key in by_key]


def for_file(store: Store, chosen: CallFilter) -> list[dict[str, Any]]:
    """The calls that match, in the order of the list, at most `COUNT_LIMIT`; text cut to `FILE_PREVIEW` characters.

    Read a few hundred at a time: no single answer of the store is large.
    """
    keys = call_ids(store, chosen, limit=COUNT_LIMIT, offset=0)
    return [
        row
        for first in range(0, len(keys), _READ_AT_ONCE)
        for row in calls(store, keys[first : first + _READ_AT_ONCE], preview=FILE_PREVIEW)
    ]


def scores_of(store: Store, keys: Sequence[CallKey], scope: Scope) -> list[dict[str, Any]]:
    """Scores of these calls: trace_id, span_id, key_project, name, mean of each evaluator's latest value."""
    if not keys:
        return []
    return store.query(
        """
        SELECT trace_id, span_id, project AS key_project, name, avg(latest) AS mean FROM (
        SELECT trace_id, span_id, project, name, argMax(tuple(value), (created_at, evaluator_version)).1 AS latest
        FROM scores WHERE trace_id IN {traces:Array(String)}
          AND (trace_id, span_id, project) IN {ids:Array(Tuple(String, String, String))}
          AND call_time >= fromUnixTimestamp64Milli({start_ms:Int64} - 3600000, 'UTC')
          AND call_time < fromUnixTimestamp64Milli({end_ms:Int64} + 3600000, 'UTC')
        GROUP BY trace_id, span_id, project, name, evaluator
        ) WHERE latest IS NOT NULL GROUP BY trace_id, span_id, project, name LIMIT 5000
        """,
        {
            "traces": sorted({trace for _, trace, *_ in keys}),
            "ids": [key[1:] for key in keys],
            "start_ms": milliseconds(scope.start),
            "end_ms": milliseconds(scope.end),
        },
    )
