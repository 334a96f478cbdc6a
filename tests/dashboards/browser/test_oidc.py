"""Login against a real OpenID Connect provider, in a browser: roles from a claim, and who is not let in."""

import os
import time

import pytest

from watchglass_dashboards.config import AuthConfig, DashboardConfig, OidcConfig

from .conftest import Dashboard, Tab, _free_port
from .oidc_provider import CLIENT, SECRET, Provider

pytestmark = pytest.mark.browser
SECRET_VARIABLE = "WATCHGLASS_TEST_OIDC_SECRET"
ROLES = {"llm-admins": "admin", "llm-editors": "editor", "llm-labels": "annotator", "staff": "viewer"}


@pytest.fixture(scope="module")
def provider():
    running = Provider()
    yield running
    running.close()


@pytest.fixture(scope="module")
def guarded(provider, seeded, tmp_path_factory):
    """A dashboard that asks the provider."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    provider.redirect_uri = f"{url}/oauth2callback"
    oidc = OidcConfig(
        metadata_url=f"{provider.url}/.well-known/openid-configuration",
        client_id=CLIENT,
        client_secret_env=SECRET_VARIABLE,
        roles=ROLES,
    )
    config = DashboardConfig(port=port, public_url=url, auth=AuthConfig(mode="oidc", session_hours=12, oidc=oidc))
    os.environ[SECRET_VARIABLE] = SECRET
    dashboard = Dashboard(seeded.reader, port, tmp_path_factory.mktemp("oidc"), config=config)
    yield dashboard
    dashboard.stop()
    del os.environ[SECRET_VARIABLE]
    assert SECRET not in dashboard.log()


@pytest.fixture(scope="module")
def only_tab(browser, guarded):
    """The tab that visitors share, one after the other."""
    shared = Tab(browser, guarded.url)
    yield shared
    shared.close()


@pytest.fixture
def stranger(only_tab):
    """A tab whose browser knows neither the dashboard nor the provider."""
    only_tab.page.context.clear_cookies()
    return only_tab


@pytest.fixture
def visit(stranger, guarded, provider):
    """visit(person, **changes of the token) -> the stranger's tab, after *Log in*."""

    def go(person, **changes):
        provider.person, provider.changes, provider.signs_with = person, changes, provider.key
        tab = stranger
        page = tab.go("/settings")
        page.get_by_text("Log in with your organisation's account.").wait_for()
        assert page.get_by_role("link", name="Traces").count() == 0
        page.get_by_role("button", name="Log in with your organisation").click()
        page.wait_for_url(guarded.url + "/")
        page.wait_for_selector('[data-testid="stHeading"]')
        return tab

    return go


def person(name, *groups):
    return {"email": f"{name}@example.com", "groups": list(groups)}


@pytest.mark.parametrize(
    ("groups", "role", "sees_keys", "may_edit"),
    [
        (["staff"], "viewer", False, False),
        (["staff", "llm-editors"], "editor", False, True),
        (["llm-admins", "unheard-of"], "admin", True, True),
    ],
)
def test_the_claim_gives_the_role(visit, guarded, groups, role, sees_keys, may_edit):
    tab = visit(person("ada", *groups))
    page = tab.go("/settings")
    page.get_by_text(f"· {role}").wait_for()
    assert "ada" in page.locator(".st-key-viewer").inner_text()
    assert (page.get_by_text("API keys", exact=True).count() > 0) == sees_keys
    assert (page.get_by_role("button", name="Send a test message").count() > 0) == may_edit


def test_a_log_out_ends_it_and_a_cookie_that_was_changed_is_none(visit, guarded):
    tab = visit(person("ada", "staff"))
    page = tab.go("/settings")
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "_streamlit_user"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("Log in with your organisation's account.").wait_for()
    forged = cookie["value"][:-4] + ("AAAA" if not cookie["value"].endswith("AAAA") else "BBBB")
    page.context.add_cookies([{**cookie, "value": forged}])
    tab.go("/settings")
    page.get_by_text("Log in with your organisation's account.").wait_for()


@pytest.mark.parametrize(
    ("who", "changes", "reason"),
    [
        (person("eve", "unheard-of"), {}, "Your account has no role here"),
        (person("ada", "staff"), {"iat": int(time.time()) - 13 * 3600}, "Your session has ended."),
    ],
)
def test_who_has_no_role_or_whose_time_is_over_sees_nothing(visit, who, changes, reason):
    tab = visit(who, **changes)
    page = tab.go("/traces")
    page.get_by_text(reason).wait_for()
    assert page.get_by_test_id("stDataFrame").count() == 0
    assert page.get_by_role("link", name="Overview").count() == 0


@pytest.mark.parametrize("wrong", ["nonce", "aud", "exp", "key"])
def test_a_token_that_is_not_for_us_logs_nobody_in(stranger, guarded, provider, wrong):
    from joserfc.jwk import RSAKey

    claims = {"nonce": "other", "aud": "other-app", "exp": int(time.time()) - 3600}
    provider.person = person("ada", "llm-admins")
    provider.changes = {wrong: claims[wrong]} if wrong in claims else {}
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"}) if wrong == "key" else provider.key
    tab = stranger
    page = tab.go("/traces")
    page.get_by_role("button", name="Log in with your organisation").click()
    page.wait_for_url(lambda url: url.startswith(guarded.url) and "/traces" not in url)
    page.wait_for_load_state("networkidle")
    assert "Traceback" not in page.content()
    tab.go("/traces")
    page.get_by_text("Log in with your organisation's account.").wait_for()
