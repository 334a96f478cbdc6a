"""axe-core on every page: no serious violation that our markup causes.

`make axe` fetches axe-core from npm and runs this.
"""

import os
import re
from pathlib import Path

import pytest

from watchglass_dashboards.pages import PAGES

pytestmark = pytest.mark.browser

AXE = Path(os.environ.get("AXE") or Path(__file__).parents[3] / ".venv" / "axe-core" / "axe.min.js")

#: (rule, where it is looked for, part of that) -> why it is Streamlit's and not ours. Anything else fails.
STREAMLITS_OWN: dict[tuple[str, str, str], str] = {
    ("list", "within", "stSidebarNav"): "the sidebar's navigation puts its headings between the items",
    ("listitem", "within", "stSidebarNav"): "the same",
    ("svg-img-alt", "where", "metric_chart_"): "st.metric's own sparkline",
    # By its markup: axe's selector of one element is a class on one page and something else on another.
    ("svg-img-alt", "html", "role-mark zoom_brush"): "Vega's own brush, empty until it is dragged",
}

EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
RULES_ON_COLOURS = ["color-contrast", "link-in-text-block"]
_RUN = """async wanted => {
  const found = await axe.run(document, { runOnly: wanted });
  return found.violations.filter(violation => ['serious', 'critical'].includes(violation.impact)).flatMap(violation =>
    violation.nodes.map(node => ({
      rule: violation.id,
      where: node.target.join(' '),
      within: document.querySelector(node.target[0])?.closest('[data-testid^="stSidebarNav"]')?.dataset.testid ?? '',
      html: node.html.slice(0, 200),
    })));
}"""

# dark.css is there once the script has run with the theme that the browser told it.
_IS_DARK = """() => [...document.querySelectorAll('style')].some(style =>
  style.textContent.includes('0F1218') && style.textContent.includes('stBaseButton-primary'))"""


def violations(page, name, rules):
    """(rule, element) -> the page and the first such element; what is Streamlit's own is left out."""
    return {
        (violation["rule"], re.sub(r"\d+", "N", violation["where"])): f"{name}: {violation['html']}"
        for violation in page.evaluate(_RUN, rules)
        if not any(violation["rule"] == rule and part in violation[field] for rule, field, part in STREAMLITS_OWN)
    }


def make_dark(tab):
    """As when a system turns dark at dusk; `r` has the script run again, which brings dark.css."""
    background = "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    light = tab.page.evaluate(background)
    tab.page.emulate_media(color_scheme="dark")
    tab.page.wait_for_function(f"light => ({background})() !== light", arg=light)
    tab.page.keyboard.press("r")
    tab.page.wait_for_function(_IS_DARK)
    tab.idle()


SHOWN = [name for name, info in PAGES.items() if not info.is_hidden]


@pytest.mark.parametrize(
    "name", ["trace", *SHOWN[:2], *(pytest.param(name, marks=pytest.mark.slow) for name in SHOWN[2:])]
)
def test_a_page_has_no_serious_violation_in_light_or_dark(open_tab, seeded, name):
    if not AXE.is_file():
        pytest.skip("axe-core is not here: `make axe` fetches it from npm and runs this test")
    chat = next(call for call in reversed(seeded.seed.chats) if call["span_id"] in seeded.scored)
    query = f"id={chat['trace_id']}&span={chat['span_id']}" if name == "trace" else "range=24h"
    tab = open_tab(bypass_csp=True, color_scheme="light")
    page = tab.go(f"/{'' if name == SHOWN[0] else name}?{query}")
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    found = violations(page, name, EVERY_RULE)
    make_dark(tab)
    found |= violations(page, f"{name}, dark", RULES_ON_COLOURS)
    assert not found, "\n".join(f"{rule} {where}: {first}" for (rule, where), first in found.items())
