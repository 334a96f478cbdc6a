"""``score``: a judgement about a call, from a person, the application or another tool."""

from __future__ import annotations

import math
from string import hexdigits

from watchglass._internal import state
from watchglass._internal.guard import never_raises, warn_once

EVENT_NAME = "gen_ai.evaluation.result"
SOURCES = ("human", "external", "code", "model", "judge")
DIRECTIONS = ("higher_is_better", "lower_is_better", "neutral")


@never_raises(None)
def score(
    name: str,
    value: float | bool | None = None,
    *,
    label: str | None = None,
    explanation: str | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    source: str = "external",
    evaluator: str | None = None,
    evaluator_version: str | None = None,
    direction: str | None = None,
) -> None:
    """Record a score about the current span, or about the span named by its ids.

        watchglass.score("thumbs", value=1, source="human")
        watchglass.score("tone", label="rude", explanation="Calls names", trace_id=trace_id, span_id=span_id)

    Outside of a span and without ids there is nothing the score is about: it is dropped, with one warning. Sent as the
    log event ``gen_ai.evaluation.result``; a score with the same name, evaluator and span replaces an earlier one.

    Args:
        name: What was judged: ``thumbs``, ``rouge_l``.
        value: A number; True and False count as 1 and 0. Not a number is the same as None.
        label: A word for it, such as ``pass``. One of value and label is needed.
        explanation: Why.
        trace_id: 32 hexadecimal digits, ``span.trace_id``.
        span_id: 16 hexadecimal digits, ``span.span_id``; goes with the trace_id.
        source: ``human``, ``external``, ``code``, ``model`` or ``judge``.
        evaluator: Who judged: a tool's name.
        evaluator_version: Its version.
        direction: ``higher_is_better``, ``lower_is_better`` or ``neutral``.
    """
    client = state.client
    if client is None:
        return
    is_current = trace_id is None and span_id is None
    target = client.current_ids() if is_current else (_id(trace_id, 32), _id(span_id, 16))
    if not all(target):
        warn_once("score:target", "watchglass drops scores outside of a span that name no valid trace_id and span_id")
        return
    number = _number(value)
    if number is None and not label:
        warn_once("score:empty", "watchglass drops scores that have neither a finite value nor a label")
        return
    text = {
        "gen_ai.evaluation.name": name,
        "gen_ai.evaluation.score.label": label,
        "gen_ai.evaluation.explanation": explanation,
        "watchglass.score.source": _one_of("source", source, SOURCES) or "external",
        "watchglass.evaluator.name": evaluator,
        "watchglass.evaluator.version": evaluator_version,
        "watchglass.score.direction": _one_of("direction", direction, DIRECTIONS),
    }
    attributes: dict[str, str | float] = {key: client.to_text(item) for key, item in text.items() if item is not None}
    if number is not None:
        attributes["gen_ai.evaluation.score.value"] = number
    if is_current:
        attributes.update(client.prompt_attributes())
    client.emit_event(EVENT_NAME, attributes, *target)


def _id(value: object, digits: int) -> int:
    """Read an id; 0, which is no valid one, for anything else."""
    is_id = isinstance(value, str) and len(value) == digits and set(value) <= set(hexdigits)
    return int(str(value), 16) if is_id else 0


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever float() accepts, numpy scalars included
    except Exception:  # an object may raise anything from __float__
        return None
    return number if math.isfinite(number) else None


def _one_of(name: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    if value is None or value in allowed:
        return value
    warn_once(f"score:{name}", "watchglass ignores an unknown %s of a score: allowed are %s", name, ", ".join(allowed))
    return None
