"""Queries of the Review page: the order of the queue, what is left out of it, and what was said."""

from datetime import UTC, datetime, timedelta

import pytest

from watchglass_store.queries import pages_review as queries
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_review import Queue

NOW = datetime.now(UTC).replace(microsecond=0)
SCOPE = Scope(NOW - timedelta(hours=1), NOW)
ADA, BOB = "dashboard:ada", "dashboard:bob"


def score(number, name, value, *, evaluator="e", label="", source="code"):
    return {
        "name": name, "evaluator": evaluator, "evaluator_version": "1", "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}", "value": value, "label": label, "source": source,
        "call_time": NOW - timedelta(minutes=number + 1), "service_name": "bot",
    }  # fmt: skip


@pytest.fixture
def filled(store):
    start = NOW - timedelta(minutes=30)
    store.insert(
        "llm_calls_by_time",
        [
            {
                "received_at": start + timedelta(minutes=number), "start_time": start + timedelta(minutes=number),
                "trace_id": f"{number:032x}", "span_id": f"{number:016x}", "service_name": "bot",
                "operation_name": "chat",
            }
            for number in range(5)
        ],
    )  # fmt: skip
    people = [
        score(0, "human_quality", 1.0, evaluator=ADA, label="Good", source="human"),
        score(0, "human_quality", 0.0, evaluator=BOB, label="Bad", source="human"),
        score(1, "human_quality", 1.0, evaluator=ADA, label="Good", source="human"),
        score(1, "human_quality", 1.0, evaluator=BOB, label="Good", source="human"),
    ]
    store.insert("scores", [score(number, "rouge_l", number / 10) for number in range(5)] + people)
    return store


def order_of(rows):
    return [int(row["trace_id"], 16) for row in rows]


def test_a_score_orders_the_queue_and_what_was_labelled_is_left_out(filled):
    everybody = Queue("lowest", "rouge_l", evaluator="dashboard:eve")
    assert order_of(queries.queue(filled, SCOPE, everybody)) == [0, 1, 2, 3, 4]
    mine = Queue("highest", "rouge_l", evaluator=ADA)
    rows = queries.queue(filled, SCOPE, mine)
    assert order_of(rows) == [4, 3, 2]
    assert rows[0]["by_value"] == 0.4
    assert order_of(queries.queue(filled, SCOPE, Queue("highest", "rouge_l", "human_issue", ADA))) == [4, 3, 2, 1, 0]


def test_newest_and_random(filled):
    assert order_of(queries.queue(filled, SCOPE, Queue("newest", evaluator=ADA))) == [4, 3, 2]
    first = order_of(queries.queue(filled, SCOPE, Queue("random", seed=1)))
    assert sorted(first) == [0, 1, 2, 3, 4]
    assert first == order_of(queries.queue(filled, SCOPE, Queue("random", seed=1)))
    others = [order_of(queries.queue(filled, SCOPE, Queue("random", seed=seed))) for seed in range(2, 8)]
    assert any(other != first for other in others)


def test_what_people_said(filled):
    assert queries.score_names(filled, SCOPE) == ["rouge_l"]
    given = queries.labels_given(filled, SCOPE, "human_quality")
    assert {(row["evaluator"], row["given"]): row["calls"] for row in given} == {
        (ADA, "Good"): 2, (BOB, "Bad"): 1, (BOB, "Good"): 1,
    }  # fmt: skip
    assert queries.agreement(filled, SCOPE, "human_quality") == {"n_pairs": 2, "n_agreeing": 1}
    assert queries.agreement(filled, SCOPE, "human_issue") == {"n_pairs": 0, "n_agreeing": 0}
