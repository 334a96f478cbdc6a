"""What one span of a trace said, retrieved, returned and scored; all of it captured, all of it shown as text."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.conversation import Block, Document, Turn, documents, turns
from watchglass_dashboards.ui.feedback_panel import feedback_panel
from watchglass_dashboards.ui.judge_card import judge_card
from watchglass_dashboards.ui.long_text import long_text
from watchglass_dashboards.ui.text import TEXT_LIMIT, clean, label, untrusted
from watchglass_dashboards.ui.tree import Span
from watchglass_store.queries import pages_trace as queries
from watchglass_store.queries.evaluation import CallId

_MOST_TURNS = 60
_MOST_DOCUMENTS = 20
_AVATARS = {
    "system": ":material/settings:",
    "developer": ":material/settings:",
    "user": ":material/person:",
    "tool": ":material/build:",
}
_BLOCKS = {"tool_call": "calls tool", "tool_result": "tool result", "reasoning": "reasoning", "other": "part"}


def span_detail(
    trace_id: str, project: str, span: Span, scores: Sequence[dict[str, Any]], *, service: str, key: str
) -> None:
    """Draw the selected span: conversation, documents and attributes on the left, verdicts and scores on the right."""
    call = read(queries.call, trace_id, span.id, project)
    found = documents(call["retrieval_documents"]) if call else []
    left, right = st.columns([1.7, 1], gap="small")
    names = ["Conversation" if span.kind == "llm" else "Input and output"]
    names += [f"Documents ({len(found)})"] if found else []
    with left:
        tabs = st.tabs([*names, "Attributes"], key=f"{key}_tab", on_change="rerun")
        with tabs[0]:
            if tabs[0].open:
                _said(span, call, key)
        if found:
            with tabs[1]:
                if tabs[1].open:
                    _documents(found)
        with tabs[-1]:
            if tabs[-1].open:
                _attributes((trace_id, span.id, project), span, call)
    with right:
        feedback_panel((trace_id, span.id, project), call, service, key=key)
        _scores(scores, (trace_id, span.id, project), key)


def _said(span: Span, call: dict[str, Any] | None, key: str) -> None:
    if call is None:
        st.caption("This span is no GenAI operation: see its attributes.")
        return
    _facts(call)
    if call["error_type"]:
        with st.container(border=True, gap="small", key="span_error"):
            st.badge(label(call["error_type"]), color="red", icon=":material/error:")
            if call["error_message"]:
                untrusted(call["error_message"], code=True)
    if call["text_bytes"] > queries.TEXT_LIMIT:
        st.caption(f"A text of this call has {call['text_bytes']:,} bytes; the first {queries.TEXT_LIMIT:,} were read.")
    said = [
        *turns(call["system_instructions"], "system"),
        *turns(_whole(call["input_messages"]) or call["prompt_text"], "user"),
        *turns(_whole(call["output_messages"]) or call["response_text"], "assistant"),
    ]
    if call["tool_call_arguments"] or call["tool_call_result"] or call["tool_name"]:
        _tool(call)
    elif not said:
        st.caption("No text was captured for this call. Many clients capture it only when told to.")
    if len(said) > _MOST_TURNS:
        st.caption(f"{len(said) - _MOST_TURNS:,} earlier messages are not shown.")
    for at, turn in enumerate(said[-_MOST_TURNS:]):
        show_turn(turn, key=f"{key}_{span.id}_{at}")
    if call["reference_text"]:
        st.caption("Reference answer")
        untrusted(call["reference_text"], code=True)


def _whole(messages: str) -> str:
    """A list of messages, '' where it was cut while it was read: half a list cannot be told from text."""
    return messages if len(messages.encode()) < queries.TEXT_LIMIT else ""


def _facts(call: dict[str, Any]) -> None:
    facts = [label(call["response_model"] or call["request_model"] or call["agent_name"] or call["operation_name"])]
    if call["provider_name"]:
        facts.append(label(call["provider_name"]))
    facts.append(format.seconds(call["duration_s"]))
    if call["time_to_first_token_s"] is not None:
        facts.append(f"first token after {format.seconds(call['time_to_first_token_s'])}")
    for name, what in (
        ("usage_input_tokens", "in"),
        ("usage_output_tokens", "out"),
        ("usage_reasoning_output_tokens", "reasoning"),
    ):
        if call[name] is not None:
            facts.append(f"{call[name]:,} {what}")
    if call["request_temperature"] is not None:
        facts.append(f"temperature {format.score(call['request_temperature'])}")
    if call["cost_usd"] is not None:
        facts.append(format.usd(call["cost_usd"]))
    st.caption(" · ".join(facts))


def _tool(call: dict[str, Any]) -> None:
    st.markdown(f"**{label(call['tool_name'] or 'tool')}**")
    st.caption("Arguments")
    untrusted(call["tool_call_arguments"] or format.GAP, code=True)
    st.caption("Result")
    untrusted(call["tool_call_result"] or format.GAP, code=True)


def show_turn(turn: Turn, *, key: str = "") -> None:
    """One message of a conversation, as text."""
    role = turn.role.lower()
    person = "user" if role == "user" else "assistant"
    with st.chat_message(person, avatar=_AVATARS.get(role, ":material/smart_toy:")):
        words = [label(turn.role, 40)]
        if role == "assistant" and turn.finish_reason:
            words.append(f"finished: {label(turn.finish_reason, 40)}")
        st.caption(" · ".join(words))
        for at, block in enumerate(turn.blocks):
            _block(block, f"{key}_{at}" if key else "")


def _block(block: Block, key: str) -> None:
    if block.kind == "text":
        long_text(block.text, key=key)
        return
    st.caption(f"{_BLOCKS[block.kind]} {label(block.title)}")
    long_text(block.text, key=key, code=block.kind != "reasoning")


def _documents(found: Sequence[Document]) -> None:
    for number, document in enumerate(found[:_MOST_DOCUMENTS], 1):
        with st.container(border=True, gap="small"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.badge(f"{number:,}", color="gray")
                st.caption(label(document.id or "document without id", 120), width="content")
                if document.score is not None:
                    st.caption(f"relevance {format.score(document.score)}", width="content")
            untrusted(document.text, limit=4000)
    if len(found) > _MOST_DOCUMENTS:
        st.caption(f"and {len(found) - _MOST_DOCUMENTS:,} more")


def _attributes(place: CallId, span: Span, call: dict[str, Any] | None) -> None:
    raw = read(queries.attributes, *place)
    shown: dict[str, Any] = {"span_id": span.id, "parent_span_id": span.parent_id, **(raw or {})}
    if raw:
        events = zip(shown.pop("event_names"), shown.pop("event_attributes"), strict=True)
        shown["events"] = [{"name": name, **values} for name, values in events]
    else:
        st.caption("The raw span is no longer stored; this is what was understood of it.")
        shown |= {name: value for name, value in (call or {}).items() if value not in (None, "", [])}
    st.json(_plain(shown), expanded=2)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {clean(key, 300): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, int | float | bool) or value is None else clean(value, TEXT_LIMIT)


def _scores(scores: Sequence[dict[str, Any]], place: CallId, key: str) -> None:
    span_id = place[1]
    own = [row for row in scores if row["span_id"] == span_id]
    other = len(scores) - len(own)
    st.markdown("**Scores of this span**")
    if not own:
        st.caption("None yet. Evaluators run shortly after a call arrives.")
    for at, row in enumerate(own[:50]):
        _score(row)
        if row["source"] == "judge":
            judge_card(row, place, key=f"{key}_{span_id}_judge_{at}")
    if other:
        st.caption(f"{other:,} more on other spans of this trace.")


def _score(row: dict[str, Any]) -> None:
    with st.container(border=True, gap=None):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(label(row["name"].replace("_", " "), 60), width="content")
            with st.container(horizontal=True, gap="small", width="content"):
                if row["label"]:
                    st.badge(label(row["label"], 40), color="gray")
                if row["value"] is None:
                    st.badge("unscored", color="orange")
                else:
                    st.badge(format.score(row["value"]), color="blue")
        st.caption(
            f"{label(row['evaluator'], 60)}, version {label(row['evaluator_version'], 40)} · {label(row['source'], 20)}"
        )
        if row["why"]:
            untrusted(row["why"], limit=1000)
        if row["problem"]:
            untrusted(row["problem"], limit=1000)
