"""The list of calls as people work through it: facets, search, pages, files, saved views."""

import csv
import io
import re

import orjson
import pytest

pytestmark = pytest.mark.browser

FOUND = re.compile(r"^[\d,]+ model calls$")


def found(page):
    return int(page.get_by_text(FOUND).inner_text().split()[0].replace(",", ""))


def wait_for(page, number):
    page.get_by_text(f"{number:,} model calls", exact=True).wait_for()


def wait_for_another(page, number):
    """Until the list has another length."""
    page.wait_for_function(
        """before => [...document.querySelectorAll('[data-testid="stCaptionContainer"]')]
               .some(each => each.innerText.trim().endsWith(' model calls') && each.innerText.trim() !== before)""",
        arg=f"{number:,} model calls",
    )


@pytest.mark.slow
def test_a_facet_narrows_the_list_to_as_many_calls_as_it_says(tab):
    page = tab.go("/traces?range=24h")
    page.get_by_role("button", name="Facets").click()
    facet = page.locator(".st-key-facet_service_0 button")
    facet.wait_for()
    service, _, count = facet.inner_text().partition(" · ")
    facet.click()
    page.wait_for_url("**service=**")
    assert service.replace("\\", "") in page.url
    wait_for(page, int(count.replace(",", "")))


def test_a_search_is_paged_by_the_store_and_both_are_in_the_address(tab):
    page = tab.go("/traces?range=24h")
    everything = found(page)
    search = page.get_by_placeholder("Words in the prompt")
    search.fill("contract termination")
    page.wait_for_url("**q=contract**")
    wait_for_another(page, everything)
    tab.idle()
    assert 0 < found(page) < everything
    search.fill("")
    page.wait_for_url(lambda url: "q=" not in url)
    wait_for(page, everything)
    tab.idle()
    page = tab.go("/traces?range=24h&page=2")
    wait_for(page, everything)
    assert "page=2" in page.url


def test_the_list_is_a_file(tab):
    page = tab.go("/traces?range=24h&q=contract")
    shown = found(page)
    with page.expect_download() as downloaded:
        page.locator(".st-key-csv_calls button").click()
    assert downloaded.value.suggested_filename == "watchglass_calls.csv"
    rows = list(csv.DictReader(io.StringIO(downloaded.value.path().read_text(encoding="utf-8"))))
    assert len(rows) == shown
    assert all("contract" in f"{row['prompt']} {row['answer']}".lower() for row in rows)
    with page.expect_download() as downloaded:
        page.locator(".st-key-json_calls button").click()
    assert len(orjson.loads(downloaded.value.path().read_bytes())) == shown


def test_a_view_is_saved_shown_in_place_with_its_address_and_forgotten(tab, seeded):
    page = tab.go("/traces?range=24h&status=error&model=gpt-4.1-mini&model=claude-sonnet-4.5")
    failed = found(page)
    page.get_by_role("button", name="Saved views").click()
    page.get_by_label("Name of what is shown now").fill("Failed today")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Failed today").wait_for()
    start = seeded.seed.now.replace(minute=0)
    page = tab.go(
        f"/traces?range=6h&q=contract&service=support-bot&slow=0.5&from={start:%Y-%m-%dT%H:%M:%S}%2B00:00"
        f"&to={start:%Y-%m-%dT%H}:59:00%2B00:00"
    )
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("button", name="Failed today").click()
    page.wait_for_url("**status=error**")
    page.get_by_text(f"{failed:,} model calls", exact=True).wait_for()
    tab.idle()
    query = page.url.split("?")[1].split("&")
    assert sorted(query) == ["model=claude-sonnet-4.5", "model=gpt-4.1-mini", "range=24h", "status=error"]
    page.reload()
    tab.idle()
    assert found(page) == failed
    page.get_by_role("button", name="Saved views").click()
    page.locator(".st-key-forget_0 button").click()
    page.get_by_role("button", name="Failed today").wait_for(state="detached")


@pytest.mark.slow
def test_the_data_of_a_chart_is_a_file(tab):
    page = tab.go("/?range=24h")
    with page.expect_download() as downloaded:
        page.locator(".st-key-csv_traffic button").click()
    rows = list(csv.DictReader(io.StringIO(downloaded.value.path().read_text(encoding="utf-8"))))
    assert set(rows[0]) == {"time", "ok", "error"}
    assert sum(int(row["ok"]) + int(row["error"]) for row in rows) > 100


def test_a_trace_is_a_file_and_its_steps_keep_to_the_filter(tab):
    page = tab.go("/traces?range=24h&q=contract")
    listed = min(found(page), 50)
    drawer = tab.peek()
    drawer.get_by_text(f"1 of {listed} listed").wait_for()
    drawer.get_by_role("link", name="Open its page").click()
    page.wait_for_url("**/trace?id=**")
    tab.idle()
    page.get_by_text(f"1 of {listed} listed").wait_for()
    page.keyboard.press("j")
    page.get_by_text(f"2 of {listed} listed").wait_for()
    tab.idle()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="JSON").first.click()
    trace = orjson.loads(downloaded.value.path().read_bytes())
    assert trace["trace_id"] in page.url
    assert any("contract" in call["prompt_text"].lower() for call in trace["calls"])


def test_a_list_without_calls_says_so_and_keeps_its_filters(tab):
    page = tab.go("/traces?range=24h&q=nosuchword")
    page.get_by_text("No call matches").wait_for()
    assert page.get_by_placeholder("Words in the prompt").input_value() == "nosuchword"
