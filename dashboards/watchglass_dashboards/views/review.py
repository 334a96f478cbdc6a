"""Review: one call after the other, one key a label; labels become human scores beside those of the evaluators."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards import access, feedback, pages
from watchglass_dashboards.data import read
from watchglass_dashboards.feedback import Feedback
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.conversation import turns
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.labels import LABEL_SETS, Label
from watchglass_dashboards.ui.layout import card, guarded, nothing, told
from watchglass_dashboards.ui.span_detail import show_turn
from watchglass_dashboards.ui.stats import wilson
from watchglass_dashboards.ui.text import label, option, untrusted
from watchglass_dashboards.ui.trace_address import trace_query
from watchglass_dashboards.writing import viewed
from watchglass_store.queries import pages_review as queries
from watchglass_store.queries import pages_trace
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_review import Order, Queue

_ORDERS: dict[str, Order] = {
    "Lowest of a score": "lowest",
    "Highest of a score": "highest",
    "Random sample": "random",
    "Newest": "newest",
}
_SETS = {"Quality": "human_quality", "Issue": "human_issue", "Rating": "human_rating"}
_STATE = "_review"
_MOST_TURNS = 12


def page() -> None:
    """Draw the page."""
    if not has_calls():
        return
    scope = selection().scope(datetime.now(UTC))
    chosen = _queue(scope)
    if chosen is None:
        return
    with st.skeleton(height=400):
        state = _state(scope, chosen)
    if not state["rows"]:
        nothing("Nothing is left to review here. Choose a longer time range, or another order.")
        _so_far(scope, chosen.label)
        return
    _work(scope, chosen.label)


def _queue(scope: Scope) -> Queue | None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="queue"):
        order = st.selectbox("Order", list(_ORDERS), key="order", bind="query-params", width=190)
        score = ""
        if _ORDERS[order] in ("lowest", "highest"):
            known = read(queries.score_names, scope)
            if not known:
                nothing("No call of this time range has a score to go by. Take a random sample instead.")
                return None
            names = [option(name) for name in known]
            picked = st.selectbox("Score", names, key="score", bind="query-params", format_func=option, width=200)
            score = known[names.index(picked)]
        else:
            st.caption("Environment and model do not narrow this order.")
        kind = st.segmented_control(
            "Labels", list(_SETS), default="Quality", required=True, key="labels", bind="query-params"
        )
    person = f"{feedback.EVALUATOR}:{access.actor().name}"
    return Queue(_ORDERS[order], score, _SETS[kind], person)


def _state(scope: Scope, chosen: Queue) -> dict[str, Any]:
    """The queue as it was when it was begun: a label must not move what the reviewer looks at."""
    # The end of the range moves each minute; that alone begins no new queue.
    key = (chosen, selection(), scope.service)
    state: dict[str, Any] = st.session_state.get(_STATE, {})
    if state.get("key") != key:
        state = {"key": key, "rows": read(queries.queue, scope, chosen), "at": 0, "given": 0}
        st.session_state[_STATE] = state
    return state


@st.fragment
def _work(scope: Scope, name: str) -> None:
    with guarded():
        state = st.session_state[_STATE]
        rows = state["rows"]
        st.progress(
            min(1.0, state["at"] / len(rows)),
            text=f"{state['at']:,} of {len(rows):,} looked at · {state['given']:,} labels given",
        )
        _undelivered()
        if state["at"] >= len(rows):
            st.success("The queue is done.", icon=":material/done_all:")
            _back()
            _so_far(scope, name)
            return
        row = rows[state["at"]]
        viewed("trace", row["trace_id"])
        call = read(pages_trace.call, row["trace_id"], row["span_id"], row["project"])
        left, right = st.columns([2.2, 1], gap="small")
        with left, st.container(border=True):
            _conversation(row, call)
        with right, st.container(border=True):
            _buttons(row, call, name)
        _so_far(scope, name)


def _conversation(row: dict[str, Any], call: dict[str, Any] | None) -> None:
    if call is None:
        st.caption("This call is gone: its retention is over, or it was deleted.")
        return
    facts = [label(call["response_model"] or call["request_model"] or call["operation_name"])]
    facts.append(format.seconds(call["duration_s"]))
    if row["by_value"] is not None:
        facts.append(f"score {format.score(row['by_value'])}")
    st.caption(" · ".join(facts))
    said = [
        *turns(call["system_instructions"], "system"),
        *turns(call["input_messages"] or call["prompt_text"], "user"),
        *turns(call["output_messages"] or call["response_text"], "assistant"),
    ]
    if not said:
        st.caption("No text was captured for this call.")
    if len(said) > _MOST_TURNS:
        st.caption(f"{len(said) - _MOST_TURNS:,} earlier messages are not shown; the trace has them.")
    for turn in said[-_MOST_TURNS:]:
        show_turn(turn)
    if call["reference_text"]:
        st.caption("Reference answer")
        untrusted(call["reference_text"], code=True)


def _buttons(row: dict[str, Any], call: dict[str, Any] | None, name: str) -> None:
    st.text_area("Note", key="note", height=90, max_chars=2000, placeholder="Optional: why?")
    is_off = call is None or not access.may("annotator")
    for place, one in enumerate(LABEL_SETS[name], 1):
        st.button(
            label(one.text),
            key=f"label_{place}",
            shortcut=str(place),
            icon=one.icon,
            width="stretch",
            on_click=_give,
            args=(row, call, name, one),
            disabled=is_off,
        )
    st.button("Skip", key="skip", shortcut="S", width="stretch", type="tertiary", on_click=_move, args=(1,))
    _back()
    st.page_link(
        pages.page("trace"),
        label="The whole trace",
        icon=":material/open_in_new:",
        query_params=trace_query(row["trace_id"], row["span_id"], row["project"]),
    )
    if not access.may("annotator"):
        st.caption("Your role may look but not label.")


def _back() -> None:
    st.button(
        "Undo",
        key="undo",
        shortcut="U",
        width="stretch",
        type="tertiary",
        on_click=_move,
        args=(-1,),
        disabled=st.session_state[_STATE]["at"] == 0,
        help="Goes back by one; a new label replaces the old one.",
    )


@told()
def _give(row: dict[str, Any], call: dict[str, Any], name: str, given: Label) -> None:
    feedback.send(
        Feedback(
            row["trace_id"],
            row["span_id"],
            name,
            given.value,
            given.text,
            st.session_state.note,
            call={
                "service_name": call["service_name"],
                "environment": call["environment"],
                "model": call["response_model"] or call["request_model"],
                "prompt_name": call["prompt_name"],
                "prompt_version": call["prompt_version"],
            },
            project=row["project"],
            call_start_ns=call["start_ns"],
        )
    )
    st.session_state[_STATE]["given"] += 1
    _move(1)


def _move(by: int) -> None:
    state = st.session_state[_STATE]
    state["at"] = max(0, min(len(state["rows"]), state["at"] + by))
    st.session_state.note = ""


def _undelivered() -> None:
    failed = feedback.problems()
    if not failed:
        return
    st.error(
        f"{len(failed):,} labels did not arrive. {label(failed[-1].outcome.result(), 200)}", icon=":material/error:"
    )
    if st.button("Send them again", key="again"):
        for sent in failed:
            feedback.again(sent)


def _so_far(scope: Scope, name: str) -> None:
    given = read(queries.labels_given, scope, name)
    if not given:
        return
    with card("Labels so far", "of calls in this time range, by everybody", rows=given, key="labels"):
        totals: dict[str, int] = {}
        for row in given:
            totals[row["given"]] = totals.get(row["given"], 0) + row["calls"]
        total = sum(totals.values())
        for text, calls in totals.items():
            low, high = wilson(calls, total)
            share = f"{format.percent(calls / total, 0)} (95 % interval {format.percent_range(low, high)})"
            st.caption(f"**{label(text, 40)}**: {calls:,} of {total:,}, {share}")
        pairs = read(queries.agreement, scope, name)
        if pairs["n_pairs"]:
            share = format.percent(pairs["n_agreeing"] / pairs["n_pairs"], 0)
            st.caption(f"Where two people labelled the same call they agree in {share} of {pairs['n_pairs']:,} pairs.")
