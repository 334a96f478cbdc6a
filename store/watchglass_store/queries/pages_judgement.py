"""What is known of a judge's score, and a whole trace for a file."""

from typing import Any

from watchglass_store import Store
from watchglass_store.queries.evaluation import CallId
from watchglass_store.queries.pages_trace import scores

#: Spans and calls of a file.
MOST_SPANS = 2000


def judgement(store: Store, evaluator: str, version: str, call: CallId) -> tuple[dict[str, Any] | None, str]:
    """What is known of a judge's score.

    Returns:
        The verdict: choice, method, agreement, ballots (model, choice, value) and cost_usd, None where it is not kept
        for this call; and the version's definition as JSON, '' where it is not kept.
    """
    verdicts = store.query(
        """
        SELECT choice, method, agreement, arrayMap(v -> (v.model, v.choice, v.value), j.votes) AS ballots, cost_usd
        FROM judge_verdicts AS j
        WHERE evaluator_version = {version:String} AND evaluator = {evaluator:String}
            AND trace_id = {trace_id:String} AND span_id = {span_id:String} AND project = {project:String}
        ORDER BY j.time DESC LIMIT 1
        """,
        {"evaluator": evaluator, "version": version, "trace_id": call[0], "span_id": call[1], "project": call[2]},
    )
    definitions = store.query(
        """
        SELECT substringUTF8(definition, 1, 20000) AS text FROM judge_versions AS j
        WHERE evaluator = {evaluator:String} AND evaluator_version = {version:String} ORDER BY j.time DESC LIMIT 1
        """,
        {"evaluator": evaluator, "version": version},
    )
    return (verdicts[0] if verdicts else None), (definitions[0]["text"] if definitions else "")


def whole(store: Store, trace_id: str, project: str) -> dict[str, Any]:
    """A trace as a file holds it: spans as received and calls as understood (`MOST_SPANS` of each), and scores."""
    parameters = {"trace_id": trace_id, "project": project, "most": MOST_SPANS}
    received = store.query(
        """
        WITH (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String}) AS first_start
        SELECT * FROM otel_traces WHERE TraceId = {trace_id:String} AND Timestamp >= first_start - 1
            AND ResourceAttributes['watchglass.project'] = {project:String}
        ORDER BY Timestamp, SpanId LIMIT {most:UInt32}
        """,
        parameters,
    )
    understood = store.query(
        "SELECT * FROM llm_calls WHERE trace_id = {trace_id:String} AND key_project = {project:String} "
        "ORDER BY start_time, span_id LIMIT {most:UInt32}",
        parameters,
    )
    return {"trace_id": trace_id, "spans": received, "calls": understood, "scores": scores(store, trace_id, project)}
