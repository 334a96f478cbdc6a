"""LangSmith's OpenTelemetry exporter: LangChain's own inputs and outputs, as its serialized constructors.

`gen_ai.operation.name` is not to be trusted: a retriever says `embeddings`.
"""

from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.otel_genai import extended

_INPUT_DETAILS = "gen_ai.usage.input_token_details"
_OUTPUT_DETAILS = "gen_ai.usage.output_token_details"
_METADATA = "langsmith.metadata"

CONVENTION = Convention(
    name="langsmith",
    attributes=("langsmith.span.kind", "langsmith.trace.name"),
    scopes=("langsmith",),
    operations={
        "llm": "chat",
        "embedding": "embeddings",
        "retriever": "retrieval",
        "tool": "execute_tool",
        "agent": "invoke_agent",
    },
    fields=extended(
        {
            "operation": ("langsmith.span.kind",),
            "provider_name": (f"{_METADATA}.ls_provider",),
            "request_model": (f"{_METADATA}.ls_model_name",),
            "step_input": ("gen_ai.prompt",),
            "step_output": ("gen_ai.completion",),
            "conversation_id": (
                f"{_METADATA}.session_id",
                f"{_METADATA}.thread_id",
                f"{_METADATA}.conversation_id",
            ),
            "user_id": (f"{_METADATA}.user_id",),
            "prompt_name": (f"{_METADATA}.lc_hub_repo",),
            "prompt_version": (f"{_METADATA}.lc_hub_commit_hash",),
            "request_temperature": (f"{_METADATA}.ls_temperature",),
            "request_max_tokens": (f"{_METADATA}.ls_max_tokens",),
            "usage_cache_read_input_tokens": (f"{_INPUT_DETAILS}.cache_read",),
            "usage_cache_write_input_tokens": (f"{_INPUT_DETAILS}.cache_creation",),
            "usage_reasoning_output_tokens": (f"{_OUTPUT_DETAILS}.reasoning",),
        },
        without=("input", "output"),
        before=("operation",),
    ),
    objects=(_INPUT_DETAILS, _OUTPUT_DETAILS),
    is_named_by_span=True,
)
