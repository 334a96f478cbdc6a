"""Clients that nobody knows: what the last word of a key usually means.

Read only where no other convention recognises a span, and where at least two of model, input, output and token counts
have such a key, so that ordinary spans of web servers and databases are left alone.
"""

from watchglass_collector.conventions.convention import Convention

CONVENTION = Convention(
    name="generic",
    default_operation="chat",
    endings={
        "request_model": ("model", "model_name", "modelname", "model_id", "modelid"),
        "step_input": ("prompt", "prompts", "messages", "input", "inputs", "input_messages", "question", "llm_request"),
        "step_output": ("completion", "completions", "output", "outputs", "output_messages", "answer", "llm_response"),
        "usage_input_tokens": ("input_tokens", "prompt_tokens", "inputtokens", "prompttokens", "tokens_in"),
        "usage_output_tokens": ("output_tokens", "completion_tokens", "outputtokens", "completiontokens", "tokens_out"),
        "usage_cache_read_input_tokens": ("cache_read_tokens", "cache_read_input_tokens", "cached_tokens"),
        "usage_cache_write_input_tokens": (
            "cache_creation_tokens",
            "cache_creation_input_tokens",
            "cache_write_tokens",
        ),
        "usage_reasoning_output_tokens": ("reasoning_tokens",),
        "provider_name": ("provider", "provider_name"),
        "request_temperature": ("temperature",),
        "request_top_p": ("top_p", "topp"),
        "request_max_tokens": ("max_tokens", "maxtokens", "max_output_tokens"),
        "finish_reasons": ("finish_reasons", "finish_reason", "stop_reason"),
        "conversation_id": ("conversation_id", "conversationid", "session_id", "sessionid", "session.id", "thread_id"),
        "user_id": ("user_id", "userid"),
        "tool_name": ("tool_name", "toolname"),
        "cost_usd": ("cost", "cost_usd", "total_cost"),
        "first_token_ms": ("ttft_ms",),
    },
)
