"""The messages in a real browser: the mail as it arrives, and Slack's blocks in a small likeness of Slack.

With WATCHGLASS_PICTURES set to a folder the pictures are kept there.
"""

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from watchglass_alerts.channels.block_kit import payload
from watchglass_alerts.channels.mail_body import CHART_ID, render_html
from watchglass_alerts.chart import Chart
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.testing import HOSTILE

KEPT = os.environ.get("WATCHGLASS_PICTURES", "")

VALUES = (1.2, 0.8, 1.9, 1.1, 0.7, 1.4, 2.2, 1.0, 0.9, 1.6, 1.3, 2.0, 0.8, 1.1, 1.7, None, 1.2, 2.4)
AFTER = (30.1, 28.4, 25.2, 19.1, 12.3, 6.0, 3.1, 2.0, 1.2, 1.6, 0.9, 1.1, 1.5, 1.2, 1.7, 1.1, 1.4)
VALUES += (1.9, 3.1, 6.4, 11.8, 17.5, 22.9, 26.4, 28.1, 30.6, 29.2, 31.8, 31.2)
DEMO = Message(
    id="5f0c9a52-1f35-5b0e-8a52-0f6d7be0a4f1",
    thread="0b0e4d0e-5d4f-5c35-9f0b-6a1f6a3f1c11",
    kind=Kind.FIRING,
    title="Firing: support-bot errors",
    severity="critical",
    headline="error_rate is 31.2 % (95 % interval 27.7 % to 34.9 %, 643 calls); fires at > 20 %.",
    reason="31.2 % is > 20 % for 5m",
    facts=(
        ("Rule", "support-bot errors"),
        ("Severity", "critical"),
        ("Window", "2026-03-02 14:25:00 to 14:30:00 UTC (5m)"),
        ("Since", "2026-03-02 14:30:00 UTC"),
    ),
    where=(("service_name", "support-bot"), ("team", "assistants"), ("model", "gpt-4o-mini")),
    notes=(("summary", "Nearly one answer in three fails on gpt-4o-mini. Customers see the fallback text."),),
    links=(
        ("Dashboard", "https://watchglass.example.com/traces?service=support-bot&model=gpt-4o-mini"),
        ("Runbook", "https://runbooks.example.com/support-bot-errors"),
    ),
    silence="watchglass alerts silence 'rule=support-bot errors' model=gpt-4o-mini --for 2h",
    incident="0b0e4d0e-5d4f-5c35-9f0b-6a1f6a3f1c11/1772461800",
    chart=Chart(
        tuple(None if value is None else value / 100 for value in VALUES),
        0.2,
        is_bad_above=True,
        caption="last 30 values, every 1m: 0.7 % to 31.8 %, line at 20 %",
    ),
    examples=tuple(
        (title, f"https://watchglass.example.com/trace?id={number}", "")
        for number, title in enumerate(
            (
                "14:29:58 gpt-4o-mini, timeout",
                "14:29:51 gpt-4o-mini, rate_limit_exceeded",
                "14:29:44 gpt-4o-mini, timeout",
            )
        )
    ),
)
RESOLVED = replace(
    DEMO,
    kind=Kind.RESOLVED,
    title="Resolved: support-bot errors",
    headline="error_rate is 1.4 % (95 % interval 0.72 % to 2.7 %, 651 calls); fires at > 20 %.",
    reason="1.4 % is not > 20 %",
    facts=(*DEMO.facts[:2], ("Window", "2026-03-02 14:42:00 to 14:47:00 UTC (5m)"), DEMO.facts[3], ("Lasted", "17m")),
    chart=replace(DEMO.chart, values=(*DEMO.chart.values[17:], *(each / 100 for each in AFTER)))
    if DEMO.chart
    else None,
    examples=(),
)


@pytest.fixture(scope="module")
def page(chromium: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(device_scale_factor=2)
        opened.route("**/*", lambda route: route.abort())
        yield opened
        browser.close()


def show(page: Page, html: str, width: int, name: str) -> None:
    page.set_viewport_size({"width": width, "height": 300})
    page.set_content(html)
    if KEPT and "hostile" not in name:
        page.screenshot(path=f"{KEPT}/{name}.png", full_page=True)


def mail(message: Message) -> str:
    html = render_html(message)
    if message.chart is not None:
        picture = base64.b64encode(message.chart.png()).decode()
        html = html.replace(f"cid:{CHART_ID}", f"data:image/png;base64,{picture}")
    return html


@pytest.mark.parametrize("width", [720, 360])
@pytest.mark.parametrize(("name", "message"), [("firing", DEMO), ("resolved", RESOLVED), ("hostile", HOSTILE)])
def test_a_mail_fits_its_window(page: Page, name: str, message: Message, width: int) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    show(page, mail(message), width, f"email-{name}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "no sideways scrolling"
    assert not [url for url in requested if not url.startswith(("data:", "about:"))], "nothing is loaded"
    if name == "firing":
        assert page.get_by_role("link", name="14:29:58 gpt-4o-mini, timeout").is_visible()
        assert page.evaluate("document.images[0].naturalWidth") == 960


def test_the_slack_message(page: Page) -> None:
    show(page, slack_likeness([payload(DEMO), payload(RESOLVED)]), 680, "slack-thread")
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    assert page.get_by_text("▁", exact=False).first.is_visible()


STYLE = """
body{margin:0;padding:16px 20px;font:15px/1.46668 Lato,'Liberation Sans',sans-serif;color:#1d1c1d;background:#fff}
.message{display:flex;gap:8px;margin-bottom:20px} .body{flex:1;min-width:0}
.icon{width:36px;height:36px;border-radius:8px;background:#1d3557;color:#fff;display:grid;place-items:center}
.app{font-weight:900} .time{font-size:12px;color:#616061;margin-left:8px}
.header{font-size:18px;font-weight:900;margin:8px 0}
.section,.rich{margin:8px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.dot{display:inline-block;width:16px;height:16px;border-radius:8px;margin-right:8px;vertical-align:-1px}
.red{background:#e01e5a} .green{background:#2eb67d} .message+.message{margin-left:44px}
.actions{display:flex;gap:8px;margin:8px 0}
.button{border:1px solid #ddd;border-radius:4px;padding:4px 12px;font-weight:700}
.context{font-size:13px;color:#616061;white-space:pre-wrap;overflow-wrap:anywhere}
ol{margin:4px 0;padding-left:28px} a{color:#1264a3}
"""


MARKS = {"🔴": "red", "🟢": "green"}
"""The machine that draws may have no font for emoji."""


def slack_likeness(messages: list[dict[str, Any]]) -> str:
    """Block Kit as HTML, near enough to Slack's own look to judge a message by."""
    shown = "".join(
        '<div class="message"><div class="icon">W</div><div class="body"><span class="app">Watchglass</span>'
        f'<span class="time">{time}</span>{"".join(map(block, message["blocks"]))}</div></div>'
        for time, message in zip(("14:31", "14:48"), messages, strict=True)
    )
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>{shown}'


def block(given: dict[str, Any]) -> str:
    match given["type"]:
        case "header":
            mark, _, title = given["text"]["text"].partition(" ")
            return f'<div class="header"><span class="dot {MARKS[mark]}"></span>{title}</div>'
        case "section":
            return f'<div class="section">{given["text"]["text"]}</div>'
        case "rich_text":
            return f'<div class="rich">{"".join(map(rich, given["elements"]))}</div>'
        case "actions":
            inside = "".join(f'<span class="button">{each["text"]["text"]}</span>' for each in given["elements"])
            return f'<div class="actions">{inside}</div>'
        case "context":
            return f'<div class="context">{given["elements"][0]["text"]}</div>'
    raise AssertionError(given["type"])


def rich(given: dict[str, Any]) -> str:
    if given["type"] == "rich_text_list":
        return f"<ol>{''.join(f'<li>{rich(each)}</li>' for each in given['elements'])}</ol>"
    if given["type"] == "rich_text_section":
        return "".join(map(rich, given["elements"]))
    if given["type"] == "link":
        return f'<a href="{escape(given["url"])}">{escape(given["text"])}</a>'
    text = escape(given["text"])
    return f"<b>{text}</b>" if given.get("style") else text
