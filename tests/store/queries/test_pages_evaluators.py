"""Queries of the Evaluators page against rows counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from watchglass_store.queries import pages_evaluators as queries

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(hours=1)


def log(minutes, evaluator, event, **more):
    row = {
        "time": NOW - timedelta(minutes=minutes), "evaluator": evaluator, "evaluator_version": "1", "shard": "0/1",
        "worker": "w", "event": event, "trace_id": "", "span_id": "", "calls": 0, "scored": 0, "unscored": 0,
        "errors": 0, "skipped": 0, "since": NOW, "watermark": NOW - timedelta(minutes=minutes), "duration_s": 0.0,
        "cost_usd": 0.0, "message": "",
    }  # fmt: skip
    return {**row, **more}


@pytest.fixture
def filled(store):
    store.insert(
        "evaluation_log",
        [
            log(90, "rouge", "batch", scored=1000),  # before the time
            log(30, "rouge", "batch", scored=10, unscored=2, skipped=1, duration_s=0.5),
            log(20, "rouge", "batch", scored=5, duration_s=0.1, cost_usd=0.25),
            log(19, "rouge", "error", trace_id="a" * 32, span_id="b" * 16, message="too long"),
            log(18, "rouge", "quarantine", trace_id="c" * 32, span_id="d" * 16, message="killed its worker"),
            log(40, "toxicity", "batch", scored=1),
            log(10, "toxicity", "waiting", message="no weights at /models"),
        ],
    )
    store.insert(
        "llm_calls_by_time",
        [
            {
                "received_at": NOW - timedelta(minutes=minutes), "start_time": NOW - timedelta(minutes=minutes),
                "trace_id": f"{minutes:032x}", "span_id": f"{minutes:016x}", "service_name": "bot",
                "operation_name": operation,
            }
            for minutes, operation in ((50, "chat"), (25, "chat"), (15, "chat"), (14, "execute_tool"), (5, "chat"))
        ],
    )  # fmt: skip
    return store


def test_activity_is_of_the_time_and_says_what_waits(filled):
    rows = {row["evaluator"]: row for row in queries.activity(filled, START, NOW)}
    rouge, toxicity = rows["rouge"], rows["toxicity"]
    assert (rouge["n_scored"], rouge["n_unscored"], rouge["n_skipped"]) == (15, 2, 1)
    assert (rouge["n_errors"], rouge["n_quarantined"]) == (1, 1)
    assert rouge["cost"] == pytest.approx(0.25)
    assert rouge["busy_s"] == pytest.approx(0.6)
    assert rouge["waits_for"] == ""
    assert toxicity["waits_for"] == "no weights at /models"
    assert rouge["through_ms"] == round((NOW - timedelta(minutes=20)).timestamp() * 1000)


def test_backlogs_count_calls_to_models(filled):
    times = [round((NOW - timedelta(minutes=minutes)).timestamp() * 1000) for minutes in (20, 40, 1)]
    assert queries.backlogs(filled, times) == [2, 3, 0]
    assert queries.backlogs(filled, []) == []
    assert queries.backlogs(filled, [times[2]]) == [0]


def test_problems_and_verdicts(filled):
    assert [row["why"] for row in queries.problems(filled, START, NOW)] == ["killed its worker", "too long"]
    assert queries.verdicts(filled, "judge_tone") == []
