"""The Alerts page in a browser: a rule made by filling in a sentence, hostile names, and how it looks."""

import re

import pytest

from .test_screenshots import _FOLDER, _PHONE, _WIDE, _shoot

pytestmark = pytest.mark.browser


def pick(page, key, text):
    """Choose from a select box."""
    page.locator(f".st-key-{key} input").click()
    page.get_by_role("option", name=text, exact=True).click()


def test_a_rule_is_made_by_filling_in_a_sentence(open_tab, alerting):
    tab = open_tab(source=alerting.reader)
    page = tab.go("/alerts")
    page.get_by_role("button", name="New rule").click()
    page.wait_for_url("**new=1**")
    tab.idle()
    pick(page, "ed_key", "the 95th-percentile latency")
    tab.idle()
    line = page.locator(".st-key-ed_value input")
    line.fill("0.5")
    line.press("Enter")
    page.get_by_text(re.compile(r"would have fired (once|[\d,]+ times)")).wait_for(timeout=120_000)
    tab.idle()
    assert page.locator('[data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg').count()
    page.locator(".st-key-ed_channels input").click()
    page.get_by_role("option", name="e-mail on-call").click()
    page.keyboard.press("Escape")
    tab.idle()
    page.get_by_role("button", name="Save the rule").click()
    page.wait_for_url(lambda url: "new=1" not in url)
    page.get_by_text("Saved. It is in force").wait_for()
    tab.idle()
    assert "edit=" not in page.url


@pytest.mark.parametrize(
    "path",
    [
        "/alerts?rule=x",
        *(
            pytest.param(f"/alerts?{query}", marks=pytest.mark.slow)
            for query in ("show=History", "show=Channels", "show=Silences", "new=1")
        ),
    ],
)
def test_hostile_names_are_only_text(open_tab, hostile, path):
    tab = open_tab(source=hostile.reader)
    page = tab.go(path)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.locator("a[href^='http']:not([href*='127.0.0.1'])").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("look", ["light", "dark", "phone"] if _FOLDER else ["dark", "phone"])
def test_the_page_looks_as_it_should(open_tab, alerting, look):
    tab = open_tab(source=alerting.reader, **(_PHONE if look == "phone" else {**_WIDE, "color_scheme": look}))
    for name, address in {
        "alerts": "/alerts?rule=Slow+answers",
        "alerts-editor": "/alerts?edit=Slow+answers",
        "alerts-history": "/alerts?show=History",
    }.items():
        page = tab.go(address)
        _shoot(tab, f"{name}-{look}")
        assert page.locator('[data-testid="stException"]').count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
