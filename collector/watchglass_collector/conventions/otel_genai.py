"""OpenTelemetry's GenAI semantic conventions, 1.26 to the present, as span attributes.

Messages in log events (`gen_ai.choice`, `gen_ai.client.inference.operation.details`) are read by `log_views`.
Structured values arrive as JSON text, whoever wrote the row, so there is one form to read.
"""

from collections.abc import Collection, Mapping

from watchglass_collector.conventions.convention import Convention

CONVENTION = Convention(
    name="otel_genai",
    attributes=(
        "gen_ai.operation.name",
        "gen_ai.request.model",
        "gen_ai.system",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
    ),
    default_operation="chat",
    fields={
        "operation": ("gen_ai.operation.name",),
        "provider_name": ("gen_ai.provider.name", "gen_ai.system"),
        "request_model": ("gen_ai.request.model",),
        "response_model": ("gen_ai.response.model",),
        "response_id": ("gen_ai.response.id",),
        "agent_name": ("gen_ai.agent.name",),
        "tool_name": ("gen_ai.tool.name",),
        "tool_call_id": ("gen_ai.tool.call.id",),
        "tool_call_arguments": ("gen_ai.tool.call.arguments",),
        "tool_call_result": ("gen_ai.tool.call.result",),
        "system_instructions": ("gen_ai.system_instructions",),
        "tool_definitions": ("gen_ai.tool.definitions",),
        "retrieval_documents": ("gen_ai.retrieval.documents",),
        "step_input": ("gen_ai.retrieval.query.text",),
        "input": ("gen_ai.input.messages", "gen_ai.prompt"),
        "output": ("gen_ai.output.messages", "gen_ai.completion"),
        "user_id": ("gen_ai.user", "gen_ai.request.user"),
        "request_temperature": ("gen_ai.request.temperature",),
        "request_top_p": ("gen_ai.request.top_p",),
        "request_max_tokens": ("gen_ai.request.max_tokens",),
        "usage_input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "usage_output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "usage_cache_read_input_tokens": (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
        ),
        "usage_cache_write_input_tokens": (
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
        ),
        "usage_reasoning_output_tokens": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
        "finish_reasons": ("gen_ai.response.finish_reasons", "anthropic.message.stop_reason"),
        "time_to_first_token_s": (
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.client.operation.time_to_first_chunk",
        ),
        "is_streaming": ("gen_ai.request.stream",),
        "cost_usd": ("gen_ai.usage.cost",),
    },
)


def extended(
    own: Mapping[str, tuple[str, ...]], *, without: Collection[str] = (), before: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """OpenTelemetry's fields and a client's own.

    Args:
        own: Field -> the client's keys, read where OpenTelemetry's say nothing.
        without: Fields of which OpenTelemetry's keys mean nothing here.
        before: Fields of which the client's keys are read before OpenTelemetry's.
    """
    fields: dict[str, tuple[str, ...]] = {}
    for name in (*CONVENTION.fields, *own):
        theirs = () if name in without else CONVENTION.fields.get(name, ())
        mine = own.get(name, ())
        fields[name] = (*mine, *theirs) if name in before else (*theirs, *mine)
    return {name: keys for name, keys in fields.items() if keys}
