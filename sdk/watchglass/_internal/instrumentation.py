"""Turns on the GenAI instrumentation packages that are installed.

They announce themselves in the entry-point group ``opentelemetry_instrumentor``, next to packages for databases and web
frameworks, which are none of our business.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from watchglass._internal.guard import LOGGER, warn_once
from watchglass._internal.settings import CAPTURE_VARIABLE, Settings

GROUP = "opentelemetry_instrumentor"
GENAI_NAMES = (
    "agno", "aleph", "anthropic", "autogen", "bedrock", "cohere", "crewai", "dspy", "genai",
    "google_generativeai", "groq", "guardrails", "haystack", "instructor", "langchain", "langgraph", "litellm",
    "llamaindex", "llama_index", "mcp", "mistral", "ollama", "openai", "portkey", "replicate", "sagemaker",
    "smolagents", "together", "transformers", "vertexai", "voyage", "watsonx", "writer",
)  # fmt: skip
"""An entry point is about GenAI when its name contains one of these."""

WITHOUT_CONTENT = {
    CAPTURE_VARIABLE: "no_content",
    "TRACELOOP_TRACE_CONTENT": "false",
    "OPENINFERENCE_HIDE_INPUTS": "true",
    "OPENINFERENCE_HIDE_OUTPUTS": "true",
}
"""How each family of instrumentation packages is told to leave prompts and answers out."""


def prepare_environment(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Tell instrumentation packages, through the variables that they read, whether to capture content.

    With content, only what the host has left unset is set; without, everything is.
    """
    if not settings.capture_content:
        environ.update(WITHOUT_CONTENT)
        return
    if environ.get(CAPTURE_VARIABLE, "").strip().lower() in ("", "no_content", "false"):
        environ[CAPTURE_VARIABLE] = "span_only"
    # Without this, packages from before 1.0 of the conventions understand true and false only.
    environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")


def choose(found: Iterable[EntryPoint], wanted: tuple[str, ...] | bool) -> list[EntryPoint]:
    """Pick the entry points to turn on: GenAI only, wanted only, and one per library.

    Two packages for one library would record every call twice; OpenTelemetry's own one (``…genai…``) is preferred.
    """
    if wanted is False:
        return []
    chosen: dict[str, EntryPoint] = {}
    for entry in sorted(found, key=lambda entry: (".genai." not in entry.value, entry.name, entry.value)):
        library = entry.name.lower().replace("-", "_").removesuffix("_v2")
        is_wanted = wanted is True or library in wanted or entry.name.lower() in wanted
        if is_wanted and any(name in library for name in GENAI_NAMES):
            chosen.setdefault(library, entry)
    return list(chosen.values())


def turn_on(settings: Settings, providers: Mapping[str, Any]) -> list[str]:
    """Turn on the chosen packages.

    Args:
        settings: ``instrument`` and ``capture_content`` count.
        providers: ``tracer_provider`` and ``logger_provider`` for them.

    Returns:
        Names of those that are on.
    """
    prepare_environment(settings, os.environ)
    entries = choose(entry_points(group=GROUP), settings.instrument)
    return [entry.name for entry in entries if _turn_on(entry, providers)]


def _turn_on(entry: EntryPoint, providers: Mapping[str, Any]) -> bool:
    try:
        instrumentor = entry.load()()
        if instrumentor.is_instrumented_by_opentelemetry:
            return True
        instrumentor.instrument(raise_exception_on_conflict=True, **providers)
    except Exception as error:
        if type(error).__name__ == "DependencyConflictError":  # the library it is for is not installed
            LOGGER.debug("watchglass leaves instrumentation %s off: %s", entry.name, error)
        else:
            warn_once(
                f"instrument:{entry.name}",
                "watchglass cannot turn on instrumentation %s: %s: %s",
                *(entry.name, type(error).__name__, error),
            )
        return False
    return True
