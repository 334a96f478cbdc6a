"""A trace put together from its spans and its calls, and what the page says about the whole of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from watchglass_dashboards.ui.tree import Span
from watchglass_store.queries.pages_trace import Columns

_SHAPE = ("span_id", "parent_span_id", "name", "start_ns", "duration_s")
_NO_CALL = ("", "span", None, False)
_KINDS = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "embeddings": "embeddings",
    "retrieval": "retrieval",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "invoke_workflow": "agent",
    "chain": "chain",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """A trace in one line. Texts are captured."""

    start_ns: int  # Unix
    duration_s: float
    spans: int
    errors: int
    input_tokens: int | None  # None = no call said
    output_tokens: int | None
    cost_usd: float | None  # None = no call had a price
    facts: tuple[tuple[str, str], ...]  # (what, value): service, environment, user, conversation, prompt


def assemble(spans: Columns, calls: Columns) -> list[Span]:
    """Spans of a trace: what was received, with what is known of those that are calls.

    A call whose raw span is gone (its retention may be shorter, or only a log event arrived) is shown from the call.

    Args:
        spans: As `pages_trace.spans` gives them.
        calls: As `pages_trace.calls` gives them.
    """
    known = {
        span_id: (operation, _KINDS.get(operation, "span"), first_token_s, bool(error))
        for span_id, operation, first_token_s, error in zip(
            *_each(calls, "span_id", "operation_name", "time_to_first_token_s", "error_type"), strict=True
        )
    }
    found: dict[str, Span] = {}
    for rows in (_each(spans, *_SHAPE, "failed"), _each(calls, *_SHAPE, "error_type")):
        for span_id, parent_id, name, start_ns, duration_s, failed in zip(*rows, strict=True):
            if span_id in found:
                continue
            operation, kind, first_token_s, has_error = known.get(span_id, _NO_CALL)
            found[span_id] = Span(
                span_id,
                parent_id,
                name or operation,
                kind,
                start_ns,
                duration_s,
                first_token_s,
                has_error or bool(failed),
            )
    return list(found.values())


def _each(rows: Columns, *names: str) -> list[Sequence[Any]]:
    return [rows[name] for name in names]


def services(spans: Columns, calls: Columns) -> dict[str, str]:
    """Which service each span is of."""
    return {
        span_id: name
        for rows in (spans, calls)
        for span_id, name in zip(rows["span_id"], rows["service_name"], strict=True)
    }


def summarise(spans: Sequence[Span], calls: Columns, names: Iterable[str]) -> Summary:
    """The trace in one line. Tokens and cost are of the calls whose usage counts, so that nothing counts twice.

    Args:
        spans: At least one.
        calls: As `pages_trace.calls` gives them.
        names: Of services.
    """
    start_ns = min(span.start_ns for span in spans)
    end_ns = max(span.start_ns + span.duration_s * 1e9 for span in spans)
    facts = [("service", name) for name in dict.fromkeys(names) if name]
    for what, column in (
        ("environment", "environment"),
        ("user", "user_id"),
        ("conversation", "conversation_id"),
        ("prompt", "prompt_name"),
        ("prompt version", "prompt_version"),
    ):
        facts += [(what, value) for value in [value for value in dict.fromkeys(calls[column]) if value][:2]]
    return Summary(
        start_ns=start_ns,
        duration_s=(end_ns - start_ns) / 1e9,
        spans=len(spans),
        errors=sum(span.is_error for span in spans),
        input_tokens=_total(calls, "usage_input_tokens"),
        output_tokens=_total(calls, "usage_output_tokens"),
        cost_usd=_total(calls, "cost_usd"),
        facts=tuple(facts),
    )


def _total(calls: Columns, name: str) -> Any:
    counted = zip(calls[name], calls["usage_counted"], strict=True)
    values = [value for value, counts in counted if counts and value is not None]
    return sum(values) if values else None
