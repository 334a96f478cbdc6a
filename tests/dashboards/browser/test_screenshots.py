"""The pages as people see them. With SCREENSHOTS_DIR=docs/images and -m browser the documentation's are made anew."""

import os
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

_FOLDER = os.environ.get("SCREENSHOTS_DIR")
_WIDE = {"viewport": {"width": 1480, "height": 1000}}
_PHONE = {"viewport": {"width": 400, "height": 880}, "is_mobile": True, "has_touch": True}
_PHONE |= {"device_scale_factor": 2} if _FOLDER else {}


def _shoot(tab, name):
    """Draw the whole page: Streamlit scrolls inside it, so the window is made as high as its content."""
    page = tab.page
    size = page.viewport_size
    height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight + 60")
    page.set_viewport_size({"width": size["width"], "height": max(700, min(int(height), 2200))})
    tab.idle()
    if _FOLDER:
        page.wait_for_timeout(2500)
        target = Path(_FOLDER).resolve() / f"{name}.png"
        page.screenshot(path=target)
        Image.open(target).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
        assert target.stat().st_size < 300_000
    page.set_viewport_size(size)


ADDRESSES = {
    "overview": "/?range=24h&service=support-bot",
    "traces": "/traces?range=24h",
    "trace": "/trace?id={trace_id}&span={span_id}",
    "sessions": "/sessions?range=24h",
    "cost": "/cost?range=24h",
    "health": "/health?range=24h",
    "settings": "/settings",
    "settings-models": "/settings?section=Models+and+prices",
    "quality": "/quality?range=24h&score=rouge_l",
    "safety": "/safety?range=24h",
    "drift": "/drift?range=24h",
    "compare": "/compare?range=24h",
    "review": "/review?range=24h&score=rouge_l",
    "evaluators": "/evaluators?range=24h&evaluator=rouge",
}
_ALWAYS = ("overview", "traces", "trace")


# axe-core opens every page in light and dark (test_accessibility.py): a run without pictures needs the phone only.
@pytest.mark.parametrize("look", ["light", "dark", "phone"] if _FOLDER else ["phone"])
@pytest.mark.parametrize(
    "name", [name if name in _ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in ADDRESSES]
)
def test_pages_look_as_they_should(open_tab, seeded, name, look):
    chat = next(call for call in reversed(seeded.seed.chats) if call["cost_usd"] and call["span_id"] in seeded.scored)
    tab = open_tab(**(_PHONE if look == "phone" else {**_WIDE, "color_scheme": look}))
    page = tab.go(ADDRESSES[name].format(**chat))
    _shoot(tab, f"{name}-{look}")
    assert page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
