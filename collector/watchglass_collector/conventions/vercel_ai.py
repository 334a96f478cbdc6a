"""Vercel's AI SDK: 6 and older with keys of its own (`ai.*`), 7 with OpenTelemetry's.

`ai.generateText` wraps one or more `ai.generateText.doGenerate`: these are the calls, and both carry usage.
"""

from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.otel_genai import extended

_GENERATORS = ("generateText", "streamText", "generateObject", "streamObject")
_GROUPED = "ai.telemetry.metadata"

CONVENTION = Convention(
    name="vercel_ai",
    attributes=("ai.operationId",),
    scopes=("ai", "gen_ai"),
    operations={
        **{f"ai.{name}": "invoke_agent" for name in _GENERATORS},
        **{f"ai.{name}.do{call}": "chat" for name in _GENERATORS for call in ("Generate", "Stream")},
        "ai.embed": "chain",
        "ai.embedMany": "chain",
        "ai.embed.doEmbed": "embeddings",
        "ai.embedMany.doEmbed": "embeddings",
        "ai.toolCall": "execute_tool",
    },
    fields=extended(
        {
            "operation": ("ai.operationId",),
            "provider_name": ("ai.model.provider",),
            "request_model": ("ai.model.id",),
            "response_model": ("ai.response.model",),
            "response_id": ("ai.response.id",),
            "agent_name": ("ai.telemetry.functionId",),
            "tool_name": ("ai.toolCall.name",),
            "tool_call_id": ("ai.toolCall.id",),
            "tool_call_arguments": ("ai.toolCall.args", "ai.toolCall.input"),
            "tool_call_result": ("ai.toolCall.result", "ai.toolCall.output"),
            "tool_definitions": ("ai.prompt.tools",),
            "output_schema": ("ai.schema",),
            "input": ("ai.prompt.messages",),
            "step_input": ("ai.prompt", "ai.values", "ai.value"),
            "output_messages.reasoning": ("ai.response.reasoning",),
            "output_messages.content": ("ai.response.text", "ai.response.object"),
            "output_messages.calls": ("ai.response.toolCalls",),
            "conversation_id": (f"{_GROUPED}.sessionId", f"{_GROUPED}.threadId", f"{_GROUPED}.chatId"),
            "user_id": (f"{_GROUPED}.userId",),
            "prompt_name": (f"{_GROUPED}.promptName",),
            "prompt_version": (f"{_GROUPED}.promptVersion",),
            "request_temperature": ("ai.settings.temperature",),
            "request_top_p": ("ai.settings.topP",),
            "request_max_tokens": ("ai.settings.maxOutputTokens", "ai.settings.maxTokens"),
            "usage_input_tokens": ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
            "usage_output_tokens": ("ai.usage.outputTokens", "ai.usage.completionTokens"),
            "usage_cache_read_input_tokens": (
                "ai.usage.inputTokenDetails.cacheReadTokens",
                "ai.usage.cachedInputTokens",
            ),
            "usage_cache_write_input_tokens": ("ai.usage.inputTokenDetails.cacheWriteTokens",),
            "usage_reasoning_output_tokens": (
                "ai.usage.outputTokenDetails.reasoningTokens",
                "ai.usage.reasoningTokens",
            ),
            "finish_reasons": ("ai.response.finishReason",),
            "first_token_ms": ("ai.response.msToFirstChunk",),
        }
    ),
)
