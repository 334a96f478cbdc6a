"""The materialized view from `otel_traces` to the skeleton of traces: every span, whether or not it is a call.

Users and sessions are often on a span that no convention knows, such as the application's own at the top.
"""

from collections.abc import Sequence
from typing import Final

from watchglass_collector.conventions.sql import project, quote, selected

NAME: Final = "llm_trace_pieces_from_spans"

CONVERSATIONS: Final = (
    "session.id",
    "gen_ai.conversation.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
    "langsmith.metadata.session_id",
    "mlflow.trace.session",
)
"""Attributes that name the session, the first that is there counts."""
USERS: Final = (
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "langsmith.metadata.user_id",
    "mlflow.trace.user",
)
"""Attributes that name the user."""


def pieces_view() -> tuple[str, str]:
    """Name and CREATE statement of the view from spans to `llm_trace_pieces`."""
    owner = project("ResourceAttributes")
    columns = {
        "received_at": "now64(3)",
        "trace_key": f"reinterpretAsInt64(cityHash64(TraceId, {owner}))",
        "kind": "'span'",
        "trace_id": "TraceId",
        "span_id": "SpanId",
        "project": owner,
        "parent_span_id": "ParentSpanId",
        "start_time": "Timestamp",
        "duration_s": "Duration / 1e9",
        "scope": "ScopeName",
        "conversation_id": _first(CONVERSATIONS),
        "user_id": _first(USERS),
    }
    select = f"SELECT {selected(columns)}\nFROM otel_traces WHERE TraceId != ''"
    return NAME, f"CREATE MATERIALIZED VIEW {NAME} TO llm_trace_pieces AS\n{select}"


def _first(keys: Sequence[str]) -> str:
    """The first of some attributes that is there; MLflow writes values as JSON, Logfire blanks out what it scrubs."""
    found = f"firstNonDefault({', '.join(f'SpanAttributes[{quote(key)}]' for key in keys)})"
    return f"if(startsWith({found}, '[Scrubbed'), '', trim(BOTH '\"' FROM {found}))"
