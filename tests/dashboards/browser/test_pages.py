"""The dashboard as people use it: in a browser, with its process, on a real store."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.browser


def trace_of(seeded):
    chat = next(call for call in reversed(seeded.seed.chats) if call["span_id"] in seeded.scored)
    return chat, f"/trace?id={chat['trace_id']}&span={chat['span_id']}"


@pytest.mark.parametrize(("path", "title"), [("/?range=24h", "Overview"), ("/traces?range=24h", "Traces")])
def test_a_page_opens_by_its_address(tab, path, title):
    page = tab.go(path)
    assert page.locator("h2").first.inner_text() == title
    assert page.locator('[data-testid="stException"], [data-testid="stAlert"]').count() == 0


def test_a_filter_survives_reload_and_a_change_of_page(tab, seeded):
    page = tab.go("/traces?range=24h")
    page.get_by_placeholder("Words in the prompt").fill("contract")
    page.wait_for_url("**q=contract**")
    page.get_by_role("combobox", name="Service").click()
    page.get_by_role("option", name="support-bot").click()
    page.wait_for_url("**service=support-bot**")
    tab.idle()
    found = page.get_by_text(re.compile(r"^[\d,]+ model calls$"))
    before = found.inner_text()
    page.reload()
    tab.idle()
    assert found.inner_text() == before
    assert page.get_by_placeholder("Words in the prompt").input_value() == "contract"
    page.get_by_role("link", name="Overview").click()
    page.wait_for_selector("h2:has-text('Overview')")
    tab.idle()
    assert "service=support-bot" in page.url
    assert "range=24h" in page.url


@pytest.mark.slow
def test_an_absolute_range_is_shown_and_can_be_left(tab, seeded):
    start = seeded.seed.now.replace(minute=0)
    page = tab.go(f"/traces?from={start:%Y-%m-%dT%H:%M:%S}%2B00:00&to={start:%Y-%m-%dT%H}:59:00%2B00:00")
    page.locator(".st-key-unzoom button").click()
    page.locator(".st-key-range_shown").get_by_text("24h").wait_for()
    tab.idle()
    assert "from=" not in page.url


def drag_over(page, key):
    """Drag over a fifth of a chart, as a hand does."""
    chart = page.locator(f"[class*='st-key-{key}_']").get_by_test_id("stVegaLiteChart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.65, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"[?&]from=.*to="))


@pytest.mark.slow
def test_a_drag_over_the_traffic_leads_to_those_calls(tab):
    page = tab.go("/?range=24h&service=support-bot")
    drag_over(page, "traffic")
    page.get_by_role("link", name="Show these calls").click()
    page.wait_for_url(re.compile(r"/traces\?.*from="))
    tab.idle()
    assert "service=support-bot" in page.url
    assert page.locator(".st-key-unzoom").count() == 1
    page.get_by_text(re.compile(r"^[\d,]+ model calls$")).wait_for()


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/", "tokens"),
        *(
            pytest.param(path, key, marks=pytest.mark.slow)
            for path, key in (
                ("/quality", "score_course"),
                ("/cost", "cost"),
                ("/drift", "drift_course"),
                ("/health", "lag"),
            )
        ),
    ],
)
def test_a_drag_over_any_chart_of_the_range_zooms_and_leads_to_those_calls(tab, path, key):
    page = tab.go(f"{path}?range=24h")
    drag_over(page, key)
    tab.idle()
    zoomed = page.url
    page.get_by_role("link", name="Show these calls").wait_for()
    page.locator(".st-key-unzoom button").click()
    page.locator(".st-key-range_shown").get_by_text("24h").wait_for()
    page.wait_for_url(lambda url: "from=" not in url)
    tab.idle()
    assert "from=" not in page.url  # what was dragged is forgotten and not applied again
    drag_over(page, key)
    tab.idle()
    page.get_by_role("link", name="Show these calls").click()
    page.wait_for_url(re.compile(r"/traces\?.*from="))
    tab.idle()
    assert parse_qs(urlsplit(page.url).query)["from"] == parse_qs(urlsplit(zoomed).query)["from"]


def test_a_row_opens_a_drawer_and_the_drawer_opens_the_page(tab):
    page = tab.go("/traces?range=24h")
    drawer = tab.peek()
    drawer.get_by_role("treeitem").first.wait_for()
    drawer.get_by_role("link", name="Open its page").click()
    page.wait_for_url("**/trace?id=**")
    tab.idle()
    assert page.get_by_role("treeitem").count() == 4


def selected(page):
    return page.locator('[role=treeitem][aria-selected="true"] .title').inner_text()


def test_the_waterfall_is_walked_by_keyboard_and_its_selection_is_in_the_address(tab, seeded):
    chat, address = trace_of(seeded)
    page = tab.go(address)
    rows = page.get_by_role("treeitem")
    rows.first.wait_for()
    assert selected(page) == chat["span_name"]
    page.locator('[role=treeitem][aria-selected="true"]').focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert rows.locator("visible=true").count() == 1
    page.keyboard.press("ArrowRight")
    assert rows.locator("visible=true").count() == 4
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.get_by_text("crm.lookup", exact=True).first.wait_for()
    page.wait_for_url(lambda url: chat["span_id"] not in url)
    tab.idle()
    page.reload()
    tab.idle()
    rows.first.wait_for()
    assert selected(page) == "execute_tool crm.lookup"


def test_attributes_are_shown_raw(tab, seeded):
    _, address = trace_of(seeded)
    page = tab.go(address)
    page.get_by_role("tab", name="Attributes").click()
    page.get_by_test_id("stJson").get_by_text("gen_ai.operation.name").wait_for()


def test_a_deep_trace_turns_its_pages(open_tab, deep):
    tab = open_tab(source=deep.reader)
    page = tab.go(f"/trace?id={deep.seed.spans[0]['TraceId']}&span={700:016x}")
    page.get_by_text("Spans 601 to 750 of 2,000").wait_for()
    assert selected(page) == "step 700"


@pytest.mark.parametrize("path", ["/", "/traces", "trace"])
def test_hostile_text_is_only_text(open_tab, hostile, path):
    """No script runs, no markup appears, and the tab's own check says that no request left for a named host."""
    call = hostile.seed.calls[0]
    address = f"/trace?id={call['trace_id']}&span={call['span_id']}" if path == "trace" else path
    tab = open_tab(source=hostile.reader)
    page = tab.go(address)
    page.wait_for_timeout(300)
    if path == "trace":
        page.get_by_text("window.hacked=1").first.wait_for()
        page.get_by_role("tab", name="Documents").click()
        page.get_by_role("tab", name="Attributes").click()
        page.get_by_test_id("stJson").wait_for()
    assert page.evaluate("window.hacked") is None
    bad = "img[src*=evil], a[href*=evil], iframe, a[href^=javascript], a[href^=mailto], .katex"
    assert page.locator(bad).count() == 0
    assert page.locator('[data-testid="stException"]').count() == 0


def test_responses_carry_the_policy_and_foreign_hosts_are_refused(tab):
    page = tab.page
    answer = page.request.get(tab.url + "/")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"script-src 'self' blob: 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert page.request.get(tab.url + "/", headers={"Host": "evil.example"}).status == 400
