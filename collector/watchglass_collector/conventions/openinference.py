"""OpenInference (Arize Phoenix): every span says what it is in `openinference.span.kind`, lists are numbered keys."""

from watchglass_collector.conventions.convention import Convention


def _messages(field: str, prefix: str) -> dict[str, tuple[str, ...]]:
    call = f"{prefix}.#.message.tool_calls.#.tool_call"
    content = f"{prefix}.#.message.contents.#.message_content"
    return {
        f"{field}.role": (f"{prefix}.#.message.role",),
        f"{field}.content": (f"{prefix}.#.message.content",),
        f"{field}.tool_call_id": (f"{prefix}.#.message.tool_call_id",),
        f"{field}.part_text": (f"{content}.text",),
        f"{field}.part_uri": (f"{content}.image.image.url",),
        f"{field}.call_id": (f"{call}.id",),
        f"{field}.call_name": (f"{call}.function.name",),
        f"{field}.call_arguments": (f"{call}.function.arguments",),
    }


_DOCUMENTS = ("retrieval.documents.#.document", "reranker.output_documents.#.document")
_input = _messages("input_messages", "llm.input_messages")

CONVENTION = Convention(
    name="openinference",
    attributes=("openinference.span.kind",),
    operations={
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "RETRIEVER": "retrieval",
        "RERANKER": "retrieval",
        "TOOL": "execute_tool",
        "AGENT": "invoke_agent",
        "CHAIN": "chain",
    },
    fields={
        "operation": ("openinference.span.kind",),
        "provider_name": ("llm.provider", "llm.system"),
        "request_model": ("llm.request.model_name", "embedding.model_name", "llm.invocation_parameters.model"),
        "response_model": ("llm.response.model_name", "llm.model_name"),
        "agent_name": ("agent.name",),
        "tool_name": ("tool.name",),
        "tool_call_id": ("tool_call.id",),
        "step_input": ("input.value",),
        "step_output": ("output.value",),
        "request_temperature": ("llm.invocation_parameters.temperature",),
        "request_top_p": ("llm.invocation_parameters.top_p",),
        "request_max_tokens": tuple(
            f"llm.invocation_parameters.{name}" for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")
        ),
        "prompt_name": ("llm.prompt_template.name",),
        "prompt_version": ("llm.prompt_template.version",),
        "usage_input_tokens": ("llm.token_count.prompt",),
        "usage_output_tokens": ("llm.token_count.completion",),
        "usage_cache_read_input_tokens": ("llm.token_count.prompt_details.cache_read",),
        "usage_cache_write_input_tokens": ("llm.token_count.prompt_details.cache_write",),
        "usage_reasoning_output_tokens": ("llm.token_count.completion_details.reasoning",),
        "finish_reasons": ("llm.finish_reason",),
        "cost_usd": ("llm.cost.total",),
        **_input,
        **_messages("output_messages", "llm.output_messages"),
        "input_messages.content": (*_input["input_messages.content"], "embedding.embeddings.#.embedding.text"),
        "tool_definitions.definition": ("llm.tools.#.tool.json_schema",),
        **{
            f"retrieval_documents.{part}": tuple(f"{document}.{part}" for document in _DOCUMENTS)
            for part in ("id", "content", "score", "metadata")
        },
    },
    objects=("llm.invocation_parameters",),
    first_token_events=("First Token Stream Event",),
)
