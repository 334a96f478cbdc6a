"""A trace put together from its spans and its calls, and what the page says about the whole of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from watchglass_dashboards.ui.tree import Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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

    start: datetime
    duration_s: float
    spans: int
    errors: int
    input_tokens: int | None  # None = no call said
    output_tokens: int | None
    cost_usd: float | None  # None = no call had a price
    facts: tuple[tuple[str, str], ...]  # (what, value): service, environment, user, conversation, prompt


def assemble(spans: Iterable[Mapping[str, Any]], calls: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Spans of a trace: what was received, with what is known of those that are calls.

    A call whose raw span is gone (its retention may be shorter, or only a log event arrived) is shown from the call.
    """
    by_id = {row["span_id"]: row for row in calls}
    found: dict[str, Span] = {}
    for row in (*spans, *by_id.values()):
        if row["span_id"] not in found:
            found[row["span_id"]] = _span(row, by_id.get(row["span_id"]))
    return list(found.values())


def _span(row: Mapping[str, Any], call: Mapping[str, Any] | None) -> Span:
    return Span(
        row["span_id"],
        row["parent_span_id"],
        row["name"] or (call["operation_name"] if call else ""),
        _KINDS.get(call["operation_name"], "span") if call else "span",
        _EPOCH + timedelta(0, 0, row["start_ns"] // 1000),
        row["duration_s"],
        call["time_to_first_token_s"] if call else None,
        bool(row.get("failed") or (call and call["error_type"])),
    )


def summarise(spans: Sequence[Span], calls: Sequence[Mapping[str, Any]], services: Iterable[str]) -> Summary:
    """The trace in one line. Tokens and cost are of the calls whose usage counts, so that nothing counts twice."""
    start = min(span.start for span in spans)
    end = max(span.start + timedelta(seconds=span.duration_s) for span in spans)
    counted = [call for call in calls if call["usage_counted"]]
    facts = [("service", name) for name in dict.fromkeys(services) if name]
    for what, name in (
        ("environment", "environment"),
        ("user", "user_id"),
        ("conversation", "conversation_id"),
        ("prompt", "prompt_name"),
        ("prompt version", "prompt_version"),
    ):
        facts += [(what, value) for value in list(dict.fromkeys(call[name] for call in calls if call[name]))[:2]]
    return Summary(
        start=start,
        duration_s=(end - start).total_seconds(),
        spans=len(spans),
        errors=sum(span.is_error for span in spans),
        input_tokens=_total(counted, "usage_input_tokens"),
        output_tokens=_total(counted, "usage_output_tokens"),
        cost_usd=_total(counted, "cost_usd"),
        facts=tuple(facts),
    )


def _total(calls: Sequence[Mapping[str, Any]], name: str) -> Any:
    values = [call[name] for call in calls if call[name] is not None]
    return sum(values) if values else None
