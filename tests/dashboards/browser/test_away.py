"""The store goes away while a page is open, and comes back: a designed error, never a traceback, and a way on."""

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from watchglass_store import StoreConfig
from watchglass_store.address import Address
from watchglass_store.queries import alerting_lists

from .conftest import _free_port

pytestmark = pytest.mark.browser
AWAY = "The store does not answer."


class Way:
    """A way to the store that can be cut: what comes in on a port of its own goes on to the store's."""

    def __init__(self, store_port):
        self._target, self.port, self._server = ("127.0.0.1", store_port), _free_port(), None
        self.open()

    def open(self):
        target = self._target

        class Pass(socketserver.BaseRequestHandler):
            def handle(self):
                server.live.add(self.request)
                with contextlib.suppress(OSError), socket.create_connection(target) as onward:
                    ends = {self.request: onward, onward: self.request}
                    while not server.is_cut:
                        server.may_pass.wait()
                        for end in select.select(list(ends), [], [], 0.1)[0]:
                            data = end.recv(65536)
                            if not data:
                                return
                            ends[end].sendall(data)

            def finish(self):
                server.live.discard(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True

        server = self._server = Server(("127.0.0.1", self.port), Pass)
        server.live, server.is_cut = set(), False
        server.may_pass = threading.Event()
        server.may_pass.set()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()

    @contextlib.contextmanager
    def held_up(self):
        """Nothing passes for a while, as where the store has much to do."""
        self._server.may_pass.clear()
        try:
            yield
        finally:
            self._server.may_pass.set()

    def cut(self):
        """Nobody listens any more, and what was open ends in the middle."""
        if self._server is None:
            return
        self._server.is_cut = True
        self._server.shutdown()
        for end in list(self._server.live):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._server = None


@pytest.fixture(scope="module")
def way(server) -> Iterator[Way]:
    made = Way(server.config.port)
    yield made
    made.cut()


@pytest.fixture
def tab(open_tab, seeded, way):
    if way._server is None:
        way.open()
    there = replace(Address.parse(seeded.reader.url), port=way.port)
    return open_tab(source=StoreConfig(url=there.url))


def comes_back(tab, way, there, sign):
    """Open the way again and try again, on a page or in a drawer, until `sign` stands there."""
    way.open()
    there.get_by_role("button", name="Try again").click()
    sign.first.wait_for()
    tab.idle()
    assert there.get_by_text(AWAY).count() == 0


def broken(page):
    return page.locator('[data-testid="stException"]').count()


@pytest.mark.parametrize(
    "name",
    ["Overview", *(pytest.param(name, marks=pytest.mark.slow) for name in ("Traces", "Quality", "Drift", "Health"))],
)
def test_what_a_page_waits_for_has_its_place_held_and_then_stands_there(tab, way, name):
    page = tab.go("/review?range=24h" if name == "Overview" else "/?range=24h")
    with way.held_up():
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        page.locator(f"h2:has-text('{name}')").wait_for()
        waiting = page.get_by_test_id("stMain").get_by_test_id("stSkeletonElement")
        waiting.first.wait_for()
        assert waiting.first.bounding_box()["height"] >= 300
        assert page.get_by_test_id("stMain").get_by_text(AWAY).count() == 0
    tab.idle()
    assert waiting.count() == 0
    assert page.get_by_test_id("stMain").get_by_text(AWAY).count() == 0


def test_a_page_says_so_keeps_its_filters_and_comes_back(tab, way):
    page = tab.go("/traces?range=24h&service=support-bot")
    way.cut()
    page.get_by_role("link", name="Quality").click()
    page.get_by_text(AWAY).wait_for()
    tab.idle()
    assert broken(page) == 0
    assert page.locator("h2").first.inner_text() == "Quality"
    assert "service=support-bot" in page.url
    assert "127.0.0.1:" not in page.get_by_test_id("stMain").inner_text()
    comes_back(tab, way, page, page.get_by_text("95 % interval"))


def test_a_drawer_says_so_and_comes_back(tab, way):
    page = tab.go("/traces?range=24h")
    drawer = tab.peek()
    drawer.get_by_text("1 of 50 listed").wait_for()
    tab.idle()
    way.cut()
    page.keyboard.press("j")
    drawer.get_by_text(AWAY).wait_for()
    drawer.get_by_text("2 of 50 listed").wait_for()
    assert broken(page) == 0
    comes_back(tab, way, drawer, drawer.get_by_role("treeitem"))


def test_a_click_that_cannot_be_done_says_so(tab, way, seeded, seeded_reader):
    page = tab.go("/alerts?show=Silences")
    page.locator(".st-key-si_value input").fill("checkout")
    page.locator(".st-key-si_value input").press("Enter")
    tab.idle()
    way.cut()
    page.get_by_role("button", name="Silence", exact=True).click()
    page.get_by_test_id("stToast").get_by_text("Nothing was changed").wait_for()
    tab.idle()
    assert broken(page) == 0
    assert alerting_lists.silences_since(seeded_reader, seeded.seed.now - timedelta(days=1)) == []


def test_a_file_that_cannot_be_made_is_none(tab, way):
    page = tab.go("/traces?range=24h")
    way.cut()
    page.locator(".st-key-csv_calls button").click()
    page.get_by_text("Failed to generate file for download").wait_for()
    assert broken(page) == 0


def test_a_page_that_fills_by_itself_says_so_and_goes_on(tab, way):
    """The Overview's board runs again on its own: here by its button, as nobody waits for its clock."""
    page = tab.go("/?range=24h")
    way.cut()
    page.get_by_test_id("stButtonGroup").get_by_text("6h").click()
    page.get_by_text(AWAY).wait_for()
    assert broken(page) == 0
    comes_back(tab, way, page, page.get_by_test_id("stMetric"))
