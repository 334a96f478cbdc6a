"""What can be chosen on each page that only reads: in a browser, with its effect on the screen and in the address."""

import csv
import io
import re

import pytest

from watchglass_dashboards.pages import PAGES

from .conftest import Tab
from .test_alerts_page import pick
from .test_lists import found, wait_for_another

pytestmark = pytest.mark.browser
DAY_S = 86_400


def day(seeded, rows, time="start_time", *, within_s=DAY_S):
    return [row for row in rows if (seeded.seed.now - row[time]).total_seconds() < within_s]


def cells(page, button):
    """The rows of a card, by its file: what is drawn is a picture."""
    with page.expect_download() as downloaded:
        page.locator(f".st-key-{button} button").click()
    return list(csv.DictReader(io.StringIO(downloaded.value.path().read_text(encoding="utf-8"))))


def click_row(page, table, number):
    box = page.locator(f".st-key-{table}").bounding_box()
    page.mouse.click(box["x"] + 16, box["y"] + 56 + 33 * number)


def choose(tab, text):
    """One of the choices that stand side by side."""
    tab.page.get_by_test_id("stButtonGroup").get_by_text(text, exact=True).click()


def test_calls_are_narrowed_ordered_and_paged_by_what_is_chosen(tab, seeded):
    page = tab.go("/traces?range=24h")
    everything = found(page)
    choose(tab, "error")
    page.wait_for_url("**status=error**")
    wait_for_another(page, everything)
    tab.idle()
    assert found(page) == sum(bool(chat["error_type"]) for chat in day(seeded, seeded.seed.chats))
    choose(tab, "error")
    page.wait_for_url(lambda url: "status" not in url)
    page.get_by_text(f"{everything:,} model calls", exact=True).wait_for()
    pick(page, "sort", "Slowest")
    page.wait_for_url("**sort=Slowest**")
    tab.idle()
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.wait_for_url("**page=2**")
    tab.idle()
    slowest = sorted(day(seeded, seeded.seed.chats), key=lambda chat: -chat["duration_s"])
    click_row(page, "calls", 0)
    page.get_by_role("dialog").get_by_text("1 of 50 listed").wait_for()
    page.get_by_role("dialog").get_by_role("link", name="Open its page").click()
    page.wait_for_url(f"**id={slowest[50]['trace_id']}**")


@pytest.mark.slow
def test_two_models_stay_two_on_the_way_to_another_page(tab, seeded):
    models = ("gpt-4.1-mini", "claude-sonnet-4.5")
    own = [chat for chat in day(seeded, seeded.seed.chats) if chat["response_model"] in models]
    page = tab.go("/traces?range=24h&" + "&".join(f"model={model}" for model in models))
    assert found(page) == len(own)
    click_row(page, "calls", 0)
    page.get_by_role("dialog").get_by_role("link", name="Open its page").click()
    page.wait_for_url("**/trace?**")
    tab.idle()
    page.get_by_role("link", name="All traces").click()
    page.wait_for_url("**/traces?**")
    page.get_by_text(f"{len(own):,} model calls", exact=True).wait_for()
    tab.idle()
    assert all(f"model={model}" in page.url for model in models)


@pytest.mark.slow
def test_a_big_trace_turns_its_pages_and_a_span_keeps_its_parents(open_tab, deep):
    tab = open_tab(source=deep.reader)
    page = tab.go(f"/trace?id={deep.seed.spans[0]['TraceId']}")
    page.get_by_text("Spans 1 to 150 of 2,000").wait_for()
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.get_by_text("Spans 151 to 300 of 2,000").wait_for()
    tab.idle()
    page.get_by_role("treeitem").get_by_text("step 150", exact=True).wait_for()


def test_a_trace_shows_what_was_said_retrieved_and_called(tab, seeded):
    chat = next(call for call in reversed(seeded.seed.chats) if call["span_id"] in seeded.scored)
    page = tab.go(f"/trace?id={chat['trace_id']}&span={chat['span_id']}")
    for text in (chat["prompt_text"], chat["response_text"], "You are a support agent. Use the context."):
        page.get_by_test_id("stText").get_by_text(text, exact=True).wait_for()
    for score in (row for row in seeded.seed.scores if row["span_id"] == chat["span_id"] and row["value"] is not None):
        page.get_by_text(score["name"].replace("_", " "), exact=True).wait_for()
    page.get_by_role("treeitem").get_by_text("search knowledge base").click()
    page.get_by_role("tab", name="Documents (2)").click()
    page.get_by_text("Article 1 on account recovery.").wait_for()
    page.get_by_role("treeitem").get_by_text("execute_tool crm.lookup").click()
    page.get_by_test_id("stCode").get_by_text('{"plan": "team", "seats": 12}').wait_for()


@pytest.mark.slow
def test_a_conversation_opens_beside_the_list_and_a_user_leads_to_their_calls(tab, seeded):
    page = tab.go("/sessions?range=24h&sort=Most+calls")
    first = cells(page, "csv_people")[0]
    click_row(page, "table_people_conversation_id", 0)
    drawer = page.get_by_role("dialog")
    drawer.get_by_text(first["id"], exact=True).wait_for()
    own = [c for c in day(seeded, seeded.seed.chats) if c["conversation_id"] == first["id"]]
    assert len(own) == int(first["calls"])
    drawer.get_by_text(own[0]["prompt_text"], exact=True).first.wait_for()
    page.keyboard.press("Escape")
    drawer.wait_for(state="detached")
    choose(tab, "Users")
    page.wait_for_url("**list=Users**")
    tab.idle()
    page.get_by_placeholder("Id, or how it begins").fill("user-12")
    page.get_by_text("1 users", exact=True).wait_for()
    tab.idle()
    click_row(page, "table_people_user_id", 0)
    page.get_by_role("link", name="All calls of this user").click()
    page.wait_for_url("**who=user-12**")
    tab.idle()
    assert found(page) == sum(c["user_id"] == "user-12" for c in day(seeded, seeded.seed.chats))


def test_a_score_is_chosen_by_its_row_sliced_and_its_worst_call_opened(tab, seeded):
    page = tab.go("/quality?range=24h&score=rouge_l")
    values = [s["value"] for s in day(seeded, seeded.seed.scores, "call_time") if s["name"] == "rouge_l"]
    values = [value for value in values if value is not None]
    worst = cells(page, "csv_score_worst")
    assert float(worst[0]["value"]) == pytest.approx(min(values))
    assert sum(int(row["calls"]) for row in cells(page, "csv_score_values")) == len(values)
    choose(tab, "Model")
    tab.idle()
    assert {row["name"] for row in cells(page, "csv_score_slices")} == {c["response_model"] for c in seeded.seed.chats}
    click_row(page, "score_table", 0)
    page.wait_for_url(lambda url: "score=rouge_l" not in url)
    tab.idle()
    assert page.get_by_test_id("stVegaLiteChart").count() >= 3


@pytest.mark.slow
def test_safety_counts_what_a_check_flags_and_lists_it(tab, seeded):
    page = tab.go("/safety?range=24h&service=support-bot")
    scored = [s for s in day(seeded, seeded.seed.scores, "call_time") if s["name"] == "refusal"]
    scored = [s for s in scored if s["service_name"] == "support-bot"]
    assert sum(int(row["n"]) for row in cells(page, "csv_flag_course")) == len(scored)
    flagged = [s for s in scored if s["value"] >= 0.5]
    assert len(cells(page, "csv_flagged")) == min(50, len(flagged))
    assert len(flagged) > 0
    page.locator(".st-key-check input").click()
    page.get_by_role("option").first.click()
    page.wait_for_url("**check=refusal**")
    tab.idle()
    pick(page, "check", "profanity / profanity")
    page.wait_for_url("**check=profanity**")
    tab.idle()
    others = [s for s in day(seeded, seeded.seed.scores, "call_time") if s["name"] == "profanity"]
    others = [s for s in others if s["service_name"] == "support-bot" and s["value"] is not None]
    course = cells(page, "csv_flag_course")
    assert sum(int(row["n"]) for row in course) == len(others)
    share = sum(float(row["mean"]) * int(row["n"]) for row in course)
    assert share == pytest.approx(sum(s["value"] >= 0.5 for s in others)) != len(flagged)


@pytest.mark.slow
def test_a_monitor_is_chosen_by_its_row_with_evidence_and_examples(tab):
    page = tab.go("/drift?range=24h")
    page.get_by_text("refund").first.wait_for()
    page.get_by_test_id("stText").get_by_text("I want my refund now.").wait_for()
    assert page.get_by_role("link", name="Open").first.get_attribute("href").split("?")[1].startswith("id=abab")
    looks = cells(page, "csv_drift_course")
    assert [row["alarm"] for row in looks].count("True") == 1
    page.locator(".st-key-look input").click()
    page.get_by_role("option").last.click()
    page.get_by_test_id("stText").get_by_text("I want my refund now.").wait_for(state="detached")
    tab.idle()
    click_row(page, "monitor_table", 1)
    page.wait_for_url("**monitor=prompts**")
    page.get_by_text("Unscored: 31 calls, needs 100").wait_for()


@pytest.mark.slow
def test_cost_is_split_by_what_is_chosen_and_held_against_a_budget(tab, seeded):
    page = tab.go("/cost?range=24h")
    choose(tab, "Service")
    page.wait_for_url("**by=Service**")
    tab.idle()
    by_name = {row["name"]: float(row["cost"]) for row in cells(page, "csv_by_part")}
    for service in ("support-bot", "contract-review"):
        own = [c["cost_usd"] or 0 for c in day(seeded, seeded.seed.chats) if c["service_name"] == service]
        assert by_name[service] == pytest.approx(sum(own))
    budget = page.get_by_label("Monthly budget, USD")
    budget.fill("1000")
    budget.press("Enter")
    page.get_by_text(re.compile(r"of the budget used")).wait_for()
    page.wait_for_url("**budget=1000**")


@pytest.mark.slow
def test_two_sides_are_chosen_by_model_and_by_time(tab, seeded):
    page = tab.go("/compare?range=24h")
    assert page.locator(".st-key-a input").get_attribute("placeholder") == "gpt-4.1-mini"
    pick(page, "a", "gpt-4.1-mini")
    page.wait_for_url("**a=gpt-4.1-mini**")  # chosen, so it stays there even if another is first tomorrow
    tab.idle()
    pick(page, "a", "claude-sonnet-4.5")
    page.wait_for_url("**a=claude-sonnet-4.5**")
    pick(page, "b", "gpt-4.1-mini")
    page.get_by_text(re.compile(r"^B is better on \d")).wait_for()
    tab.idle()
    numbers = {row["measure"]: row for row in cells(page, "csv_numbers")}
    chats = day(seeded, seeded.seed.chats)
    assert int(numbers["error rate"]["n_a"]) == sum(c["response_model"] == "claude-sonnet-4.5" for c in chats)
    assert numbers["latency (mean)"]["verdict"] == "better"
    for by in ("Service versions", "Now and before"):
        choose(tab, by)
        page.wait_for_url(f"**by={by.replace(' ', '+')}**")
        tab.idle()
        assert len(cells(page, "csv_numbers")) >= 3


NONSENSE = {
    "overview": "range=24h&kind=%3F&model=%3Cscript%3E&from=x&to=y&env=%00&prompt=%F0%9F%92%A5",
    "traces": "range=24h&page=-3&slow=abc&status=maybe&sort=%3F&from=2026&to=1926",
    "trace": "id=..%2F..%2Fetc&span=%3Cscript%3E&project=%00",
    "sessions": "range=24h&list=Nobody&sort=%3F&page=999999",
    "cost": "range=24h&by=Moon&budget=-5",
    "quality": "range=24h&score=nosuch&version=%3F",
    "safety": "range=24h&check=nosuch",
    "drift": "range=9y&monitor=nosuch&look=never",
    "compare": "range=24h&by=Moon&a=nosuch&b=nosuch",
    "review": "range=24h&order=%3F&score=nosuch&labels=nosuch",
    "evaluators": "range=-1&evaluator=nosuch",
    "health": "range=24h&from=9999-12-31T23:59:59%2B14:00&to=9999-12-31T23:59:59%2B14:00",
    "settings": "section=nosuch",
    "alerts": "show=nosuch&rule=nosuch&edit=nosuch&back=9y",
}
"""Of every page, what nobody chose there: it is left out, and the page is shown."""


_ALWAYS = ("overview", "traces", "quality")


@pytest.mark.parametrize(
    "name", [name if name in _ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in NONSENSE]
)
def test_nonsense_is_left_out_each_card_is_a_file_and_times_are_the_viewers(far_away, name):
    assert set(NONSENSE) == set(PAGES)
    page = far_away.go(f"/{'' if name == 'overview' else name}?{NONSENSE[name]}")
    assert page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0
    assert page.locator("h2").first.inner_text() == PAGES[name].title
    if name not in ("settings", "trace"):
        assert page.get_by_text("times in Asia/Tokyo").count() == 1
    buttons = page.locator('[class*="st-key-csv_"] button:enabled')
    for at in range(buttons.count()):
        with page.expect_download() as downloaded:
            buttons.nth(at).click()
        assert downloaded.value.path().read_bytes().count(b"\r\n") >= 2, downloaded.value.suggested_filename
    assert far_away.faults == []


@pytest.fixture(scope="module")
def far_away(browser, start_dashboard, seeded):
    """A tab of somebody in another time zone."""
    tab = Tab(browser, start_dashboard(seeded.reader).url, timezone_id="Asia/Tokyo")
    yield tab
    tab.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "said"),
    [("", "Which trace?"), ("?id=<b>", "This is no trace id"), (f"?id={'f' * 32}&span={'e' * 16}", "No such trace")],
)
def test_a_trace_that_is_not_there_says_so_and_leads_back(tab, query, said):
    page = tab.go(f"/trace{query}")
    page.get_by_text(said).wait_for()
    page.get_by_role("link", name="All traces").click()
    page.wait_for_url("**/traces**")
    page.get_by_text(re.compile(r"^[\d,]+ model calls$")).wait_for()


@pytest.mark.slow
def test_a_page_that_is_open_turns_dark_with_the_system(open_tab):
    tab = open_tab(color_scheme="light")
    page = tab.go("/alerts")
    colour = "() => getComputedStyle(document.querySelector('[data-testid=stBaseButton-primary]')).color"
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => ({colour})() === 'rgb(15, 18, 24)'")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"() => ({colour})() === 'rgb(255, 255, 255)'")


@pytest.mark.slow
def test_an_empty_store_says_how_to_send_the_first_span(open_tab, empty):
    tab = open_tab(source=empty.reader)
    for address in ("/", "/traces", "/quality", "/review"):
        page = tab.go(address)
        page.get_by_text("Send your first span").wait_for()
        assert "watchglass.init(" in page.get_by_test_id("stCode").first.inner_text()
        assert page.locator('[data-testid="stException"]').count() == 0
    page.get_by_role("tab", name="curl").click()
    page.get_by_test_id("stCode").get_by_text("curl -sS").wait_for()
