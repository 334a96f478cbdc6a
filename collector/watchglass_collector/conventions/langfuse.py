"""Langfuse's SDKs: observations. Whatever the provider called its usage stays called so."""

from watchglass_collector.conventions.convention import Convention

_OBSERVED = "langfuse.observation"
_USAGE = f"{_OBSERVED}.usage_details"
_PARAMETERS = f"{_OBSERVED}.model.parameters"
_METADATA = f"{_OBSERVED}.metadata"

CONVENTION = Convention(
    name="langfuse",
    attributes=(f"{_OBSERVED}.type",),
    scopes=("langfuse-sdk",),
    operations={
        "generation": "chat",
        "embedding": "embeddings",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "retriever": "retrieval",
    },
    fields={
        "operation": (f"{_OBSERVED}.type",),
        "provider_name": (f"{_METADATA}.ls_provider",),
        "request_model": (f"{_METADATA}.ls_model_name",),
        "response_model": (f"{_OBSERVED}.model.name",),
        "response_id": (f"{_METADATA}.id",),
        "tool_call_id": (f"{_METADATA}.tool_call_id",),
        "step_input": (f"{_OBSERVED}.input",),
        "step_output": (f"{_OBSERVED}.output",),
        "prompt_name": (f"{_OBSERVED}.prompt.name",),
        "prompt_version": (f"{_OBSERVED}.prompt.version",),
        "conversation_id": ("session.id", "langfuse.session.id"),
        "user_id": ("user.id", "langfuse.user.id"),
        "request_temperature": (f"{_PARAMETERS}.temperature",),
        "request_top_p": (f"{_PARAMETERS}.top_p",),
        "request_max_tokens": tuple(
            f"{_PARAMETERS}.{name}" for name in ("max_completion_tokens", "max_output_tokens", "max_tokens")
        ),
        "usage_input_tokens": (f"{_USAGE}.input", f"{_USAGE}.input_tokens", f"{_USAGE}.prompt_tokens"),
        "usage_output_tokens": (f"{_USAGE}.output", f"{_USAGE}.output_tokens", f"{_USAGE}.completion_tokens"),
        "usage_cache_read_input_tokens": (
            f"{_USAGE}.input_cache_read",
            f"{_USAGE}.input_cached_tokens",
            f"{_USAGE}.cached_tokens",
            f"{_USAGE}.cache_read_input_tokens",
        ),
        "usage_cache_write_input_tokens": (
            f"{_USAGE}.input_cache_creation",
            f"{_USAGE}.cache_write_tokens",
            f"{_USAGE}.cache_creation_input_tokens",
        ),
        "usage_reasoning_output_tokens": (
            f"{_USAGE}.output_reasoning",
            f"{_USAGE}.output_reasoning_tokens",
            f"{_USAGE}.reasoning_tokens",
        ),
        "cost_usd": (f"{_OBSERVED}.cost_details.total",),
        "finish_reasons": (f"{_METADATA}.finish_reason", f"{_METADATA}.status"),
        "first_token_at": (f"{_OBSERVED}.completion_start_time",),
        "error_type": (f"{_OBSERVED}.level",),
        "error_message": (f"{_OBSERVED}.status_message",),
    },
    objects=(_USAGE, _PARAMETERS, f"{_OBSERVED}.cost_details"),
    invented={
        "request_temperature": ("1", "1.0"),
        "request_top_p": ("1", "1.0"),
        "error_type": ("DEBUG", "DEFAULT", "WARNING"),
    },
    is_named_by_span=True,
)
