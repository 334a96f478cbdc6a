"""docs/tour.md, as a new user walks it: an empty store, the page's own snippet, a judge, a rule, the alert by mail.

Everything is real: `watchglass up` with its four parts, Chromium, SMTP, the SDK in a process of its own; only the model
that judges is scripted. With TOUR_SCREENSHOTS_DIR=docs/images the pictures of the tour are made anew.
"""

import email
import email.policy
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from tests.dashboards.browser.runs import Runs

pytestmark = pytest.mark.browser
FOLDER = os.environ.get("TOUR_SCREENSHOTS_DIR")
PORTS = ("STORE__PORT", "COLLECTOR__HTTP_PORT", "COLLECTOR__GRPC_PORT", "DASHBOARD__PORT")
QUESTION = "Does the answer do what was asked? A greeting alone does nothing."
LONG_S = 240.0


class Inbox:
    """Keeps what the mail server was given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def titled(self, words: str) -> list[Any]:
        return [mail for mail in self.mails if words in mail["Subject"]]


class Model(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint whose judge finds every answer unhelpful."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        token = asked["messages"][1]["content"].rsplit("Reply token: ", 1)[1]
        verdict = {"reasoning": "It greets and does nothing else.", "token": token, "verdict": "bad"}
        message = {"role": "assistant", "content": json.dumps(verdict)}
        usage = {"prompt_tokens": 400, "completion_tokens": 30}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        reply = {"object": "chat.completion", "model": "judge-1", "choices": [choice], "usage": usage}
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


def until(condition: Callable[[], object], what: str, timeout_s: float = LONG_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"timed out: {what}"
        time.sleep(0.2)


@pytest.fixture
def inbox(free_ports: Callable[[], int]) -> Iterator[tuple[Inbox, int]]:
    kept, port = Inbox(), free_ports()
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    yield kept, port
    server.stop()


@pytest.fixture
def model() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def watchglass(inbox: tuple[Inbox, int], model: str, free_ports: Callable[[], int], tmp_path: Path) -> Iterator[str]:
    """`watchglass up` on an empty directory, with the tour's two variables; the dashboard's address."""
    ports = {name: free_ports() for name in PORTS}
    mail = {"type": "email", "host": "127.0.0.1", "port": inbox[1], "security": "plain"}
    price = {"input_usd_per_million_tokens": 0.4, "output_usd_per_million_tokens": 1.6}
    settings = {
        "ALERTS__CHANNELS": {"team": {**mail, "sender": "watchglass@example.com", "recipients": ["me@example.com"]}},
        "EVALUATORS__JUDGE": {
            "base_url": model, "model": "judge-1", "prices": {"judge-1": price}, "daily_budget_usd": 1,
            "traces_url": "",
        },
        # Only so that nobody waits for what takes a minute by default.
        "COLLECTOR__ASSEMBLY_SETTLE_S": 0.5, "COLLECTOR__SEGMENT_AGE_S": 0.1, "EVALUATORS__SETTLE_S": 0,
        "EVALUATORS__POLL_S": 0.5, "ALERTS__SETTLE_S": 1, **ports,
    }  # fmt: skip
    variables = {f"WATCHGLASS_{name}": json.dumps(value) for name, value in settings.items()}
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchglass_cli", "up", "--data", str(tmp_path / "data")],
            cwd=tmp_path, env={**os.environ, **variables}, stderr=output,
        )  # fmt: skip
    url = f"http://127.0.0.1:{ports['DASHBOARD__PORT']}"

    def is_up() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return True
        except OSError:
            return False

    try:
        until(is_up, "watchglass up")
        yield url
    finally:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in log.read_text()


class Walk:
    """The browser of a new user."""

    def __init__(self, page: Any, url: str, tmp_path: Path) -> None:
        self.page, self.url, self._runs = page, url, Runs(page)
        self._folder = Path(FOLDER).resolve() if FOLDER else tmp_path
        self._pictures = 0

    def idle(self) -> None:
        self._runs.idle()

    def open(self, name: str) -> None:
        """By the sidebar, as people do."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        self.page.wait_for_selector(f"h2:has-text('{name}')")
        self.idle()

    def pick(self, key: str, text: str) -> None:
        self.page.locator(f".st-key-{key} input").click()
        self.page.keyboard.type(text)  # of a long list only a part is drawn
        self.page.get_by_role("option", name=text, exact=True).click()
        self.idle()

    def picture(self, name: str) -> None:
        """One of the tour's; drawn on request, as high as the page."""
        assert self.page.locator('[data-testid="stException"]').count() == 0
        if not FOLDER:
            return
        from PIL import Image

        content = self.page.locator("[data-testid=stMainBlockContainer]")
        height = content.evaluate("e => e.scrollHeight + 40") if content.count() else 700
        self.page.set_viewport_size({"width": 1400, "height": max(560, min(int(height), 1200))})
        self.page.wait_for_timeout(2500)
        self._pictures += 1
        target = self._folder / f"tour-{self._pictures}-{name}.png"
        self.page.screenshot(path=target)
        Image.open(target).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
        self.page.set_viewport_size({"width": 1400, "height": 1000})


@pytest.fixture
def walk(chromium: Path, watchglass: str, tmp_path: Path) -> Iterator[Walk]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        walk = Walk(page, watchglass, tmp_path)
        page.goto(watchglass)
        yield walk
        browser.close()


def run(snippet: str, folder: Path) -> None:
    """What the page says to run, as it stands."""
    file = folder / "first.py"
    file.write_text(snippet, encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=120, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr


def first_call(walk: Walk, folder: Path) -> str:
    """The empty page's own code, run; the page fills by itself."""
    page = walk.page
    page.get_by_text("Send your first span").wait_for()
    walk.idle()
    walk.picture("empty")
    snippet = page.get_by_test_id("stCode").first.inner_text()
    assert "watchglass.init(" in snippet
    run(snippet, folder)
    page.get_by_text("Data through").wait_for(timeout=LONG_S * 1000)
    walk.idle()
    walk.picture("seen")
    walk.open("Traces")
    page.get_by_text("1 model call").wait_for()
    return str(snippet)


def channel_works(walk: Walk, inbox: Inbox) -> None:
    walk.open("Settings")
    walk.page.get_by_role("button", name="Send a test message").click()
    walk.page.get_by_text("Delivered: team took the test message.").wait_for(timeout=LONG_S * 1000)
    walk.idle()
    assert inbox.titled("Test: team")
    walk.picture("channel")


def judge_is_switched_on(walk: Walk) -> None:
    """A rubric written on the page, tried on the call that was sent, saved, and switched on."""
    page = walk.page
    walk.open("Evaluators")
    walk.pick("evaluator", "a new judge")
    page.get_by_role("textbox", name="Name").fill("helpful")
    page.get_by_role("textbox", name="What to judge").fill(QUESTION)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Ask the judge about these").click()
    page.get_by_text("1 of 1 calls have a verdict").wait_for(timeout=LONG_S * 1000)
    walk.idle()
    page.get_by_text("It greets and does nothing else.").wait_for()
    walk.picture("judge")
    page.get_by_role("button", name="Save a new version").click()
    page.get_by_text("Saved. Its scores are a new series.").wait_for()
    walk.idle()
    walk.pick("evaluator", "judge_helpful")
    runs = page.get_by_test_id("stCheckbox").locator("input")
    page.get_by_text("Latest verdicts").wait_for()
    walk.idle()

    def switched() -> bool:
        if not runs.is_checked():
            page.get_by_test_id("stCheckbox").locator("label").click()
            page.wait_for_timeout(1000)
        return bool(runs.is_checked())

    until(switched, "the switch")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved. Workers take it up within seconds.").wait_for()
    walk.idle()
    assert runs.is_checked()


def rule_is_made(walk: Walk) -> None:
    page = walk.page
    walk.open("Alerts")
    page.get_by_role("button", name="New rule").click()
    page.wait_for_url("**new=1**")
    walk.idle()
    walk.pick("ed_key", "the mean of the score")
    walk.pick("ed_subject", "judge_helpful")
    walk.pick("ed_window", "5 min")
    walk.pick("ed_how", "is below")
    page.locator(".st-key-ed_value input").fill("0.5")
    page.locator(".st-key-ed_value input").press("Enter")
    walk.idle()
    page.get_by_text("More: how sure").click()
    page.locator(".st-key-ed_min_sample_size input").fill("1")
    page.locator(".st-key-ed_min_sample_size input").press("Enter")
    walk.idle()
    page.locator(".st-key-ed_channels input").click()
    page.get_by_role("option", name="team").click()
    page.keyboard.press("Escape")
    walk.idle()
    walk.picture("rule")
    page.get_by_role("button", name="Save the rule").click()
    page.get_by_text("Saved. It is in force").wait_for()
    walk.idle()


@pytest.mark.timeout(900)
def test_from_an_empty_store_to_an_alert_by_mail(walk: Walk, inbox: tuple[Inbox, int], tmp_path: Path) -> None:
    page, mails = walk.page, inbox[0]
    snippet = first_call(walk, tmp_path)
    channel_works(walk, mails)
    judge_is_switched_on(walk)

    run(snippet, tmp_path)

    def judged() -> bool:
        page.wait_for_timeout(1000)
        page.reload()
        walk.idle()
        return page.get_by_text("This judge has said nothing yet.").count() == 0

    until(judged, "the judge's first score")
    rule_is_made(walk)
    run(snippet, tmp_path)
    until(lambda: mails.titled("Firing: "), "the alert by mail")
    (alert, *_) = mails.titled("Firing: ")
    assert "judge_helpful" in alert.get_body(("plain",)).get_content()
    page.reload()
    walk.idle()
    page.get_by_text("firing").first.wait_for()
    walk.picture("firing")
    if FOLDER:
        page.set_content(alert.get_body(("html",)).get_content())
        walk.picture("mail")
