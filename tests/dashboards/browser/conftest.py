"""The real dashboard process and one Chromium."""

import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, sync_playwright

from watchglass_dashboards import (
    JUDGE_DESK_VARIABLE,
    PRICE_DESK_VARIABLE,
    RULE_DESK_VARIABLE,
    DashboardConfig,
    Installation,
    command,
)
from watchglass_evaluators import registry
from watchglass_store import StoreConfig

from .runs import Runs

ENABLED = ("rouge", "profanity", "response_length", "refusal", "toxicity")
#: How Streamlit notes that a file could not be made, which the page says as well.
_REFUSED_FILE = re.compile(
    r"^\S+ \S+ Error executing deferred callable.*?(?=^\d{4}-\d\d-\d\d |\Z)", re.DOTALL | re.MULTILINE
)
_CHARTS = """[...document.querySelectorAll('[data-testid$="Chart"]')]
    .every(chart => chart.querySelector('canvas, svg'))"""
SECTIONS = {"alerts": {"channels": {"slack #llm-oncall": {"type": "slack"}, "e-mail on-call": {"type": "email"}}}}


class Dashboard:
    """The real process."""

    def __init__(self, source: StoreConfig, port: int, folder: Path, *, config: DashboardConfig | None = None) -> None:
        known = {
            name: {"summary": summary, "enabled": name in ENABLED, "sample_rate": 1.0, "filters": {}}
            for name, summary in registry.summaries().items()
        }
        here = Installation(config or DashboardConfig(port=port), evaluators=known, sections=SECTIONS)
        argv, environment = command(here, source, folder)
        environment[RULE_DESK_VARIABLE] = "watchglass_alerts.desk:Desk"
        environment[PRICE_DESK_VARIABLE] = "watchglass_collector.assembly.desk:Desk"
        environment[JUDGE_DESK_VARIABLE] = "watchglass_evaluators.judge.desk:Desk"
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(argv, env=environment, stdout=self._log, stderr=subprocess.STDOUT, cwd=folder)
        self._folder = folder
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5):
                    return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
        pytest.fail(f"the dashboard did not start: {self.log()}")

    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def start_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Dashboard]]:
    """start_dashboard(source, collector_url="") -> the dashboard on that store, one process for each store."""
    running: dict[str, Dashboard] = {}

    def start(source: StoreConfig, collector_url: str = "") -> Dashboard:
        key = source.model_dump_json()
        if key not in running:
            config = DashboardConfig(port=_free_port(), collector_url=collector_url)
            running[key] = Dashboard(source, config.port, tmp_path_factory.mktemp("dashboard"), config=config)
        return running[key]

    yield start
    for dashboard in running.values():
        dashboard.stop()
    logs = [_REFUSED_FILE.sub("", dashboard.log()) for dashboard in running.values()]
    assert not [log for log in logs if "Traceback" in log or "deprecat" in log.lower()]


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """One Chromium for each file.

    Not for the whole session: while it is open, Playwright's event loop runs in this thread, and tests of other parts
    that come next in the same process could not run one of their own.
    """
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
            ],
        )
        yield running
        running.close()


class Tab:
    """A browser tab that remembers everything that should not have happened in it."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.url = url
        self._context = browser.new_context(
            viewport=context.pop("viewport", {"width": 1440, "height": 1000}), **context
        )
        self._context.set_default_timeout(15_000)
        self.page = self._context.new_page()
        self._runs = Runs(self.page)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        self.page.on("console", self._listen)
        self.page.on("request", self._watch)

    def _listen(self, message: ConsoleMessage) -> None:
        # Streamlit hands Vega its data after the first drawing, which Vega remarks on; and on a deep link it looks for
        # its server below the page's address before it looks at the root.
        expected = "Infinite extent" in message.text or "/_stcore/" in message.location["url"]
        if message.type in ("error", "warning") and not expected:
            self.faults.append(f"console {message.type}: {message.text} at {message.location['url']}")

    def _watch(self, request: Request) -> None:
        ours = (self.url, self.url.replace("http", "ws"), "data:", "blob:")
        if not request.url.startswith(ours):
            self.faults.append(f"left the machine: {request.url}")

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.idle()
        return self.page

    def peek(self) -> Locator:
        """Open the drawer on the first row of a list."""
        table = self.page.get_by_test_id("stDataFrame").bounding_box()
        assert table is not None
        self.page.mouse.click(table["x"] + 16, table["y"] + 56)
        return self.page.get_by_role("dialog")

    def idle(self) -> None:
        """Until the script has run and its elements are drawn."""
        self._runs.idle(drawn=_CHARTS)

    def close(self) -> None:
        self._context.close()


@pytest.fixture(scope="module")
def warm_tabs() -> Iterator[dict[str, Tab]]:
    """Desktop tabs by their dashboard, which a file's tests share: the first page of a tab takes a second longer."""
    tabs: dict[str, Tab] = {}
    yield tabs
    for tab in tabs.values():
        tab.close()


@pytest.fixture
def open_tab(
    browser: Browser, start_dashboard: Callable[..., Dashboard], seeded: Any, warm_tabs: dict[str, Tab]
) -> Iterator[Callable[..., Tab]]:
    """open_tab(source=…, collector_url=…, **context) -> a tab; fails the test on script errors and outside requests.

    Without `context` it is one that earlier tests may have used, which knows nothing of them after its next `go`.
    """
    tabs: list[Tab] = []

    def open_one(*, source: StoreConfig = seeded.reader, collector_url: str = "", **context: Any) -> Tab:
        url = start_dashboard(source, collector_url).url
        tab = Tab(browser, url, **context) if context else warm_tabs.get(url) or Tab(browser, url)
        if not context:
            warm_tabs[url] = tab
            tab.faults.clear()
        tabs.append(tab)
        return tab

    yield open_one
    for tab in tabs:
        if tab not in warm_tabs.values():
            tab.close()
    assert not [fault for tab in tabs for fault in tab.faults]


@pytest.fixture
def tab(open_tab: Callable[..., Tab]) -> Tab:
    """A desktop tab on the seeded store."""
    return open_tab()
