"""Shortcuts, steps and settings, in a browser."""

import re

import pytest

pytestmark = pytest.mark.browser


def test_the_question_mark_lists_the_shortcuts(tab):
    page = tab.go("/?range=24h")
    page.locator("h2").first.click()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("next call").wait_for()


def test_a_question_mark_in_a_text_is_a_question_mark(tab):
    page = tab.go("/traces?range=24h")
    page.get_by_placeholder("Words in the prompt").press("?")
    page.wait_for_url("**q=%3F**")
    assert page.get_by_role("dialog").count() == 0


def test_j_and_k_step_through_the_list_and_o_opens_the_page(tab):
    page = tab.go("/traces?range=24h")
    drawer = tab.peek()
    drawer.get_by_text(re.compile(r"^1 of 50 listed$")).wait_for()
    page.keyboard.press("j")
    drawer.get_by_text(re.compile(r"^2 of 50 listed$")).wait_for()
    page.keyboard.press("k")
    drawer.get_by_text(re.compile(r"^1 of 50 listed$")).wait_for()
    tab.idle()
    page.keyboard.press("o")
    page.wait_for_url("**/trace?id=**")
    page.get_by_text(re.compile(r"^1 of 50 listed$")).first.wait_for()


@pytest.mark.parametrize("path", ["/settings", "/settings?section=API keys", "/sessions?range=24h&list=Users"])
def test_pages_open_by_their_address(tab, path):
    page = tab.go(path)
    assert page.locator('[data-testid="stException"]').count() == 0
