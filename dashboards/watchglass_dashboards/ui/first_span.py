"""What an empty store shows: how to send the first span to this installation. A test runs the code as it stands."""

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.data import read
from watchglass_dashboards.ui.layout import fresh_line, guarded
from watchglass_store.queries.pages import freshness

_PYTHON = """# pip install watchglass
import watchglass

watchglass.init(endpoint="{url}", service_name="my-app"{key_argument})

with watchglass.span("hello", kind="llm", attributes={{"gen_ai.request.model": "my-model"}}) as span:
    span.set_input([{{"role": "user", "content": "Hello"}}])
    span.set_output("Hello! How can I help?")

watchglass.flush()"""

_OPENAI = """# pip install 'watchglass[openai]'
import openai, watchglass

watchglass.init(endpoint="{url}", service_name="my-app"{key_argument})
openai.OpenAI().chat.completions.create(
    model="gpt-4.1-mini", messages=[{{"role": "user", "content": "Hello"}}]
)  # every call from now on is seen"""

_JAVASCRIPT = """// node first-span.mjs   (Node 18 or later; nothing to install)
import {{ randomBytes }} from "node:crypto";

const text = (key, value) => ({{ key, value: {{ stringValue: value }} }});
const now = BigInt(Date.now()) * 1000000n;
const said = (role, content) => JSON.stringify([{{ role, parts: [{{ type: "text", content }}] }}]);
const answer = await fetch("{url}/v1/traces", {{
  method: "POST",
  headers: {{ "Content-Type": "application/json"{key_header_js} }},
  body: JSON.stringify({{ resourceSpans: [{{
    resource: {{ attributes: [text("service.name", "my-app")] }},
    scopeSpans: [{{ spans: [{{
      traceId: randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex"), name: "chat my-model", kind: 3,
      startTimeUnixNano: String(now - 800000000n), endTimeUnixNano: String(now),
      attributes: [
        text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", "my-model"),
        text("gen_ai.input.messages", said("user", "Hello")),
        text("gen_ai.output.messages", said("assistant", "Hello! How can I help?")),
      ],
    }}] }}],
  }}] }}),
}});
console.log(answer.status);"""

_CURL = """now=$(date +%s)
curl -sS {url}/v1/traces -H 'Content-Type: application/json'{key_header_curl} -d '{{"resourceSpans": [{{
  "resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "my-app"}}}}]}},
  "scopeSpans": [{{"spans": [{{
    "traceId": "'$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')'",
    "spanId": "'$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')'",
    "name": "chat my-model", "kind": 3,
    "startTimeUnixNano": "'$((now - 1))'000000000", "endTimeUnixNano": "'$now'000000000",
    "attributes": [
      {{"key": "gen_ai.operation.name", "value": {{"stringValue": "chat"}}}},
      {{"key": "gen_ai.request.model", "value": {{"stringValue": "my-model"}}}},
      {{"key": "gen_ai.input.messages", "value": {{"stringValue":
        "[{{\\"role\\": \\"user\\", \\"parts\\": [{{\\"type\\": \\"text\\", \\"content\\": \\"Hello\\"}}]}}]"}}}}
    ]
  }}]}}]
}}]}}'"""

_SDK = """export OTEL_EXPORTER_OTLP_ENDPOINT={url}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_SERVICE_NAME=my-app{key_export}
# Prompts and answers are captured only when you say so:
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY
export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental"""

#: Where a key has to go; `watchglass keys create` or the Settings page makes one.
_YOUR_KEY = "wg_…"


WAYS = ("Python", "Python, OpenAI", "JavaScript", "curl", "Any OpenTelemetry SDK")


def snippets(url: str, *, needs_key: bool) -> dict[str, tuple[str, str]]:
    """Title of a way to send the first span -> its code and the language that it is in.

    Args:
        url: Of the collector, OTLP over HTTP.
        needs_key: Whether it asks for an API key.
    """
    places = {
        "url": url.rstrip("/"),
        "key_argument": f', headers={{"Authorization": "Bearer {_YOUR_KEY}"}}' if needs_key else "",
        "key_header_js": f', Authorization: "Bearer {_YOUR_KEY}"' if needs_key else "",
        "key_header_curl": f" -H 'Authorization: Bearer {_YOUR_KEY}'" if needs_key else "",
        "key_export": f'\nexport OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer {_YOUR_KEY}"' if needs_key else "",
    }
    code = (_PYTHON, _OPENAI, _JAVASCRIPT, _CURL, _SDK)
    languages = ("python", "python", "javascript", "bash", "bash")
    texts = (text.format(**places) for text in code)
    return dict(zip(WAYS, zip(texts, languages, strict=True), strict=True))


def has_calls() -> bool:
    """How a page begins: the line that says how fresh its data is; without a single call, how to send the first one."""
    fresh = fresh_line()
    if fresh.last_received is None:
        first_span(fresh.spans)
    return fresh.last_received is not None


def first_span(spans: int) -> None:
    """Draw the empty state.

    Args:
        spans: Spans that were stored although none of them is a call to a model.
    """
    found = access.installation()
    _watch()
    if spans:
        st.info(
            f"**{spans:,} spans arrived, none of them a call to a model.** Turn on the GenAI instrumentation of your "
            "client library, so that its calls are traced as well.",
            icon=":material/troubleshoot:",
        )
    else:
        st.subheader("Send your first span", anchor=False)
        st.caption("This page fills by itself, a few seconds after a call arrives.")
    ways = snippets(found.collector_url, needs_key=found.needs_key)
    for title, tab in zip(WAYS, st.tabs(WAYS), strict=True):
        code, language = ways[title]
        with tab:
            st.code(code, language=language)
    if found.needs_key:
        st.caption("The collector asks for a key: make one under Settings, and put it where it says wg\\_….")
    st.caption("Nothing at hand? `watchglass demo` starts a copy of all this with real traffic.")


@st.fragment(run_every="3s")
@guarded("first_span")
def _watch() -> None:
    """Draw the page anew when a call is there."""
    if read(freshness).last_received is not None:
        st.rerun()
