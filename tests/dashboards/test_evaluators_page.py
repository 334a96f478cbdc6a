"""The Evaluators page: what runs, and that a change is a version with a line in the audit log."""

import math
from pathlib import Path

import pandas as pd
import pytest

from watchglass_dashboards import DashboardConfig, Installation, access
from watchglass_dashboards.access import Actor
from watchglass_dashboards.ui.evaluator_table import merged
from watchglass_dashboards.ui.rubric_form import choices_of
from watchglass_evaluators import registry
from watchglass_store import connect
from watchglass_store.queries.evaluator_settings import current_settings
from watchglass_store.queries.judge_rubrics import current_rubrics

KNOWN = {"summary": "ROUGE: overlap.", "enabled": True, "sample_rate": 1.0, "filters": {}}
HERE = Installation(
    DashboardConfig(),
    evaluators={"rouge": KNOWN, "judge_tone": {**KNOWN, "enabled": False, "summary": "Judge: a model."}},
)


@pytest.fixture(scope="module")
def seeded(changeable):
    """Of this file only: settings are changed."""
    return changeable


@pytest.fixture
def owner(seeded):
    """Settings of the seeded database's administrator, who may write to it."""
    return seeded.owner


@pytest.fixture
def store(owner):
    opened = connect(owner, Path())
    yield opened
    opened.close()


def healthy(page):
    assert not page.exception, page.exception[0].message
    assert not page.error, [page.error[0].value, *(code.value for code in page.code)]


def test_the_table_says_what_is_wanted_and_what_is_off(view):
    page = view("evaluators", range="24h", installation=HERE)
    healthy(page)
    table = page.dataframe[0].value.set_index("evaluator")
    assert table.loc["rouge", "state"] == "runs"
    assert (table.loc["rouge", "scored"], table.loc["rouge", "unscored"], table.loc["rouge", "errors"]) == (380, 26, 1)
    assert table.loc["rouge", "behind"] == 0
    assert table.loc["judge tone", "state"] == "off"
    assert "no weights" in table.loc["toxicity", "waits"]
    shown = {metric.label: metric.value for metric in page.metric}
    assert (shown["Running"], shown["Waiting"], shown["Failed"]) == ("4", "1", "1")


def test_a_change_is_a_version_and_a_line_in_the_audit_log(view, owner, store):
    page = view("evaluators", range="24h", installation=HERE, source=owner, evaluator="rouge")
    page.number_input[0].set_value(25.0)
    page.multiselect[-3].set_value(["support-bot"])
    next(button for button in page.button if button.label == "Save").click().run()
    healthy(page)
    settings = current_settings(store)["rouge"]
    assert (settings.enabled, settings.sample_rate) == (True, 0.25)
    assert settings.filters == {"service_name": ["support-bot"]}
    (line,) = store.query("SELECT action, object, after FROM audit_log WHERE action = 'evaluator.set'")
    assert line["object"] == "rouge"
    assert '"sample_rate":0.25' in line["after"]


def test_a_rubric_is_checked_and_saved(view, owner, store):
    page = view("evaluators", range="24h", installation=HERE, source=owner, evaluator="judge_tone")
    healthy(page)
    button = next(button for button in page.button if button.label == "Save a new version")
    button.click().run()
    assert "prompt: 1 to 8000 characters" in page.error[0].value.replace("\\", "")
    assert current_rubrics(store) == []
    page.text_area[0].input("Is the answer polite?")
    next(button for button in page.button if button.label == "Save a new version").click().run()
    healthy(page)
    (rubric,) = current_rubrics(store)
    assert (rubric["name"], rubric["choices"]) == ("tone", {"good": 1.0, "bad": 0.0})


def test_a_viewer_may_not_change_anything(view, monkeypatch):
    monkeypatch.setattr(access, "actor", lambda: Actor("vic", "viewer"))
    page = view("evaluators", range="24h", installation=HERE, evaluator="rouge")
    healthy(page)
    assert next(button for button in page.button if button.label == "Save").disabled


def test_what_only_the_log_knows_is_shown_too():
    did = {"evaluator": "plug", "n_scored": 3, "waits_for": ""}
    (one,) = merged({}, {}, [], [did], {"plug": 4})
    assert (one.name, one.state, one.behind) == ("plug", "runs", 4)


def test_verdicts_without_a_word_are_left_out_and_without_a_number_are_none():
    table = pd.DataFrame({"verdict": ["good", "", None, "odd"], "value": [1.0, 0.5, 0.1, None]})
    found = choices_of(table)
    assert found["good"] == 1.0
    assert set(found) == {"good", "odd"}
    assert math.isnan(found["odd"])


def test_every_built_in_evaluator_says_what_it_measures():
    summaries = registry.summaries()
    assert set(registry.BUILTIN) <= set(summaries)
    assert all(summaries[name] for name in registry.BUILTIN)
