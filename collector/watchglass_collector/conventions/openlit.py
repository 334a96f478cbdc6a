"""OpenLIT 1.x: OpenTelemetry's keys, with a few of its own, and with defaults that nobody has set."""

from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.otel_genai import extended

CONVENTION = Convention(
    name="openlit",
    attributes=("gen_ai.sdk.version", "openlit.agent.version_hash", "gen_ai.application_name"),
    scopes=("openlit",),
    operations={"create_agent": "chain"},
    fields=extended(
        {
            "step_input": ("gen_ai.workflow.input",),
            "step_output": ("gen_ai.workflow.output",),
            "step_name": ("gen_ai.workflow.name",),
            "tool_call_arguments": ("gen_ai.tool.args",),
            "time_to_first_token_s": ("gen_ai.server.time_to_first_token",),
            "error_message": ("gen_ai.framework.error.message",),
        }
    ),
    invented={
        "request_temperature": ("1", "1.0"),
        "request_top_p": ("1", "1.0"),
        "request_max_tokens": ("-1",),
    },
)
