"""The numbers that `watchglass demo --check` compares with what was sent."""

from dataclasses import dataclass

from watchglass_store.client import Store

EVALUATED = (
    "operation_name IN ('chat', 'text_completion', 'generate_content') AND error_type = '' AND response_text != ''"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """One look at the tables."""

    spans: int
    """Distinct spans stored."""
    span_rows: int
    """Rows of otel_traces; more than `spans` means that something was stored twice."""
    calls: int
    """Rows of llm_calls."""
    rollup_calls: int
    """Calls summed over the per-minute rollup."""
    answers: int
    """Model calls with an answer and no error: what evaluators score."""
    answers_with_reference: int
    """Those of them that have a golden answer."""
    scores: dict[str, int]
    """Visible scores with a value, by name."""
    backlog: int
    """Answers that some evaluator has not scored yet."""
    fired: int
    """Alerts that opened."""
    resolved: int
    """Alerts that closed."""


def counts(store: Store) -> Counts:
    """Look once."""
    (spans,) = store.query("SELECT uniqExact(TraceId, SpanId) AS spans, count() AS span_rows FROM otel_traces")
    (calls,) = store.query(
        f"SELECT count() AS calls, countIf({EVALUATED}) AS answers, "
        f"countIf({EVALUATED} AND reference_text != '') AS answers_with_reference FROM llm_calls"
    )
    (rollup,) = store.query("SELECT sum(calls) AS calls FROM llm_calls_1m")
    rows = store.query(
        "SELECT name, count() AS n FROM scores FINAL WHERE value IS NOT NULL GROUP BY name ORDER BY name"
    )
    (alerts,) = store.query(
        "SELECT uniqExactIf(event_id, change = 'opened') AS fired, "
        "uniqExactIf(event_id, change = 'closed') AS resolved "
        "FROM alert_events WHERE kind = 'transition'"
    )
    scores = {row["name"]: int(row["n"]) for row in rows}
    wanted = dict.fromkeys(("profanity", "refusal", "response_length", "pii", "secrets"), int(calls["answers"]))
    wanted |= dict.fromkeys(("rouge_l", "bleu", "exact_match"), int(calls["answers_with_reference"]))
    return Counts(
        spans=int(spans["spans"]),
        span_rows=int(spans["span_rows"]),
        calls=int(calls["calls"]),
        rollup_calls=int(rollup["calls"]),
        answers=int(calls["answers"]),
        answers_with_reference=int(calls["answers_with_reference"]),
        scores=scores,
        backlog=max(number - scores.get(name, 0) for name, number in wanted.items()),
        fired=int(alerts["fired"]),
        resolved=int(alerts["resolved"]),
    )
