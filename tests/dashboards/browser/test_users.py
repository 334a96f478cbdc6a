"""Users under password login, in a browser: one is made, may what its role may, and is put out within seconds."""

from datetime import UTC, datetime, timedelta

import pytest

from watchglass_dashboards import DashboardConfig
from watchglass_dashboards.config import AuthConfig
from watchglass_dashboards.passwords import hash_password
from watchglass_store.queries.dashboard_users import add_user_version

from .conftest import Dashboard, Tab, _free_port
from .test_choices import cells

pytestmark = pytest.mark.browser
PASSWORD, HERS = "correct horse battery", "a stapler of her own"


@pytest.fixture
def guarded(editor_config, store, tmp_path):
    """A dashboard with one user, an administrator."""
    now = datetime.now(UTC)
    add_user_version(
        store, name="root", role="admin", password=hash_password(PASSWORD, b"s" * 16),
        password_version=now - timedelta(seconds=5), author="test", now=now,
    )  # fmt: skip
    config = DashboardConfig(port=_free_port(), auth=AuthConfig(mode="password"))
    dashboard = Dashboard(editor_config, config.port, tmp_path, config=config)
    yield dashboard
    dashboard.stop()
    assert "Traceback" not in dashboard.log()


@pytest.fixture
def visit(browser, guarded):
    """visit(name, password) -> a tab of their own, logged in, on Settings."""
    tabs = []

    def go(name, password):
        tab = Tab(browser, guarded.url)
        tabs.append(tab)
        page = tab.page
        page.goto(f"{guarded.url}/settings?section=Users")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(lambda url: "/settings" in url and "/login" not in url)
        tab.idle()
        return tab

    yield go
    for tab in tabs:
        assert tab.faults == []
        tab.close()


@pytest.mark.slow
def test_a_user_is_made_does_what_the_role_may_and_is_put_out(visit):
    root = visit("root", PASSWORD)
    page = root.page
    form = page.get_by_test_id("stForm")
    form.get_by_label("Name").fill("ann")
    form.get_by_role("button", name="Save").click()
    page.get_by_text("A new user needs a name and a password.").wait_for()
    assert form.get_by_label("Name").input_value() == "ann", "what is refused stays to be mended"
    form.get_by_role("textbox", name="Password").fill(HERS)
    form.get_by_role("button", name="Save").click()
    page.get_by_text("Saved ann.").wait_for()
    assert [form.get_by_label(name, exact=True).input_value() for name in ("Name", "Password")] == ["", ""]
    page.reload()
    root.idle()
    assert {(row["name"], row["role"], row["by"]) for row in cells(page, "csv_users")} == {
        ("root", "admin", "test"),
        ("ann", "viewer", "root"),
    }

    ann = visit("ann", HERS)
    sections = ann.page.get_by_test_id("stButtonGroup")
    assert sections.get_by_text("Channels", exact=True).count() == 1
    assert [sections.get_by_text(name, exact=True).count() for name in ("Users", "API keys")] == [0, 0]
    assert ann.page.get_by_test_id("stForm").count() == 0

    form.get_by_label("Name").fill("ann")
    form.get_by_text("May not log in").click()
    form.get_by_role("button", name="Save").click()
    page.get_by_text("Saved ann.").wait_for()
    ann.page.wait_for_timeout(10_000)
    ann.page.goto(f"{ann.url}/traces")
    ann.page.get_by_text("This user may not log in any more.").wait_for()
    assert ann.page.get_by_test_id("stDataFrame").count() == 0

    page.goto(f"{root.url}/logout")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in").wait_for()
    page.goto(f"{root.url}/traces")
    page.get_by_role("button", name="Log in").wait_for()
