"""Thumbs and a comment on a call; what did not arrive says so and can be sent again."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from watchglass_dashboards import access, feedback
from watchglass_dashboards.feedback import Feedback
from watchglass_dashboards.ui.text import label
from watchglass_store.queries.evaluation import CallId

_NAME = "thumbs"
_LONGEST = 2000


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
        feedback.send(Feedback(trace_id, span_id, _NAME, value, word, comment or "", call=about, project=project))
        st.toast("Sent. It shows among the scores in a few seconds.")
    unsent(key)


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
            feedback.again(sent)
