"""Everything that a page can change, changed in a browser and found in the store."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchglass_store import connect
from watchglass_store.queries import alerting, alerting_lists, api_keys, evaluator_settings, judge_rubrics, prices

from .test_alerts_page import pick

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(open_tab, alerting):
    return open_tab(source=alerting.reader)


@pytest.fixture(scope="module")
def store(alerting):
    opened = connect(alerting.owner, Path())
    yield opened
    opened.close()


def rules(store):
    return {row["name"]: json.loads(row["definition"]) for row in alerting.current_rules(store) if not row["deleted"]}


def toast(page, text):
    page.get_by_test_id("stToast").get_by_text(text).first.wait_for()


def fill(page, label, text):
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Tab")


@pytest.mark.slow
def test_a_rule_is_silenced_from_the_list_and_the_silence_lifted(tab, store, alerting):
    def living():
        found = alerting_lists.silences_since(store, alerting.seed.now)
        return [row["matchers"] for row in found if not row["deleted"]]

    before = living()
    page = tab.go("/alerts?rule=Slow+answers")
    page.get_by_role("button", name="Silence 2 h").click()
    toast(page, "Silenced.")
    assert [row for row in living() if row not in before] == [{"rule": "Slow answers"}]
    page.get_by_test_id("stButtonGroup").get_by_text("Silences").click()
    page.get_by_text("rule = Slow answers").first.wait_for()
    tab.idle()
    row = page.get_by_test_id("stHorizontalBlock").filter(has_text="rule = Slow answers").last
    row.get_by_role("button", name="Lift").click()
    page.get_by_text(re.compile(r"^lifted · rule = Slow answers")).wait_for()
    assert living() == before


@pytest.mark.slow
def test_a_silence_is_made_of_a_label_and_a_length(tab, store, alerting):
    page = tab.go("/alerts?show=Silences")
    pick(page, "si_label", "severity")
    tab.idle()
    pick(page, "si_value", "critical")
    pick(page, "si_length", "8 h")
    page.get_by_placeholder("shown to the others").fill("a rehearsal")
    page.get_by_placeholder("shown to the others").press("Tab")
    tab.idle()
    page.get_by_role("button", name="Silence", exact=True).click()
    page.get_by_text("a rehearsal").wait_for()
    (made,) = (r for r in alerting_lists.silences_since(store, alerting.seed.now) if r["comment"] == "a rehearsal")
    assert made["matchers"] == {"severity": "critical"}
    assert (made["ends_at"] - made["starts_at"]).total_seconds() == 8 * 3600


def test_a_rule_is_edited_and_another_deleted(tab, store):
    page = tab.go("/alerts?rule=Error+rate")
    page.get_by_role("button", name="Edit", exact=True).click()
    page.wait_for_url("**edit=Error**")
    line = page.locator(".st-key-ed_value input")
    line.wait_for()
    tab.idle()
    assert line.input_value() == "5"
    line.fill("7.5")
    line.press("Enter")
    page.get_by_text(re.compile("In words:.*7.5")).wait_for()
    tab.idle()
    page.get_by_role("button", name="Save the rule").click()
    toast(page, "Saved. It is in force")
    page.wait_for_url(lambda url: "edit=" not in url)
    tab.idle()
    assert rules(store)["Error rate"]["condition"] == {"op": ">", "threshold": 0.075, "resolve_threshold": 0.03}
    pick(page, "rule", "Rude answers")
    page.wait_for_url("**rule=Rude**")
    tab.idle()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_role("combobox", name="Rule").click()
    page.get_by_role("option", name="Rude answers").wait_for(state="detached")
    page.keyboard.press("Escape")
    assert set(rules(store)) == {"Slow answers", "Error rate"}


def test_a_key_is_shown_once_and_ended(tab, store):
    page = tab.go("/settings?section=API+keys")
    page.get_by_label("Project").fill("checkout")
    page.get_by_label("What it is for").fill("a browser test")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_text("Keep it now: it is shown once.").wait_for()
    secret = page.get_by_test_id("stCode").inner_text().strip()
    (key,) = api_keys.keys(store)
    assert secret.startswith(key["prefix"])
    assert (key["project"], key["name"], key["revoked"]) == ("checkout", "a browser test", False)
    page.reload()
    tab.idle()
    assert secret not in page.content()
    page.get_by_role("combobox", name="End a key").click()
    page.get_by_role("option").first.click()
    page.get_by_role("button", name="Revoke it").click()
    page.get_by_text("is refused as soon as collectors hear of it").wait_for()
    assert [row["revoked"] for row in api_keys.keys(store)] == [True]


@pytest.mark.slow
def test_a_model_without_a_price_gets_one_and_loses_it(tab, store):
    page = tab.go("/settings?section=Models+and+prices")
    page.get_by_text(re.compile("calls have no price")).wait_for()
    table = page.locator(".st-key-table_models").bounding_box()
    page.mouse.click(table["x"] + 16, table["y"] + 56)  # those without a price stand first
    name = page.get_by_label("Model, as it is in the calls")
    page.wait_for_function(
        """() => [...document.querySelectorAll('input')].some(each => each.value === 'qwen/qwen3-32b')"""
    )
    tab.idle()
    assert name.input_value() == "qwen/qwen3-32b"
    page.get_by_label("Input", exact=True).fill("0.25")
    page.get_by_label("Output", exact=True).fill("1")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved the price of qwen/qwen3-32b").wait_for()
    tab.idle()
    (price,) = prices.current(store)
    assert (price["model"], price["provider"]) == ("qwen/qwen3-32b", "self-hosted")
    assert (price["input_usd"], price["output_usd"], price["cache_read_usd"]) == (0.25, 1.0, None)
    page.get_by_role("combobox", name="Price").click()
    page.get_by_role("option").first.click()
    page.get_by_role("button", name="Take it away").click()
    page.get_by_text("Took the price of qwen/qwen3-32b away").wait_for()
    assert prices.current(store) == []


def test_an_evaluator_is_switched_off_sampled_and_filtered(tab, store):
    page = tab.go("/evaluators?range=24h&evaluator=profanity")
    runs = page.get_by_test_id("stCheckbox").locator("input")
    assert runs.is_checked()
    page.get_by_test_id("stCheckbox").locator("label").click()
    share = page.get_by_label("Share of traces to score, %")
    share.fill("25")
    share.press("Tab")
    page.get_by_role("combobox", name="Services").click()
    page.get_by_role("option", name="support-bot").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save", exact=True).click()
    toast(page, "Saved. Workers take it up")
    page.get_by_text("Who changed it").wait_for()
    tab.idle()
    now = evaluator_settings.current_settings(store)["profanity"]
    assert (now.enabled, now.sample_rate) == (False, 0.25)
    assert {name: list(values) for name, values in now.filters.items()} == {"service_name": ["support-bot"]}
    page.reload()
    tab.idle()
    assert not runs.is_checked()


@pytest.mark.slow
def test_a_rubric_is_written_tried_on_recent_calls_and_saved(tab, store, alerting):
    page = tab.go("/evaluators?range=24h&evaluator=a+new+judge")
    fill(page, "Name", "on_topic")
    fill(page, "What to judge, and by what measure", "Does the answer stay with what was asked?")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("No judge is configured").wait_for()
    tab.idle()
    sent = page.get_by_text("What the judge is sent")
    assert sent.count() == 3
    sent.first.click()
    page.get_by_test_id("stCode").filter(has_text="Does the answer stay with what was asked?").first.wait_for()
    answers = {chat["response_text"] for chat in alerting.seed.chats} - {None}
    shown = " ".join(page.get_by_test_id("stCode").all_inner_texts())
    assert any(answer in shown for answer in answers)
    assert judge_rubrics.current_rubrics(store) == []
    page.get_by_role("button", name="Save a new version").click()
    toast(page, "Saved. Its scores are a new series.")
    (rubric,) = judge_rubrics.current_rubrics(store)
    assert (rubric["name"], rubric["prompt"]) == ("on_topic", "Does the answer stay with what was asked?")
    assert rubric["choices"] == {"good": 1.0, "bad": 0.0}


@pytest.mark.slow
def test_settings_show_who_changed_what_and_what_is_in_the_file(tab, store):
    actions = ("silence.save", "alert_rule.delete", "evaluator.set", "rubric.set")
    for action in actions:
        alerting.add_audit(store, time=datetime.now(UTC), actor="ann", action=action, target="it", before="", after="")
    page = tab.go("/settings?section=Changes")
    with page.expect_download() as downloaded:
        page.locator(".st-key-csv_changes button").click()
    noted = downloaded.value.path().read_text(encoding="utf-8")
    assert all(action in noted for action in actions)
    shown = {
        "Retention": "whole days are dropped", "Redaction": "Rules run before", "All settings": "As in force",
        "Users": "Users are used with", "Channels": "Send a test",
    }  # fmt: skip
    for section, said in shown.items():
        page.get_by_test_id("stButtonGroup").get_by_text(section, exact=True).click()
        page.get_by_text(said).first.wait_for()
        tab.idle()
    assert page.locator('[data-testid="stException"]').count() == 0


@pytest.mark.slow
def test_what_fired_and_whether_it_was_delivered(tab):
    page = tab.go("/alerts?show=History")
    with page.expect_download() as downloaded:
        page.locator(".st-key-csv_alert_history button").click()
    (line,) = [row for row in downloaded.value.path().read_text(encoding="utf-8").splitlines() if "fired" in row]
    assert "Slow answers" in line
    assert "slack #llm-oncall: delivered" in line
    assert "e-mail on-call: trying again" in line
    page.get_by_test_id("stButtonGroup").get_by_text("Channels").click()
    page.get_by_text("connection refused by the mail server").wait_for()
    tab.idle()
    page.locator(".st-key-channel_0").get_by_text("1 delivered").wait_for()
    page.locator(".st-key-channel_1").get_by_text("1 waiting").wait_for()


@pytest.mark.slow
def test_a_question_that_reads_more_than_a_page_may_says_what_to_choose(tab, store):
    """The view of calls is made so heavy that the store's own limit of memory stops whoever reads it."""
    (view,) = store.query("SELECT as_select AS text FROM system.tables WHERE database = currentDatabase() "
                          "AND name = 'llm_calls'")  # fmt: skip
    heavy = f"SELECT * FROM ({view['text']}) WHERE length(repeat(trace_id, 900000)) > 0"
    store.command(f"CREATE OR REPLACE VIEW llm_calls AS {heavy}")
    try:
        page = tab.go("/traces?range=24h&status=ok")
        page.get_by_text("This reads more than a page may.").wait_for()
        page.get_by_text("Choose a shorter time range").wait_for()
    finally:
        store.command(f"CREATE OR REPLACE VIEW llm_calls AS {view['text']}")
    page.get_by_role("combobox", name="Service").click()
    page.get_by_role("option", name="support-bot").click()
    page.get_by_text(re.compile(r"^[\d,]+ model calls$")).wait_for()
    page.get_by_text("This reads more").wait_for(state="detached")
