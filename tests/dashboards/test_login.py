"""The login of a real dashboard process, over HTTP and websocket, as an attacker would try it."""

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import Response
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

from watchglass_dashboards import DashboardConfig, Installation, command, sessions
from watchglass_dashboards.attempts import MOST_FOR_A_NAME
from watchglass_dashboards.config import AuthConfig
from watchglass_dashboards.passwords import hash_password
from watchglass_store import Store, StoreConfig
from watchglass_store.queries.dashboard_users import add_user_version

PASSWORD = "correct horse battery"


def add(store: Store, name: str, role: str = "viewer", **more: Any) -> None:
    now = datetime.now(UTC)
    kept = {"password": hash_password(PASSWORD, b"s" * 16), "password_version": now - timedelta(seconds=5)}
    add_user_version(store, **{"name": name, "role": role, "author": "test", "now": now, **kept, **more})


class Site:
    """A dashboard process with a login."""

    def __init__(self, source: StoreConfig, port: int, folder: Path) -> None:
        config = DashboardConfig(port=port, auth=AuthConfig(mode="password"))
        argv, environment = command(Installation(config), source, folder)
        self.folder = folder
        self.address = f"127.0.0.1:{port}"
        self.process = subprocess.Popen(
            argv, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                with self.client() as client:
                    if client.get("/_stcore/health").status_code == 200:
                        return
            except httpx.HTTPError:
                time.sleep(0.2)
        pytest.fail("the dashboard did not start")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://{self.address}", trust_env=False, timeout=60)

    def log_in(self, client: httpx.Client, name: str, password: str = PASSWORD, **headers: str) -> Response:
        form = {"name": name, "password": password, "next": "/traces?range=24h"}
        return client.post("/login", data=form, headers={"Origin": f"http://{self.address}", **headers})

    def websocket(self, cookie: str, origin: str = "") -> int:
        """The status of an attempt to open the page's websocket."""
        headers = {"Cookie": f"{sessions.COOKIE}={cookie}"} if cookie else {}
        try:
            with connect_websocket(
                f"ws://{self.address}/_stcore/stream", additional_headers=headers, origin=origin or f"http://{self.address}",
                subprotocols=["streamlit"],
            ):  # fmt: skip
                return 101
        except InvalidStatus as error:
            return error.response.status_code


@pytest.fixture
def site(editor_config: StoreConfig, free_ports, tmp_path: Path) -> Iterator[Site]:
    running = Site(editor_config, free_ports(), tmp_path)
    yield running
    running.process.terminate()
    running.process.wait(20)


def test_a_login_from_form_to_end(site: Site, store: Store) -> None:
    add(store, "ada", "editor")
    add(store, "bob", disabled=True)
    browser = site.client()
    with browser:
        walk(site, browser)


def walk(site: Site, browser: httpx.Client) -> None:
    page = browser.get("/traces?range=24h", headers={"Accept": "text/html"})
    assert page.status_code == 303
    assert page.headers["location"] == "/login?next=%2Ftraces%3Frange%3D24h"
    form = browser.get(page.headers["location"])
    assert 'value="/traces?range=24h"' in form.text
    assert "frame-ancestors 'none'" in form.headers["content-security-policy"]
    for path in ("/_stcore/host-config", "/media/x", "/static/js/x.js", "/component/x"):
        assert browser.get(path).status_code == 401
    assert site.websocket("") in (403, 401)

    assert site.log_in(browser, "ada", "wrong horse battery").status_code == 401
    assert site.log_in(browser, "bob").status_code == 401
    assert site.log_in(browser, "nobody").status_code == 401
    assert site.log_in(browser, "ada", Origin="https://evil.example").status_code == 403
    assert browser.post("/login", content=b"x" * 5000).status_code == 413
    assert not browser.cookies

    answer = site.log_in(browser, "ada")
    assert (answer.status_code, answer.headers["location"]) == (303, "/traces?range=24h")
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    cookie = browser.cookies[sessions.COOKIE]
    assert browser.get("/traces", headers={"Accept": "text/html"}).status_code == 200
    assert site.websocket(cookie) == 101

    # hostile 88: a foreign origin, a foreign host, an expired and a forged cookie
    assert site.websocket(cookie, origin="https://evil.example") == 403
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "A" * 22 + "==",
    }
    assert browser.get("/_stcore/stream", headers={**upgrade, "Host": "evil.example"}).status_code in (400, 403)
    assert browser.get("/", headers={"Host": "evil.example"}).status_code == 400
    key = sessions.load_key(site.folder / "dashboard")
    long_ago = datetime.now(UTC) - timedelta(hours=13)
    assert site.websocket(sessions.issue("1", "ada", long_ago, timedelta(hours=12), key)) in (401, 403)
    assert site.websocket(sessions.issue("1", "ada", datetime.now(UTC), timedelta(hours=12), b"x" * 32)) in (401, 403)

    assert browser.post("/logout", headers={"Origin": "https://evil.example"}).status_code == 403
    assert browser.post("/logout").status_code == 303
    assert site.websocket(cookie) in (401, 403)

    for _ in range(MOST_FOR_A_NAME):
        site.log_in(browser, "eve", "wrong horse battery")
    slowed = site.log_in(browser, "eve")
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0
