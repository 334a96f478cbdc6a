"""OpenLLMetry (traceloop-sdk, opentelemetry-instrumentation-* by Traceloop), 0.40 to 0.62.

Since 0.5x the model spans follow OpenTelemetry's keys; before, messages were numbered (`gen_ai.prompt.0.content`).
Workflow, task, agent and tool wrappers carry `traceloop.*` only.
"""

from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.otel_genai import extended

# Those whose scope is not also the name of an official package.
_LIBRARIES = (
    "openai.v0",
    "openai.v1",
    "anthropic",
    "bedrock",
    "cohere",
    "crewai",
    "google_generativeai",
    "groq",
    "haystack",
    "langchain",
    "llamaindex",
    "mistralai",
    "ollama",
    "replicate",
    "together",
    "transformers",
    "watsonx",
)
_ASSOCIATED = "traceloop.association.properties"


def _messages(field: str, prefix: str) -> dict[str, tuple[str, ...]]:
    return {
        f"{field}.role": (f"{prefix}.#.role",),
        f"{field}.content": (f"{prefix}.#.content",),
        f"{field}.tool_call_id": (f"{prefix}.#.tool_call_id",),
        f"{field}.finish_reason": (f"{prefix}.#.finish_reason",),
        f"{field}.call_id": (f"{prefix}.#.tool_calls.#.id",),
        f"{field}.call_name": (f"{prefix}.#.tool_calls.#.name",),
        f"{field}.call_arguments": (f"{prefix}.#.tool_calls.#.arguments",),
    }


_FIELDS = {
    "operation": ("traceloop.span.kind", "llm.request.type"),
    "conversation_id": (f"{_ASSOCIATED}.session_id", f"{_ASSOCIATED}.conversation_id", f"{_ASSOCIATED}.chat_id"),
    "user_id": (f"{_ASSOCIATED}.user_id", "llm.user"),
    "step_name": ("traceloop.entity.name",),
    "step_input": ("traceloop.entity.input",),
    "step_output": ("traceloop.entity.output",),
    "prompt_name": ("traceloop.prompt.key",),
    "prompt_version": ("traceloop.prompt.version",),
    "request_top_p": ("llm.top_p",),
    **_messages("input_messages", "gen_ai.prompt"),
    **_messages("output_messages", "gen_ai.completion"),
    **{
        f"tool_definitions.{part}": (f"llm.request.functions.#.{part}",)
        for part in ("name", "description", "parameters")
    },
}

CONVENTION = Convention(
    name="openllmetry",
    attributes=(
        "traceloop.span.kind",
        "traceloop.workflow.name",
        f"{_ASSOCIATED}.session_id",
        "gen_ai.is_streaming",
    ),
    scopes=("traceloop.tracer", *(f"opentelemetry.instrumentation.{library}" for library in _LIBRARIES)),
    operations={
        "workflow": "invoke_workflow",
        "task": "chain",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "completion": "text_completion",
        "embedding": "embeddings",
        "rerank": "retrieval",
    },
    fields=extended(_FIELDS),
    first_token_events=("gen_ai.content.completion.chunk", "llm.content.completion.chunk"),
)
