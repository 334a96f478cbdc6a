"""Queries of the Sessions and users page: who talks, in which conversations, and how those went."""

from typing import Any, Literal

from watchglass_store import Store
from watchglass_store.queries.pages import HOURS, MINUTES, Scope, conditions, newest_first

Who = Literal["conversation_id", "user_id"]
_MODEL = "if(response_model != '', response_model, request_model)"
Order = Literal["newest", "most calls", "most errors", "dearest"]
# Sums of fractions depend on the order of their parts by a last digit, and pages of a list must not.
_COST = "round(sum(counted_cost_usd), 12)"
_ORDERS: dict[Order, str] = {
    "newest": "max(start_time) DESC",
    "most calls": "count() DESC",
    "most errors": "countIf(error_type != '') DESC",
    "dearest": f"{_COST} DESC NULLS LAST",
}


def people(
    store: Store, scope: Scope, who: Who, *, order: Order = "newest", search: str = "", limit: int, offset: int
) -> list[dict[str, Any]]:
    """One row for each conversation or user of the scope.

    Args:
        store: The store.
        scope: Which calls.
        who: Conversations or users.
        order: What comes first.
        search: Ids that begin with this.
        limit: Most rows.
        offset: Rows passed over.

    Returns:
        Rows with id, users and conversations (how many), user (of a conversation: one of them), n_calls, n_errors,
        n_tokens, n_unpriced, total_cost_usd (None = no call had a price), first_ms, last_ms (Unix milliseconds).

    Raises:
        ValueError: `who` or `order` is none of those.
    """
    if order not in _ORDERS:
        raise ValueError(f"no order {order!r}")
    where, parameters = _where(scope, who, search)
    shown = _shown(store, scope, who, order=order, search=search, limit=limit, offset=offset)
    if not shown:
        return []
    is_shown = f"{who} IN {{shown:Array(String)}}"
    return store.query(
        f"""
        SELECT {who} AS id, toInt64(uniqExact(user_id)) AS users, toInt64(uniqExact(conversation_id)) AS conversations,
               any(user_id) AS user, toInt64(count()) AS n_calls, toInt64(countIf(error_type != '')) AS n_errors,
               toInt64(sumIf(ifNull(usage_input_tokens, 0) + ifNull(usage_output_tokens, 0), usage_counted = 1))
                   AS n_tokens,
               toInt64(countIf(usage_counted = 1 AND counted_cost_usd IS NULL)) AS n_unpriced,
               {_COST} AS total_cost_usd,
               toUnixTimestamp64Milli(toDateTime64(min(start_time), 3)) AS first_ms,
               toUnixTimestamp64Milli(toDateTime64(max(start_time), 3)) AS last_ms
        FROM llm_figures
        WHERE {where} AND {is_shown} AND {_pieces(is_shown)}
        GROUP BY id ORDER BY {_ORDERS[order]}, id
        """,
        {**parameters, "shown": shown},
    )


def _shown(store: Store, scope: Scope, who: Who, *, order: Order, search: str, limit: int, offset: int) -> list[str]:
    """Whom the page shows. The newest are those of the last hours, where there are enough of them."""
    rows: list[dict[str, Any]] = []
    for hours in newest_first(scope) if order == "newest" else [scope]:
        where, parameters = _where(hours, who, search)
        rows = store.query(
            f"""
            SELECT {who} AS id FROM llm_figures WHERE {where}
            GROUP BY id ORDER BY {_ORDERS[order]}, id LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}
            """,
            {**parameters, "limit": limit, "offset": offset},
        )
        if len(rows) == limit:
            break
    return [row["id"] for row in rows]


def _pieces(condition: str) -> str:
    """Condition on `llm_figures`: calls of which a piece meets a condition, which the call has to meet as well.

    Pieces are looked through without merging them, which takes much less time.
    """
    return f"""(hour, minute, trace_id, span_id, key_project) IN (
        SELECT hour, minute, trace_id, span_id, project FROM llm_figure_parts WHERE {MINUTES} AND {condition}
    )"""


def count_people(store: Store, scope: Scope, who: Who, *, search: str = "") -> int:
    """How many conversations or users there are; 10,001 means "more than 10,000"."""
    where, parameters = _where(scope, who, search)
    rows = store.query(
        f"SELECT toInt64(count()) AS n FROM (SELECT DISTINCT {who} FROM llm_figures WHERE {where} LIMIT 10001)",
        parameters,
    )
    return int(rows[0]["n"])


def turns_of(store: Store, scope: Scope, conversation: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """The latest calls of a conversation in order; prompt and answer are cut to 2,000 characters."""
    where, parameters = _where(scope, "conversation_id", "")
    is_of_it = "conversation_id = {conversation:String}"
    return store.query(
        f"""
        SELECT * FROM (
            SELECT toUnixTimestamp64Milli(toDateTime64(start_time, 3)) AS start_ms, trace_id, span_id, key_project,
                   substringUTF8(prompt_text, 1, 2000) AS prompt, substringUTF8(response_text, 1, 2000) AS answer,
                   {_MODEL} AS model, error_type, duration_s
            FROM llm_calls WHERE (hour, trace_id, span_id, key_project) IN (
                SELECT hour, trace_id, span_id, key_project FROM llm_figures
                WHERE {where} AND {is_of_it} AND {_pieces(is_of_it)}
                ORDER BY start_time DESC LIMIT {{limit:UInt32}}
            ) AND {HOURS}
        ) ORDER BY start_ms
        """,
        {**parameters, "conversation": conversation, "limit": limit},
    )


def _where(scope: Scope, who: Who, search: str) -> tuple[str, dict[str, Any]]:
    if who not in ("conversation_id", "user_id"):
        raise ValueError(f"no list of {who!r}")
    where, parameters = conditions(scope, "start_time", model=f"({_MODEL})")
    where += f" AND {MINUTES} AND {who} != ''"
    if search:
        where += f" AND startsWith({who}, {{search:String}})"
        parameters["search"] = search
    return where, parameters
