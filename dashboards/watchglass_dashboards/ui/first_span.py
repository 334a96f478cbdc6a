"""What an empty store shows: how to send the first span."""

import streamlit as st

_PYTHON = """pip install watchglass openai opentelemetry-instrumentation-genai-openai

import openai, watchglass

watchglass.init(endpoint="http://localhost:4318", service_name="my-app")
openai.OpenAI().chat.completions.create(
    model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hello"}]
)"""

_JAVASCRIPT = """npm install @traceloop/node-server-sdk openai

// TRACELOOP_BASE_URL=http://localhost:4318 node app.mjs
import * as traceloop from "@traceloop/node-server-sdk";
import OpenAI from "openai";

traceloop.initialize({ appName: "my-app", disableBatch: true, instrumentModules: { openAI: OpenAI } });
await new OpenAI().chat.completions.create({
  model: "gpt-4.1-mini", messages: [{ role: "user", content: "Hello" }],
});"""

_ANY = """export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_SERVICE_NAME=my-app
# Prompts and answers are captured only when you say so:
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY
export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental"""


def first_span(spans: int) -> None:
    """Draw the empty state.

    Args:
        spans: Spans that were stored although none of them is a call to a model.
    """
    if spans:
        st.info(
            f"**{spans:,} spans arrived, none of them a call to a model.** Turn on the GenAI instrumentation of your "
            "client library, so that its calls are traced as well.",
            icon=":material/troubleshoot:",
        )
    else:
        st.subheader("Send your first span", anchor=False)
        st.caption("The collector listens on port 4318 (OTLP over HTTP) and 4317 (gRPC). This page fills by itself.")
    python, javascript, anything = st.tabs(["Python", "JavaScript", "Any OpenTelemetry SDK"])
    with python:
        st.code(_PYTHON, language="python")
    with javascript:
        st.code(_JAVASCRIPT, language="javascript")
    with anything:
        st.code(_ANY, language="bash")
    st.caption("Nothing at hand? `watchglass demo` starts a copy of all this with real traffic.")
