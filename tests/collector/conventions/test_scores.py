"""Evaluation results that arrive as log events."""

from collections.abc import Callable
from typing import Any

import pytest

from watchglass_store import Store

Log = Callable[..., None]

EVENT = "gen_ai.evaluation.result"
NAME = {"gen_ai.evaluation.name": "thumbs"}


def scores(store: Store) -> list[dict[str, Any]]:
    return store.query("SELECT * FROM scores FINAL ORDER BY name, evaluator")


def test_our_sdks_score(converted: Store, log: Log) -> None:
    log(
        EVENT,
        "",
        {
            **NAME,
            "gen_ai.evaluation.score.value": "1.0",
            "gen_ai.evaluation.score.label": "up",
            "gen_ai.evaluation.explanation": "helpful",
            "watchglass.score.source": "human",
            "watchglass.score.direction": "higher_is_better",
            "watchglass.evaluator.name": "ui",
            "watchglass.evaluator.version": "2",
        },
        ResourceAttributes={"deployment.environment.name": "prod"},
    )
    (score,) = scores(converted)
    wanted = {
        "name": "thumbs",
        "evaluator": "ui",
        "evaluator_version": "2",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "value": 1.0,
        "label": "up",
        "explanation": "helpful",
        "source": "human",
        "direction": "higher_is_better",
        "error": "",
        "service_name": "app",
        "environment": "prod",
    }
    assert {name: score[name] for name in wanted} == wanted


def test_a_strangers_score_is_external_and_named_after_its_scope(converted: Store, log: Log) -> None:
    log(EVENT, "", {**NAME, "gen_ai.evaluation.score.value": "0.5"}, ScopeName="openlit.score", ScopeVersion="1")
    (score,) = scores(converted)
    names = ("evaluator", "evaluator_version", "source", "direction")
    assert tuple(score[name] for name in names) == ("openlit.score", "1", "external", "neutral")


def test_the_last_word_on_a_span_counts(converted: Store, log: Log) -> None:
    log(EVENT, "", {**NAME, "gen_ai.evaluation.score.value": "0"})
    log(EVENT, "", {**NAME, "gen_ai.evaluation.score.value": "1"})
    assert [score["value"] for score in scores(converted)] == [1.0]


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"error.type": "timeout"}, "timeout"),
        ({}, "no score"),
        ({"gen_ai.evaluation.score.value": "high"}, "no score"),
        ({"gen_ai.evaluation.score.value": "nan"}, "no score"),
        ({"gen_ai.evaluation.score.label": "none"}, ""),
    ],
)
def test_a_score_without_a_number_is_unscored(
    converted: Store, log: Log, attributes: dict[str, str], error: str
) -> None:
    log(EVENT, "", {**NAME, **attributes, "watchglass.score.source": "somebody"})
    (score,) = scores(converted)
    assert (score["value"], score["error"], score["source"]) == (None, error, "external")


def test_what_names_no_span_stays_in_the_log(converted: Store, log: Log) -> None:
    log(EVENT, "", NAME, TraceId="", SpanId="")
    log(EVENT, "", {"gen_ai.evaluation.score.value": "1"})
    assert scores(converted) == []
    assert converted.query("SELECT count() AS n FROM otel_logs") == [{"n": 2}]
