"""The official instrumentation of the real OpenAI client, against a scripted model on loopback."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import EntryPoint
from typing import Any

import openai  # noqa: TID253  # the real client is what is tested
import pytest
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

import watchglass
from watchglass._internal.instrumentation import GROUP, WITHOUT_CONTENT, choose, prepare_environment
from watchglass._internal.settings import CAPTURE_VARIABLE, resolve

from .conftest import Sink


def ask(url: str, model: str = "small", **more: Any) -> Any:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Will it rain?"}], **more
        )
        return list(answer) if more.get("stream") else answer


def test_a_call_of_the_openai_client_is_recorded_with_content_and_context(sink: Sink, model: str) -> None:
    watchglass.init(sink.url, "shop")

    @watchglass.observe(kind="agent")
    def forecast(question: str) -> str:
        with watchglass.context(session_id="s1", user_id="u1", prompt_name="rain", prompt_version="2", reference="No."):
            return str(ask(model).choices[0].message.content)

    assert forecast("Will it rain?") == "Rain."
    assert watchglass.flush()
    call = sink.span("chat small")
    assert call.parent_span_id == sink.span(f"{forecast.__qualname__.rpartition('.')[2]}").span_id
    attributes = call.attributes
    assert json.loads(attributes["gen_ai.input.messages"])[0]["parts"][0]["content"] == "Will it rain?"
    assert json.loads(attributes["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Rain."
    assert attributes["gen_ai.response.model"] == "small-2026"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (11, 7)
    assert (attributes["session.id"], attributes["user.id"]) == ("s1", "u1")
    assert (attributes["gen_ai.prompt.name"], attributes["gen_ai.prompt.version"]) == ("rain", "2")
    assert attributes["watchglass.reference.text"] == "No."


def test_streams_and_errors_are_recorded(sink: Sink, model: str) -> None:
    watchglass.init(sink.url)
    ask(model, stream=True)
    with pytest.raises(openai.RateLimitError):
        ask(model, "busy")
    assert watchglass.flush()
    assert "Rain." in sink.span("chat small").attributes["gen_ai.output.messages"]
    assert "RateLimitError" in sink.span("chat busy").attributes["error.type"]


def test_the_asynchronous_client_is_recorded(sink: Sink, model: str) -> None:
    watchglass.init(sink.url)

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=model, api_key="none") as client:
            await client.chat.completions.create(model="small", messages=[{"role": "user", "content": "Hm?"}])

    asyncio.run(main())
    assert watchglass.flush()
    assert sink.span("chat small").attributes["gen_ai.response.model"] == "small-2026"


@pytest.mark.parametrize("where", ["argument", "variable", "standard"])
def test_without_content_nothing_said_leaves_the_process(
    sink: Sink, model: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "variable":
        monkeypatch.setenv("WATCHGLASS_CAPTURE_CONTENT", "false")
    if where == "standard":
        monkeypatch.setenv(CAPTURE_VARIABLE, "no_content")
    watchglass.init(sink.url, capture_content=False if where == "argument" else None)

    @watchglass.observe
    def forecast(question: str) -> str:
        return str(ask(model).choices[0].message.content)

    forecast("Will it rain?")
    assert watchglass.flush()
    assert len(sink.spans) == 2
    sent = b"".join(span.raw.SerializeToString() for span in sink.spans)
    assert b"rain?" not in sent
    assert b"Rain." not in sent
    assert sink.span("chat small").attributes["gen_ai.usage.input_tokens"] == 11


def test_the_hosts_choice_of_where_content_goes_is_kept(
    sink: Sink, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAPTURE_VARIABLE, "event_only")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true")
    watchglass.init(sink.url)
    ask(model)
    assert watchglass.flush()
    assert "gen_ai.input.messages" not in sink.span("chat small").attributes
    (event,) = sink.events
    assert event.name == "gen_ai.client.inference.operation.details"
    assert event.attributes["gen_ai.input.messages"][0]["parts"][0]["content"] == "Will it rain?"


@pytest.mark.parametrize("instrument", [False, "anthropic", []])
def test_instrumentation_can_be_left_off(sink: Sink, model: str, instrument: Any) -> None:
    watchglass.init(sink.url, instrument=instrument)
    ask(model)
    assert watchglass.flush()
    assert sink.spans == []


def test_what_the_host_has_instrumented_is_not_instrumented_again(
    sink: Sink, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    OpenAIInstrumentor().instrument()
    watchglass.init(sink.url)
    ask(model)
    assert watchglass.flush()
    assert len(sink.spans) == 1
    assert caplog.records == []


OFFICIAL = EntryPoint("openai", "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor", GROUP)
TRACELOOP = EntryPoint("openai", "opentelemetry.instrumentation.openai:OpenAIInstrumentor", GROUP)
OLDER = EntryPoint("openai_v2", "opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor", GROUP)
ANTHROPIC = EntryPoint("anthropic", "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor", GROUP)
AGENTS = EntryPoint("openai-agents", "opentelemetry.instrumentation.genai.openai_agents:Instrumentor", GROUP)
DJANGO = EntryPoint("django", "opentelemetry.instrumentation.django:DjangoInstrumentor", GROUP)


def test_one_package_per_library_and_genai_only() -> None:
    found = [DJANGO, TRACELOOP, OLDER, OFFICIAL, ANTHROPIC, AGENTS]
    assert choose(found, True) == [ANTHROPIC, OFFICIAL, AGENTS]
    assert choose([DJANGO, TRACELOOP], True) == [TRACELOOP]
    assert choose(found, ("openai",)) == [OFFICIAL]
    assert choose(found, ("openai-agents", "django")) == [AGENTS]
    assert choose(found, False) == []


@pytest.mark.parametrize(
    ("argument", "before", "after"),
    [
        (None, {}, {CAPTURE_VARIABLE: "span_only", "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}),
        (None, {CAPTURE_VARIABLE: "event_only", "OTEL_SEMCONV_STABILITY_OPT_IN": "http"},
         {CAPTURE_VARIABLE: "event_only", "OTEL_SEMCONV_STABILITY_OPT_IN": "http"}),
        (None, {CAPTURE_VARIABLE: "no_content"}, WITHOUT_CONTENT),
        (True, {CAPTURE_VARIABLE: "no_content"},
         {CAPTURE_VARIABLE: "span_only", "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}),
        (False, {CAPTURE_VARIABLE: "span_only", "TRACELOOP_TRACE_CONTENT": "true"}, WITHOUT_CONTENT),
    ],
)  # fmt: skip
def test_the_environment_tells_packages_about_content(
    argument: bool | None, before: dict[str, str], after: dict[str, str]
) -> None:
    environ = dict(before)
    prepare_environment(resolve({"capture_content": argument}, environ), environ)
    assert environ == after


def test_a_broken_package_is_reported_and_the_rest_works(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = EntryPoint("cohere", "no.such.module:Instrumentor", GROUP)
    monkeypatch.setattr("watchglass._internal.instrumentation.entry_points", lambda group: [broken])
    watchglass.init(sink.url)
    with watchglass.span("work"):
        pass
    assert watchglass.flush()
    assert "cannot turn on instrumentation cohere: ModuleNotFoundError" in caplog.text
