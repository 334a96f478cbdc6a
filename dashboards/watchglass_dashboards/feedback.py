"""What people say about an answer, sent to the collector as the event that any application would send.

So a label is a score like any other, with `source` human, and the collector stays the only writer of feedback. A page
never waits for it: it is sent from a thread, and what became of it is shown when it is known.
"""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import orjson
import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.installation import Installation

EVALUATOR: Final = "dashboard"
VERSION: Final = "1"
_TIMEOUT_S: Final = 10
_MOST_SENT: Final = 200
_SENT: Final = "_feedback"


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's verdict on one call."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    name: str
    """The score's: `thumbs`."""
    value: float | None
    """None = a label only."""
    label: str = ""
    explanation: str = ""
    direction: str = "higher_is_better"
    call: Mapping[str, str] | None = None
    """Of the call: service_name, environment, model, prompt_name, prompt_version; '' where unknown."""
    project: str = ""
    """Of the API key that the call came with; '' = none."""
    call_start_ns: int = 0
    """When the call began, Unix nanoseconds: scores are filed under the time of their call. 0 = unknown."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A verdict on its way."""

    feedback: Feedback
    outcome: "Future[str]"
    """'' = stored; otherwise why not, in our own words."""


def body(feedback: Feedback, person: str, time_ns: int) -> bytes:
    """The OTLP/JSON logs request that says it.

    Args:
        feedback: What is said.
        person: Who says so; becomes part of the evaluator's name, so that two people's verdicts are two scores.
        time_ns: Now, Unix nanoseconds.
    """
    call = feedback.call or {}
    text = {
        "gen_ai.evaluation.name": feedback.name,
        "gen_ai.evaluation.score.label": feedback.label,
        "gen_ai.evaluation.explanation": feedback.explanation,
        "watchglass.score.source": "human",
        "watchglass.score.direction": feedback.direction,
        "watchglass.evaluator.name": f"{EVALUATOR}:{person}",
        "watchglass.evaluator.version": VERSION,
        "gen_ai.request.model": call.get("model", ""),
        "gen_ai.prompt.name": call.get("prompt_name", ""),
        "gen_ai.prompt.version": call.get("prompt_version", ""),
    }
    attributes: list[dict[str, Any]] = [_attribute(key, value) for key, value in text.items() if value]
    if feedback.value is not None:
        attributes.append({"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": feedback.value}})
    resource = {
        "service.name": call.get("service_name", ""),
        "deployment.environment.name": call.get("environment", ""),
        "watchglass.project": feedback.project,  # stands where the key has the scope admin, or none is asked for
    }
    record = {
        "timeUnixNano": str(feedback.call_start_ns or time_ns),
        "observedTimeUnixNano": str(time_ns),
        "traceId": feedback.trace_id,
        "spanId": feedback.span_id,
        "eventName": "gen_ai.evaluation.result",
        "attributes": attributes,
    }
    scope = {"scope": {"name": f"watchglass.{EVALUATOR}", "version": VERSION}, "logRecords": [record]}
    resources = [_attribute(key, value) for key, value in resource.items() if value]
    return orjson.dumps({"resourceLogs": [{"resource": {"attributes": resources}, "scopeLogs": [scope]}]})


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def send(feedback: Feedback) -> Sent:
    """Send a verdict; returns at once.

    Raises:
        NotAllowed: The viewer may not annotate.
    """
    actor = access.require("annotator")
    found = access.installation()
    data = body(feedback, actor.name, time.time_ns())
    sent = Sent(feedback, _threads().submit(post, data, found))
    st.session_state[_SENT] = [*st.session_state.get(_SENT, []), sent][-_MOST_SENT:]
    return sent


def post(data: bytes, installation: Installation) -> str:
    """Post a request to the collector; '' = accepted, otherwise what went wrong."""
    url = (installation.config.collector_url or installation.collector_url).rstrip("/") + "/v1/logs"
    headers = {"Content-Type": "application/json"}
    if installation.config.collector_key_env:
        headers["Authorization"] = f"Bearer {os.environ.get(installation.config.collector_key_env, '')}"
    try:
        request = urllib.request.Request(url, data=data, headers=headers)
        with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
            said = orjson.loads(answer.read(65_536) or b"{}")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return "The collector asks for an API key: set dashboard.collector_key_env."
        return f"The collector answered {error.code}."
    except (OSError, ValueError):
        return "The collector does not answer."
    return "The collector refused it." if said.get("partialSuccess", {}).get("rejectedLogRecords") else ""


def problems() -> list[Sent]:
    """The verdicts of this browser session that did not arrive."""
    return [sent for sent in st.session_state.get(_SENT, []) if sent.outcome.done() and sent.outcome.result()]


def again(sent: Sent) -> Sent:
    """Send one anew that did not arrive; returns at once."""
    st.session_state[_SENT] = [other for other in st.session_state.get(_SENT, []) if other is not sent]
    return send(sent.feedback)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


@st.cache_resource(show_spinner=False)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(4, thread_name_prefix="watchglass-feedback")
