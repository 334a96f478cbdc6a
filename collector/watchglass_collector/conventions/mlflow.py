"""MLflow Tracing over OTLP: every value is JSON, inputs and outputs are the provider's own request and response.

With MLFLOW_ENABLE_OTEL_GENAI_SEMCONV the same spans carry OpenTelemetry's keys.
"""

from watchglass_collector.conventions.convention import Convention
from watchglass_collector.conventions.otel_genai import extended

_USAGE = "mlflow.chat.tokenUsage"

CONVENTION = Convention(
    name="mlflow",
    attributes=("mlflow.spanType", "mlflow.spanInputs", "mlflow.traceRequestId"),
    scopes=("mlflow.tracing.provider",),
    operations={
        "CHAT_MODEL": "chat",
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "RETRIEVER": "retrieval",
        "RERANKER": "retrieval",
        "TOOL": "execute_tool",
        "AGENT": "invoke_agent",
        "WORKFLOW": "invoke_workflow",
    },
    fields=extended(
        {
            "operation": ("mlflow.spanType",),
            "provider_name": ("mlflow.llm.provider",),
            "request_model": ("model", "metadata.ls_model_name"),
            "response_model": ("mlflow.llm.model",),
            "tool_call_id": ("tool_call_id",),
            "tool_definitions": ("mlflow.chat.tools",),
            "step_input": ("mlflow.spanInputs",),
            "step_output": ("mlflow.spanOutputs",),
            "conversation_id": ("mlflow.trace.session", "metadata.thread_id"),
            "user_id": ("mlflow.trace.user", "user"),
            "request_temperature": ("temperature", "invocation_params.temperature"),
            "request_top_p": ("top_p", "invocation_params.top_p"),
            "request_max_tokens": (
                "max_tokens",
                "max_completion_tokens",
                "max_output_tokens",
                "invocation_params.max_completion_tokens",
                "invocation_params.max_tokens",
            ),
            "usage_input_tokens": (f"{_USAGE}.input_tokens",),
            "usage_output_tokens": (f"{_USAGE}.output_tokens",),
            "usage_cache_read_input_tokens": (f"{_USAGE}.cache_read_input_tokens",),
            "usage_cache_write_input_tokens": (f"{_USAGE}.cache_creation_input_tokens",),
        },
        # The genai flag puts the answer's model under the request's key.
        before=("request_model",),
    ),
    objects=(_USAGE, "metadata", "invocation_params"),
    is_named_by_span=True,
    first_token_events=("mlflow.chunk.item.0", "new_token"),
)
