"""The spans that Anthropic's own Python SDK writes as soon as the app has a tracer provider."""

from dataclasses import replace

from watchglass_collector.conventions.otel_genai import CONVENTION as OTEL_GENAI

CONVENTION = replace(
    OTEL_GENAI,
    name="anthropic_sdk",
    attributes=("anthropic.message.stop_reason",),
    scopes=("com.anthropic.sdk.python",),
)
