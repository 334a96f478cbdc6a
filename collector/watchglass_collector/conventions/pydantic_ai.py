"""Pydantic AI, whatever its instrumentation format, and what Logfire's SDK writes about other libraries.

The sums that an agent carries (`gen_ai.aggregated_usage.*`) are no usage of its own.
"""

from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.otel_genai import extended

CONVENTION = Convention(
    name="pydantic_ai",
    attributes=("pydantic_ai.all_messages", "model_request_parameters"),
    scopes=("pydantic-ai", "logfire.openai", "logfire.anthropic", "logfire.openai_agents", "logfire.google_genai"),
    default_operation="chat",
    # Templates of span names that Logfire gives to OpenAI's Agents SDK.
    operations={
        "Function: {name}": "execute_tool",
        "Agent run: {name!r}": "invoke_agent",
        "OpenAI Agents trace: {name}": "invoke_workflow",
        "running tool": "execute_tool",
    },
    fields=extended(
        {
            "operation": ("logfire.msg_template",),
            "request_model": ("model_name",),
            "agent_name": ("agent_name",),
            "step_name": ("name",),
            "tool_call_arguments": ("tool_arguments",),
            "tool_call_result": ("tool_response",),
            "input": ("pydantic_ai.all_messages", "all_messages_events"),
            "events": ("events",),
            "step_input": ("input",),
            "step_output": ("final_result", "output"),
            "user_id": ("metadata.user_id",),
            "conversation_id": ("metadata.session_id",),
            "response_id": ("response_id",),
            "cost_usd": ("operation.cost",),
            "usage_cache_read_input_tokens": (
                "gen_ai.usage.details.cache_read_tokens",
                "gen_ai.usage.details.cache_read_input_tokens",
                "gen_ai.usage.raw.cached_tokens",
                "gen_ai.usage.raw.cache_read_input_tokens",
            ),
            "usage_cache_write_input_tokens": (
                "gen_ai.usage.details.cache_write_tokens",
                "gen_ai.usage.details.cache_creation_input_tokens",
                "gen_ai.usage.raw.cache_creation_input_tokens",
            ),
            "usage_reasoning_output_tokens": (
                "gen_ai.usage.details.reasoning_tokens",
                "gen_ai.usage.raw.reasoning_tokens",
            ),
        }
    ),
    objects=("metadata", "gen_ai.usage.raw"),
)
