"""A rubric tried on recent calls: what the judge would be sent, and, where there is a judge, what it says.

The prompts are built here, and nothing is sent from here: a worker of the evaluators asks the judge that its settings
name, and answers in a table of verdicts that are no scores. See design/0020.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import streamlit as st

from watchglass_dashboards import access, connection, pages, writing
from watchglass_dashboards.data import read, read_now
from watchglass_dashboards.judge_desk import JudgeDesk
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.layout import card, guarded, nothing
from watchglass_dashboards.ui.text import label, untrusted
from watchglass_dashboards.ui.trace_address import trace_query
from watchglass_store.queries import page_requests, pages_evaluators
from watchglass_store.queries.evaluation import CallId
from watchglass_store.queries.pages import Scope

_ASKED = "_rubric_asked"
#: Seconds after which nobody will answer; workers take no request that is older than two minutes.
_PATIENCE_S = 300
_SOON_S = 15


def rubric_preview(desk: JudgeDesk, name: str, rubric: Mapping[str, Any], scope: Scope) -> None:
    """Draw the prompts for the newest calls of the scope, and the way to have them judged.

    Args:
        desk: Builds prompts.
        name: Of the rubric.
        rubric: A valid one, saved or not.
        scope: Which calls.
    """
    with card(f"Preview of {label(name, 40)}", "on the newest answered calls of the filter; nothing is saved"):
        count = st.segmented_control("Calls", (3, 5, 10), default=3, required=True, key="preview_calls")
        rows = read(pages_evaluators.recent_calls, scope, limit=count)
        if not rows:
            nothing("No call with a prompt and an answer in this time range. Choose a longer one.")
            return
        writing.viewed("preview", f"rubric {name}: {', '.join(row['trace_id'] for row in rows)}")
        ids = [(row["trace_id"], row["span_id"], row["key_project"]) for row in rows]
        calls = [(*one, row["start_ms"], row["received_ms"]) for one, row in zip(ids, rows, strict=True)]
        prompts = desk.prompts(connection.reader(), name, rubric, calls)
        answers = _answers(name, rubric, calls)
        for one, row in zip(ids, rows, strict=True):
            prompt = next((prompt for prompt in prompts if prompt["call"] == one), None)
            _call(row, prompt, answers.get(one))


def _call(row: Mapping[str, Any], prompt: Mapping[str, Any] | None, answer: Mapping[str, Any] | None) -> None:
    """One call: what was said about it, and what is sent, closed until it is opened."""
    began = datetime.fromtimestamp(row["start_ms"] / 1000, UTC)
    title = f"{format.clock(began, viewer_zone())} · {label(row['service_name'], 40)} · {label(row['model'], 40)}"
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(title, width="content")
            if answer and answer["value"] is not None:
                st.badge(f"{label(answer['verdict'], 40)} = {format.score(answer['value'])}", color="blue")
            elif answer:
                st.badge("no verdict", color="gray")
            elif prompt and prompt["lacks"]:
                st.badge("not asked", color="gray")
            st.space("stretch")
            query = trace_query(row["trace_id"], row["span_id"], row["key_project"])
            st.page_link(pages.page("trace"), label="Trace", icon=":material/timeline:", query_params=query)
        said = (answer["explanation"] or answer["reason"]) if answer else prompt["lacks"] if prompt else ""
        if said:
            untrusted(said, limit=600)
        with st.expander("What the judge is sent" if prompt else "The call is gone"):
            for role, text in prompt["messages"] if prompt else ():
                st.caption("Instructions" if role == "system" else "The call, fenced")
                untrusted(text, code=True)


def _answers(
    name: str, rubric: Mapping[str, Any], calls: Sequence[tuple[str, str, str, int, int]]
) -> dict[CallId, dict[str, Any]]:
    """What the judge said about calls, once it was asked; draws the button that asks it."""
    judge = access.installation().sections.get("evaluators", {}).get("judge", {})
    if not judge.get("base_url") or not judge.get("model"):
        st.caption(
            "No judge is configured: set base\\_url, model and its price in \\[evaluators.judge\\] (docs/judge.md). "
            "Below is what it would be sent."
        )
        return {}
    if st.button("Ask the judge about these", icon=":material/gavel:", key="ask_judge", disabled=_is_waiting()):
        request_id = secrets.token_hex(16)
        content = orjson.dumps({"rubric": dict(rubric), "calls": calls}).decode()
        writing.change(
            "rubric.try",
            name,
            lambda editor, author, now: page_requests.add_request(
                editor, id=request_id, kind=page_requests.JUDGE_PREVIEW, target=name, content=content, author=author,
                now=now,
            ),
            after=rubric,
        )  # fmt: skip
        st.session_state[_ASKED] = {"id": request_id, "rubric": dict(rubric), "since": datetime.now(UTC), "rows": None}
        st.rerun()
    asked = st.session_state.get(_ASKED)
    if not asked or asked["rubric"] != rubric:
        st.caption("It costs what judging costs, within the daily budget; the verdicts are not stored as scores.")
        return {}
    if asked["rows"] is None:
        _wait()
        return {}
    return _told(asked["rows"])


def _is_waiting() -> bool:
    asked = st.session_state.get(_ASKED)
    return asked is not None and asked["rows"] is None


@st.fragment(run_every="1s")
@guarded("preview")
def _wait() -> None:
    """Look for the answer every second, until there is one or nobody will give one."""
    if not _is_waiting():
        return
    asked = st.session_state[_ASKED]
    waited_s = (datetime.now(UTC) - asked["since"]).total_seconds()
    rows = read_now(page_requests.answers_to_preview, asked["id"])
    if any(row["outcome"] in ("done", "refused") for row in rows) or waited_s > _PATIENCE_S:
        asked["rows"] = rows
        st.rerun()
    if rows:
        text = "The judge is being asked …"
    elif waited_s < _SOON_S:
        text = "Waiting for a worker of the evaluators …"
    else:
        text = "No worker has taken it yet. It is a part of `watchglass up`, or `watchglass evaluate` by itself."
    st.info(text, icon=":material/hourglass_top:")


def _told(rows: Sequence[dict[str, Any]]) -> dict[CallId, dict[str, Any]]:
    """Verdicts by call, with a line about all of them; or why there are none."""
    judged = [row for row in rows if row["outcome"] == "judged"]
    refused = next((row for row in rows if row["outcome"] == "refused"), None)
    if refused:
        st.warning(f"The judge cannot be asked: {label(refused['reason'], 300)}", icon=":material/error:")
    elif not judged:
        st.warning("Nobody answered. Is a worker of the evaluators running?", icon=":material/hourglass_disabled:")
    else:
        with_value = sum(row["value"] is not None for row in judged)
        cost = sum(row["cost_usd"] for row in judged)
        st.caption(f"{with_value:,} of {len(judged):,} calls have a verdict with a value · cost {format.usd(cost)}")
    return {(row["trace_id"], row["span_id"], row["project"]): row for row in judged}
