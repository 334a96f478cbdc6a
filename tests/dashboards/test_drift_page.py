"""The Drift page: what the monitors say, and what changed."""

import re

import orjson
import pytest

from watchglass_dashboards.ui.drift_evidence import change_line, chart, parse_changes
from watchglass_dashboards.ui.palette import LIGHT


def test_drift_shows_every_series_and_what_changed(view):
    page = view("drift", range="24h")
    assert not page.exception, page.exception[0].message
    assert not page.error
    shown = {metric.label: metric.value for metric in page.metric}
    assert (shown["Drifting now"], shown["Unscored now"], shown["Alarms"], shown["Looks"]) == ("1", "1", "1", "10")
    table = page.dataframe[0].value.set_index("monitor")
    assert table.loc["answers / support-bot", "state"] == "drift"
    assert table.loc["prompts / support-bot", "why"] == "31 calls, needs 100"
    said = [element.value for element in page.markdown]
    assert "The word **refund**: 1.0% → 14.0% of the texts · +6.2 standard errors" in said
    assert "Mean **characters** 80 → 60 (-0.40 sd) · -4.1 standard errors" in said
    assert "I want my refund now." in [text.value for text in page.text]


def test_an_unscored_look_says_why(view):
    page = view("drift", range="24h", monitor="prompts / support-bot")
    assert not page.exception
    assert "Unscored: 31 calls, needs 100" in [text.value for text in page.text]


def test_hostile_names_stay_text(view, hostile, hostile_text):
    page = view("drift", range="24h", source=hostile.reader)
    assert not page.exception
    names = [element.value for element in page.markdown if "hacked" in element.value]
    assert names
    assert not [name for name in names if re.search(r"(?<!\\)[<\[]|https?://", name)]


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"x"', "null"])
def test_changes_that_are_no_list_of_changes_are_none(text):
    assert parse_changes(text) == []


def test_a_change_without_numbers_is_said_without_crashing():
    assert "—" not in change_line({})
    assert "The word" in change_line({"name": "x", "reference": "?"})


@pytest.mark.parametrize(("kind", "scale"), [("p_value", "log"), ("evidence", "log"), ("distance", None)])
def test_the_axis_fits_what_is_shown(kind, scale):
    row = {"end_ms": 1, "value": 0.0, "threshold": 0.01, "is_alarm": 1, "n_reference": 10, "n_current": 10}
    spec = chart([row, {**row, "end_ms": 2, "value": None}], kind, LIGHT, height=100)
    assert len(spec["data"]["values"]) == 1
    assert spec["layer"][0]["encoding"]["y"]["scale"].get("type") == scale
    orjson.dumps(spec)
