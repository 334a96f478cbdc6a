"""Sessions and users: who talks, in which conversations, and how those went."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import streamlit as st

from watchglass_dashboards import pages, writing
from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.filters import address, selection, viewer_zone
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.layout import card, guarded, nothing
from watchglass_dashboards.ui.stats import wilson
from watchglass_dashboards.ui.tables import pager
from watchglass_dashboards.ui.text import label, one_line, untrusted
from watchglass_dashboards.ui.trace_address import trace_query
from watchglass_store.queries import pages_people as queries
from watchglass_store.queries.pages import Scope

PER_PAGE = 50
_MOST = 10_000
_KINDS: dict[str, queries.Who] = {"Conversations": "conversation_id", "Users": "user_id"}
_ORDERS: dict[str, queries.Order] = {
    "Newest": "newest", "Most calls": "most calls", "Most errors": "most errors", "Dearest": "dearest",
}  # fmt: skip


def page() -> None:
    """Draw the page."""
    if not has_calls():
        return
    scope = selection().scope(datetime.now(UTC))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        kind = st.segmented_control(
            "List", list(_KINDS), default="Conversations", required=True, key="list", bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
        search = st.text_input(
            "Id", key="id", bind="query-params", type="search", live="400ms", max_chars=200, width=260,
            icon=":material/search:", placeholder="Id, or how it begins", label_visibility="collapsed",
        )  # fmt: skip
        order = st.selectbox(
            "Order", list(_ORDERS), key="sort", bind="query-params", label_visibility="collapsed", width=150
        )
    who, wanted = _KINDS[kind], (search or "").strip()
    with st.skeleton(height=400):
        total = read(queries.count_people, scope, who, search=wanted)
    number = _pager(total, kind)
    if not total:
        nothing(
            "None in this time range. Calls need a conversation or user id: see What clients leave out under Health."
        )
        return
    with st.skeleton(height=400):
        rows = read(queries.people, scope, who, order=_ORDERS[order], search=wanted, limit=PER_PAGE,
                    offset=(number - 1) * PER_PAGE)  # fmt: skip
    picked = _table(rows, who)
    if picked is not None and who == "conversation_id":
        _drawer(rows[picked]["id"], scope)
    elif picked is not None:
        _calls_of(rows[picked]["id"])


def _pager(total: int, kind: str) -> int:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        more = "more than " if total > _MOST else ""
        st.caption(f"{more}{min(total, _MOST):,} {label(kind.lower())}", width="content")
        return pager(max(1, -(-min(total, _MOST) // PER_PAGE)))


def shown_rows(rows: Sequence[Mapping[str, Any]], who: queries.Who) -> list[dict[str, Any]]:
    """The rows of the list as shown; an error rate comes with its 95 % interval."""
    shown = []
    for row in rows:
        low, high = wilson(row["n_errors"], row["n_calls"])
        is_user = who == "user_id"
        shown.append({
            "id": one_line(row["id"], 120),
            "last": datetime.fromtimestamp(row["last_ms"] / 1000, UTC),
            "for_min": None if is_user else (row["last_ms"] - row["first_ms"]) / 60_000,
            "of": row["conversations"] if is_user else one_line(row["user"], 80) or None,
            "calls": row["n_calls"],
            "errors": 100 * row["n_errors"] / row["n_calls"],
            "errors_interval": f"{100 * low:.0f} to {100 * high:.0f} %",
            "tokens": row["n_tokens"],
            "cost": row["total_cost_usd"],
            "unpriced": row["n_unpriced"],
            "open": f"traces?who={quote(row['id'], safe='')}&range=30d",
        })  # fmt: skip
    return shown


def _table(rows: Sequence[Mapping[str, Any]], who: queries.Who) -> int | None:
    shown = shown_rows(rows, who)
    is_user = who == "user_id"
    config = st.column_config
    of = config.NumberColumn("Conversations") if is_user else config.TextColumn("User")
    columns = ["id", "last", *(() if is_user else ("for_min",)), "of", "calls", "errors", "errors_interval", "tokens",
               "cost", "unpriced", "open"]  # fmt: skip
    with card("Users" if is_user else "Conversations", "of this time range; click one", rows=shown, key="people"):
        event = st.dataframe(
            shown,
            hide_index=True,
            placeholder=format.GAP,
            key=f"table_people_{who}",
            on_select="rerun",
            selection_mode="single-row",
            height=min(640, 40 + 32 * len(shown)),
            row_height=32,
            column_order=columns,
            column_config={
                "id": config.TextColumn("Id", pinned=True),
                "last": config.DatetimeColumn(
                    "Last call", format="D MMM HH:mm:ss", timezone=getattr(viewer_zone(), "key", "UTC")
                ),
                "for_min": config.NumberColumn("Lasted, min", format="%.1f"),
                "of": of,
                "calls": config.NumberColumn("Calls", format="localized"),
                "errors": config.NumberColumn("Errors", format="%.1f %%"),
                "errors_interval": config.TextColumn("95 % interval"),
                "tokens": config.NumberColumn("Tokens", format="localized"),
                "cost": config.NumberColumn("Cost", format="$%.4f"),
                "unpriced": config.NumberColumn("Without a price", format="localized"),
                "open": config.LinkColumn("Calls", display_text=":material/open_in_new:", width=60),
            },
        )
    picked: list[int] = event.selection.rows
    return picked[0] if picked else None


def _calls_of(user: str) -> None:
    st.page_link(pages.page("traces"), label="All calls of this user", icon=":material/account_tree:",
                 query_params={**address(), "who": user})  # fmt: skip


@st.dialog("Conversation", width="large", position="right")
@guarded("drawer")
def _drawer(conversation: str, scope: Scope) -> None:
    writing.viewed("conversation", conversation)
    st.caption(label(conversation, 120))
    turns = read(queries.turns_of, scope, conversation)
    if len(turns) >= 50:
        st.caption("The latest 50 calls.")
    for at, turn in enumerate(turns):
        _turn(turn, at)


def _turn(turn: Mapping[str, Any], at: int) -> None:
    moment = format.clock(datetime.fromtimestamp(turn["start_ms"] / 1000, UTC), viewer_zone())
    if turn["prompt"]:
        with st.chat_message("user", avatar=":material/person:"):
            untrusted(turn["prompt"], limit=2000)
    with st.chat_message("assistant", avatar=":material/smart_toy:"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption(f"{moment} · {label(turn['model'])} · {format.seconds(turn['duration_s'])}", width="content")
            address = trace_query(turn["trace_id"], turn["span_id"], turn["key_project"])
            st.page_link(
                pages.page("trace"), label="Trace", icon=":material/timeline:", query_params=address, width="content"
            )
        if turn["error_type"]:
            st.badge(label(turn["error_type"], 80), color="red", icon=":material/error:")
        if turn["answer"]:
            untrusted(turn["answer"], limit=2000)
