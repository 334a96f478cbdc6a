"""Thumbs and a comment on a call, and what became of them; what did not arrive says so and can be sent again."""

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from watchglass_dashboards import access, connection, feedback
from watchglass_dashboards.data import read_now
from watchglass_dashboards.feedback import Feedback, Sent
from watchglass_dashboards.ui.layout import guarded
from watchglass_dashboards.ui.text import label
from watchglass_store.queries import pages_trace as queries
from watchglass_store.queries.evaluation import CallId

_NAME = "thumbs"
_LONGEST = 2000
_AWAITED = "_verdict_awaited"
#: Seconds until a page stops looking for a verdict that the collector took.
_PATIENCE_S = 60


def feedback_panel(place: CallId, call: Mapping[str, Any] | None, service: str, *, key: str) -> None:
    """Draw the buttons; nothing for a viewer who may not annotate, or where there is no call.

    Args:
        place: Of the call.
        call: Its row; None = the span is no call.
        service: Name of the service it belongs to.
        key: Prefix of widget keys.
    """
    if call is None or not access.may("annotator"):
        return
    about = {
        "service_name": service,
        "environment": "",
        "model": call["response_model"] or call["request_model"],
        "prompt_name": call["prompt_name"],
        "prompt_version": call["prompt_version"],
    }
    trace_id, span_id, project = place
    prefix = f"{key}_{span_id}"
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="feedback"):
        st.markdown("**Your verdict**", width="content")
        comment = st.text_input(
            "Why", key=f"{prefix}_why", max_chars=_LONGEST, placeholder="Why? (optional)", label_visibility="collapsed"
        )
        up = st.button("Good", icon=":material/thumb_up:", key=f"{prefix}_up")
        down = st.button("Bad", icon=":material/thumb_down:", key=f"{prefix}_down")
    if up or down:
        value, word = (1.0, "up") if up else (0.0, "down")
        sent = feedback.send(
            Feedback(trace_id, span_id, _NAME, value, word, comment or "", call=about, project=project)
        )
        st.session_state[_AWAITED] = (sent, time.monotonic())
    if _AWAITED in st.session_state:
        _await(key)
    else:
        unsent(key)


@st.fragment(run_every="1s")
@guarded("verdict")
def _await(key: str) -> None:
    """Say what becomes of the last verdict, until it stands among the scores."""
    if _AWAITED not in st.session_state:
        return
    sent, since = st.session_state[_AWAITED]
    if sent.outcome.done() and sent.outcome.result():
        unsent(key)
    elif sent.outcome.done() and (_is_stored(sent) or time.monotonic() - since > _PATIENCE_S):
        del st.session_state[_AWAITED]
        connection.forget()  # the scores beside it are older
        st.rerun()
    else:
        st.caption("Sent. It stands among the scores in a few seconds.")


def _is_stored(sent: Sent) -> bool:
    said = sent.feedback
    mine = f"{feedback.EVALUATOR}:{access.actor().name}"
    return any(
        (row["span_id"], row["name"], row["evaluator"]) == (said.span_id, said.name, mine)
        and (row["label"], row["why"]) == (said.label, said.explanation)
        for row in read_now(queries.scores, said.trace_id, said.project)
    )


def unsent(key: str) -> None:
    """The verdicts of this browser session that did not arrive, with a button that sends them again."""
    problems = feedback.problems()
    if not problems:
        return
    st.warning(
        f"{len(problems):,} of your verdicts did not arrive. {label(problems[0].outcome.result(), 200)}",
        icon=":material/cloud_off:",
    )
    if st.button("Send again", key=f"{key}_again", icon=":material/refresh:"):
        for sent in problems:
            st.session_state[_AWAITED] = (feedback.again(sent), time.monotonic())
        st.rerun()
