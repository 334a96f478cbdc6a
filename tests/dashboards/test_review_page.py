"""The Review page: labels reach the store through a real collector, undo replaces, a viewer may not label."""

import time
from pathlib import Path

import pytest

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_dashboards import DashboardConfig, Installation, access
from watchglass_dashboards.access import Actor
from watchglass_dashboards.ui.labels import LABEL_SETS
from watchglass_store import Store, connect


@pytest.fixture(scope="module")
def seeded(changeable):
    """Of this file only: its collector also assembles traces."""
    return changeable


@pytest.fixture
def owner(seeded):
    """The seeded database as its administrator."""
    opened = connect(seeded.owner, Path())
    yield opened
    opened.close()


@pytest.fixture
def there(owner: Store, tmp_path: Path):
    """A collector on the seeded database, as the dashboard is told of it."""
    install_views(owner)
    running = Collector(CollectorConfig(grpc_port=0, http_port=0, segment_age_s=0.02), owner, tmp_path / "collector")
    running.start()
    yield Installation(DashboardConfig(), collector_url=running.http_url)
    running.stop()


def labels(store: Store, name: str, wanted: int):
    deadline = time.monotonic() + 30
    rows = []
    while len(rows) < wanted and time.monotonic() < deadline:
        rows = store.query(
            "SELECT trace_id, span_id, value, label, service_name, explanation, evaluator FROM scores FINAL "
            "WHERE name = {name:String} ORDER BY created_at",
            {"name": name},
        )
        time.sleep(0.05)
    return rows


def test_a_label_is_a_score_and_undo_replaces_it(view, seeded, owner, there):
    query = {"range": "24h", "order": "Lowest of a score", "score": "rouge_l", "labels": "Issue"}
    page = view("review", installation=there, **query)
    assert not page.exception, page.exception[0].message
    values = [row for row in seeded.seed.scores if row["name"] == "rouge_l" and row["value"] is not None]
    page.text_area(key="note").input("made this up").run()
    page.button(key="label_3").click().run()
    assert not page.exception, page.exception[0].message
    (row,) = labels(owner, "human_issue", 1)
    assert (row["label"], row["value"], row["explanation"]) == ("Made up", 0.0, "made this up")
    assert row["evaluator"] == f"dashboard:{access._system_user()}"
    assert row["service_name"] in ("support-bot", "contract-review")
    assert row["span_id"] in {score["span_id"] for score in values}
    page.button(key="undo").click().run()
    page.button(key="label_1").click().run()
    deadline = time.monotonic() + 30
    while labels(owner, "human_issue", 1)[0]["label"] != "No issue" and time.monotonic() < deadline:
        time.sleep(0.05)
    (again,) = labels(owner, "human_issue", 1)
    assert (again["span_id"], again["label"], again["value"]) == (row["span_id"], "No issue", 1.0)


def test_skip_moves_on_and_gives_nothing(view, owner, there):
    page = view("review", installation=there, range="24h", order="Newest", labels="Rating")
    first = page.session_state["_review"]["rows"][0]
    page.button(key="skip").click().run()
    assert page.session_state["_review"]["at"] == 1
    assert page.session_state["_review"]["rows"][0] == first
    assert owner.query("SELECT count() AS n FROM scores WHERE name = 'human_rating'")[0]["n"] == 0


def test_a_viewer_may_look_but_not_label(view, monkeypatch):
    monkeypatch.setattr(access, "actor", lambda: Actor("vic", "viewer"))
    page = view("review", range="24h", order="Newest")
    assert not page.exception
    assert page.button(key="label_1").disabled
    assert "Your role may look but not label." in [caption.value for caption in page.caption]


def test_every_label_has_a_key_and_a_value_between_0_and_1():
    for labels_of_set in LABEL_SETS.values():
        assert 2 <= len(labels_of_set) <= 9
        assert all(0 <= label.value <= 1 for label in labels_of_set)
