"""Settings of evaluators and rubrics as versions: the latest wins, and each change is on record."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchglass_store import Store
from watchglass_store.queries.evaluator_settings import change_settings, current_settings, settings_history
from watchglass_store.queries.judge_rubrics import change_rubric, current_rubrics, rubric_history

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RUBRIC: dict[str, Any] = {
    "prompt": "Is it polite?",
    "choices": {"rude": 0.0, "neutral": 0.5, "polite": 1.0},
    "direction": "higher_is_better",
    "columns": ["response_text"],
}


def change(store: Store, minute: int, name: str = "rouge", **values: Any) -> None:
    given = {"enabled": True, "sample_rate": 1.0, "filters": {}, **values}
    change_settings(store, name, author="ann", now=NOW + timedelta(minutes=minute), **given)


def test_the_latest_version_wins_and_each_change_is_on_record(store: Store) -> None:
    assert current_settings(store) == {}
    change(store, 0, sample_rate=0.5)
    change(store, 1, sample_rate=0.25, filters={"service_name": ["shop", "blog"], "model": []})
    change(store, 2, "bleu", enabled=False)
    found = current_settings(store)
    rouge = found["rouge"]
    assert (rouge.enabled, rouge.sample_rate, rouge.filters) == (True, 0.25, {"service_name": ["shop", "blog"]})
    assert (rouge.version, rouge.author, rouge.on_since) == (NOW + timedelta(minutes=1), "ann", None)
    assert not found["bleu"].enabled
    assert [row["sample_rate"] for row in settings_history(store, "rouge")] == [0.25, 0.5]
    audit = store.query("SELECT actor, action, object, before, after FROM audit_log ORDER BY time")
    assert [(row["actor"], row["action"], row["object"]) for row in audit] == [
        ("ann", "set evaluator", "rouge"),
        ("ann", "set evaluator", "rouge"),
        ("ann", "set evaluator", "bleu"),
    ]
    assert json.loads(audit[1]["before"])["sample_rate"] == 0.5
    assert json.loads(audit[1]["after"])["filters"] == {"service_name": ["shop", "blog"]}


def test_when_it_was_turned_on_again_is_known(store: Store) -> None:
    for minute, enabled in enumerate([True, False, False, True, True]):
        change(store, minute, enabled=enabled)
    assert current_settings(store)["rouge"].on_since == NOW + timedelta(minutes=3)
    change(store, 9, enabled=False)
    assert current_settings(store)["rouge"].on_since is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sample_rate": 1.5}, "sample_rate 1.5: a share of the traces, 0 to 1"),
        ({"sample_rate": float("nan")}, "sample_rate nan"),
        ({"filters": {"user": ["x"]}}, "filter 'user': no such column; choose from service_name, environment"),
        ({"name": ""}, "must not be empty"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_written(store: Store, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change(store, 0, **values)
    assert store.query("SELECT count() AS n FROM audit_log")[0]["n"] == 0


def test_rubrics_have_versions_and_keep_the_order_of_their_choices(store: Store) -> None:
    change_rubric(store, "tone", author="ann", now=NOW, **RUBRIC)
    change_rubric(store, "tone", author="bob", now=NOW + timedelta(hours=1), **RUBRIC | {"prompt": "Is it kind?"})
    [row] = current_rubrics(store)
    assert (row["prompt"], row["author"], list(row["choices"])) == ("Is it kind?", "bob", ["rude", "neutral", "polite"])
    assert [old["prompt"] for old in rubric_history(store, "tone")] == ["Is it kind?", "Is it polite?"]
    assert store.query("SELECT count() AS n FROM audit_log WHERE action = 'set rubric'")[0]["n"] == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompt": " "}, "prompt: 1 to 8000 characters"),
        ({"choices": {"one": 1.0}}, "choices: 2 to 20 verdicts, not 1"),
        ({"choices": {"a": 1.0, "b": 1.0}}, "at least two of the values must differ"),
        ({"choices": {"a": 1.0, "cannot_judge": 0.0}}, "cannot_judge is always offered"),
        ({"choices": {"a": 1.0, '"},{"': 0.0}}, "letters, digits"),
        ({"choices": {"a": 1.0, "b": float("inf")}}, "b = inf is not a number"),
        ({"direction": "up"}, "direction 'up': choose from higher_is_better"),
        ({"columns": ["user_id"]}, "columns user_id: choose from prompt_text"),
    ],
)
def test_a_rubric_that_makes_no_sense_is_refused(store: Store, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change_rubric(store, "tone", author="ann", now=NOW, **RUBRIC | values)
    assert current_rubrics(store) == []
