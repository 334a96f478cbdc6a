"""What pages change: one version and one line in the audit log, or nothing. And feedback, to a real collector."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_dashboards import DashboardConfig, Installation, access, connection, feedback, writing
from watchglass_dashboards.access import Actor, NotAllowed
from watchglass_dashboards.feedback import Feedback
from watchglass_dashboards.installation import INSTALLATION_VARIABLE
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import Store, StoreConfig, StoreRejected
from watchglass_store.queries.saved_views import add_view_version, saved_views

CALL = {"service_name": "shop", "environment": "production", "model": "tiny", "prompt_name": "", "prompt_version": "7"}
UP = Feedback("a" * 32, "b" * 16, "thumbs", 1.0, "up", "Helpful, =1+1", call=CALL)


@pytest.fixture
def here(editor_config: StoreConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """This process as the dashboard's, on the store of the test."""
    monkeypatch.setenv(SOURCE_VARIABLE, Source(editor_config, tmp_path).to_json())
    monkeypatch.setenv(INSTALLATION_VARIABLE, Installation(DashboardConfig()).to_json())
    yield
    connection.editor().close()
    st.cache_resource.clear()
    st.cache_data.clear()


def save(editor: Store, author: str, now: datetime) -> None:
    add_view_version(editor, id="1", page="traces", name="Slow", query="slow=2", author=author, now=now)


def audit(store: Store) -> list[tuple[str, ...]]:
    rows = store.query("SELECT actor, action, object, before, after FROM audit_log ORDER BY time")
    return [tuple(row.values()) for row in rows]


def test_a_change_is_a_version_and_a_line_in_the_audit_log(here: None, store: Store) -> None:
    assert connection.ask("admin", saved_views, "traces") == []
    writing.change("view.save", "Slow", save, needs="viewer", after={"query": "slow=2"})
    (row,) = connection.ask("admin", saved_views, "traces")  # the cache was told
    who = access.actor().name
    assert (row["name"], row["author"]) == ("Slow", who)
    assert audit(store) == [(who, "view.save", "Slow", "", '{"query":"slow=2"}')]


def test_a_role_that_does_not_suffice_changes_nothing(
    here: None, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "actor", lambda: Actor("eve", "annotator"))
    with pytest.raises(NotAllowed, match="needs the role editor; yours is annotator"):
        writing.change("view.save", "Slow", save)
    assert audit(store) == []
    assert saved_views(store, "traces") == []


def test_a_change_that_fails_says_so_in_the_audit_log(here: None, store: Store) -> None:
    with pytest.raises(StoreRejected):
        writing.change("score.forge", "x", lambda editor, *_: editor.insert("scores", [{"name": "x"}]))
    assert [row[1] for row in audit(store)] == ["score.forge", "score.forge.failed"]


def test_looking_at_text_is_noted_once(here: None, store: Store) -> None:
    for _ in range(2):
        writing.viewed("trace", "a" * 32)
    writing.viewed("search", "q=" + "x" * 5000)
    found = audit(store)
    assert [row[1] for row in found] == ["trace.view", "search.view"]
    assert len(found[1][2]) == 1000


@pytest.fixture
def collector(store: Store, tmp_path: Path) -> Iterator[Collector]:
    install_views(store)
    running = Collector(CollectorConfig(grpc_port=0, http_port=0, segment_age_s=0.02), store, tmp_path / "collector")
    running.start()
    yield running
    running.stop()


def test_feedback_becomes_a_score(here: None, store: Store, collector: Collector,
                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    there = Installation(DashboardConfig(), collector_url=collector.http_url)
    monkeypatch.setenv(INSTALLATION_VARIABLE, there.to_json())
    sent = feedback.send(UP)
    assert sent.outcome.result(20) == ""
    assert sent not in feedback.problems()
    deadline = time.monotonic() + 20
    while not (rows := store.query("SELECT * FROM scores FINAL")) and time.monotonic() < deadline:
        time.sleep(0.05)
    wanted = {
        "name": "thumbs", "value": 1.0, "label": "up", "explanation": "Helpful, =1+1", "source": "human",
        "trace_id": "a" * 32, "span_id": "b" * 16, "evaluator": f"dashboard:{access.actor().name}",
        "service_name": "shop", "environment": "production", "model": "tiny", "prompt_version": "7",
        "direction": "higher_is_better",
    }  # fmt: skip
    assert {name: rows[0][name] for name in wanted} == wanted


def test_feedback_that_does_not_arrive_is_shown_and_can_be_sent_again(here: None, free_ports, monkeypatch) -> None:
    there = Installation(DashboardConfig(), collector_url=f"http://127.0.0.1:{free_ports()}")
    monkeypatch.setenv(INSTALLATION_VARIABLE, there.to_json())
    started = time.monotonic()
    sent = feedback.send(UP)
    assert time.monotonic() - started < 5  # it waits for nobody
    assert sent.outcome.result(20) == "The collector does not answer."
    assert feedback.problems() == [sent]
    feedback.again(sent)
    assert sent not in feedback.problems()


def test_a_label_without_a_number_has_none() -> None:
    said = json.loads(feedback.body(Feedback("a" * 32, "b" * 16, "tone", None, "rude"), "ada", 5))
    (record,) = said["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    names = [attribute["key"] for attribute in record["attributes"]]
    assert "gen_ai.evaluation.score.value" not in names
    assert record["timeUnixNano"] == "5"
    assert said["resourceLogs"][0]["resource"]["attributes"] == []


def test_a_verdict_belongs_to_the_project_of_its_call() -> None:
    said = json.loads(feedback.body(replace(UP, project="shop"), "ada", 5))
    attributes = said["resourceLogs"][0]["resource"]["attributes"]
    assert {"key": "watchglass.project", "value": {"stringValue": "shop"}} in attributes


def test_dates_in_the_audit_log_are_utc(here: None, store: Store) -> None:
    writing.change("view.save", "x", save, after=datetime(2026, 1, 1, tzinfo=UTC))
    assert audit(store)[0][4] == '"2026-01-01T00:00:00+00:00"'
