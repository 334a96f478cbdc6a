"""LiteLLM's OpenTelemetry callback (v1) and its proxy (v1, v2).

The child `raw_gen_ai_request` repeats the call in the provider's words, as Python prints them: it is no second call.
"""

from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.otel_genai import extended

_CALLED = "gen_ai.completion.#.function_call"

CONVENTION = Convention(
    name="litellm",
    attributes=("litellm.call_id", "litellm.provider.model", "litellm.call_type"),
    foreign_scopes=("litellm",),
    default_operation="chat",
    operations={
        **dict.fromkeys(("completion", "acompletion", "responses", "aresponses", "anthropic_messages"), "chat"),
        **dict.fromkeys(("atext_completion",), "text_completion"),
        **dict.fromkeys(("embedding", "aembedding"), "embeddings"),
        **dict.fromkeys(("rerank", "arerank", "vector_store_search", "avector_store_search"), "retrieval"),
    },
    fields=extended(
        {
            "operation": ("litellm.call_type", "llm.request.type"),
            "conversation_id": ("metadata.session_id",),
            "user_id": (
                "llm.user",
                "litellm.metadata.user_api_key_end_user_id",
                "metadata.user_api_key_end_user_id",
                "metadata.user_api_key_user_id",
            ),
            "cost_usd": ("gen_ai.cost.total_cost", "litellm.cost.total"),
            "is_streaming": ("llm.is_streaming",),
            "error_message": ("error.message",),
            "output_messages.call_name": (f"{_CALLED}.name",),
            "output_messages.call_arguments": (f"{_CALLED}.arguments",),
            "tool_definitions.name": ("llm.request.functions.#.name", "gen_ai.tool.#.name"),
            "tool_definitions.description": ("llm.request.functions.#.description", "gen_ai.tool.#.description"),
            "tool_definitions.parameters": ("llm.request.functions.#.parameters", "gen_ai.tool.#.parameters"),
        }
    ),
)
