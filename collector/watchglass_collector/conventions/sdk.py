"""Watchglass's own SDK: OpenTelemetry's keys, and the plain input and output of a chain or an agent."""

from dataclasses import replace

from watchglass_collector.conventions.otel_genai import CONVENTION as OTEL_GENAI

CONVENTION = replace(
    OTEL_GENAI,
    name="watchglass",
    attributes=("watchglass.input", "watchglass.output"),
    scopes=("watchglass",),
    default_operation="chain",
    fields={
        **OTEL_GENAI.fields,
        "step_input": (*OTEL_GENAI.fields["step_input"], "watchglass.input"),
        "step_output": ("watchglass.output",),
    },
)
