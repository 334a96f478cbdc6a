"""What GenAI clients call things, and the views that turn their telemetry into `llm_calls`.

Adding a convention is one file with one `Convention`, one row in `BUILTIN`, one test.
"""

from importlib import import_module

from watchglass_collector.conventions.convention import Convention

__all__ = ["BUILTIN", "load", "views"]

BUILTIN: dict[str, str] = {
    "openinference": "watchglass_collector.conventions.openinference:CONVENTION",
    "openllmetry": "watchglass_collector.conventions.openllmetry:CONVENTION",
    "openlit": "watchglass_collector.conventions.openlit:CONVENTION",
    "vercel_ai": "watchglass_collector.conventions.vercel_ai:CONVENTION",
    "langfuse": "watchglass_collector.conventions.langfuse:CONVENTION",
    "langsmith": "watchglass_collector.conventions.langsmith:CONVENTION",
    "mlflow": "watchglass_collector.conventions.mlflow:CONVENTION",
    "litellm": "watchglass_collector.conventions.litellm:CONVENTION",
    "pydantic_ai": "watchglass_collector.conventions.pydantic_ai:CONVENTION",
    "anthropic_sdk": "watchglass_collector.conventions.anthropic_sdk:CONVENTION",
    "watchglass": "watchglass_collector.conventions.sdk:CONVENTION",
    "otel_genai": "watchglass_collector.conventions.otel_genai:CONVENTION",
    "generic": "watchglass_collector.conventions.generic:CONVENTION",
}
"""Name -> object, in order of precedence: the first convention that recognises a span reads it."""


def load() -> list[Convention]:
    """The conventions, in order of precedence."""
    conventions = []
    for path in BUILTIN.values():
        module, _, attribute = path.partition(":")
        conventions.append(getattr(import_module(module), attribute))
    return conventions


def views() -> list[tuple[str, str]]:
    """Name and CREATE statement of everything that leads from `otel_traces` and `otel_logs` to calls and scores.

    In order of creation: materialized views, and tables without storage between them.
    """
    from watchglass_collector.conventions.log_views import event_view, score_view
    from watchglass_collector.conventions.rebuilt_view import rebuilt_views
    from watchglass_collector.conventions.span_view import span_views
    from watchglass_collector.conventions.trace_view import pieces_view

    return [*span_views(load()), *rebuilt_views(), event_view(), score_view(), pieces_view()]
