"""Who may see and do what: roles, logins, and that they are looked up on every run."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from watchglass_dashboards import DashboardConfig, Installation, sessions
from watchglass_dashboards.access import Actor, NotLoggedIn, by_claims, by_user, role_of
from watchglass_dashboards.attempts import MOST_FOR_A_NAME, MOST_IN_ALL, WINDOW_S, Attempts
from watchglass_dashboards.config import AuthConfig, OidcConfig
from watchglass_dashboards.installation import HIDDEN
from watchglass_dashboards.login import where_to
from watchglass_dashboards.passwords import hash_password, is_password

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY = b"k" * 32
SALT = b"s" * 16


def test_nobody_is_let_in_without_a_login_beyond_loopback():
    with pytest.raises(ValidationError, match=r"dashboard.auth.mode = 'none' with dashboard.host = '0.0.0.0'"):
        DashboardConfig(host="0.0.0.0")
    assert DashboardConfig(host="::1").auth.mode == "none"
    assert DashboardConfig(host="0.0.0.0", auth=AuthConfig(mode="password")).host == "0.0.0.0"


def test_oidc_says_what_it_needs():
    with pytest.raises(ValidationError, match=r"\[dashboard.auth.oidc\]"):
        DashboardConfig(auth=AuthConfig(mode="oidc"))
    oidc = OidcConfig(metadata_url="https://idp.example/x", client_id="a", client_secret_env="SECRET")
    with pytest.raises(ValidationError, match="public_url"):
        DashboardConfig(auth=AuthConfig(mode="oidc", oidc=oidc))


def test_a_role_may_do_what_lower_ones_may():
    assert Actor("a", "editor").may("annotator")
    assert not Actor("a", "editor").may("admin")


def test_a_password_is_kept_as_a_hash_that_only_it_fits():
    kept = hash_password("correct horse", SALT)
    assert "correct" not in kept
    assert is_password("correct horse", kept)
    assert not is_password("correct horsf", kept)
    assert not is_password("correct horse", "scrypt$1$1$1$AA==$AA==")
    assert not is_password("correct horse", "")
    assert not is_password("x" * 100_000, kept)
    with pytest.raises(ValueError, match="10 to 200"):
        hash_password("short", SALT)


@pytest.mark.parametrize("spoil", [
    lambda c: c + "0", lambda c: "x" + c, lambda c: c.replace(".", ""), lambda c: "", lambda c: ".", lambda c: "ü.ü",
    lambda c: sessions.issue("1", "root", NOW, timedelta(hours=1), b"another key" * 3),
])  # fmt: skip
def test_a_forged_cookie_is_no_login(spoil):
    cookie = sessions.issue("1", "ada", NOW, timedelta(hours=1), KEY)
    assert sessions.read(spoil(cookie), NOW, KEY) is None


def test_a_login_ends_by_time_and_by_logging_out():
    cookie = sessions.issue("1", "ada", NOW, timedelta(hours=1), KEY)
    found = sessions.read(cookie, NOW + timedelta(minutes=59), KEY)
    assert found is not None
    assert found.user == "ada"
    assert sessions.read(cookie, NOW + timedelta(hours=1), KEY) is None
    assert sessions.read(cookie, NOW - timedelta(seconds=1), KEY) is None
    sessions.end(sessions.Session("1", "ada", NOW, datetime.now(UTC) + timedelta(hours=1)))
    assert sessions.read(cookie, NOW, KEY) is None


def test_the_key_is_made_once_and_is_the_owners(tmp_path):
    key = sessions.load_key(tmp_path)
    assert sessions.load_key(tmp_path) == key
    assert (tmp_path / "session.key").stat().st_mode & 0o077 == 0
    (tmp_path / "session.key").write_bytes(b"x")
    with pytest.raises(ValueError, match="damaged"):
        sessions.load_key(tmp_path)


USER = {"role": "editor", "disabled": 0, "password_version": NOW - timedelta(days=1)}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"disabled": 1}, "may not log in"),
        ({"password_version": NOW + timedelta(seconds=1)}, "password has changed"),
        ({"role": "root"}, "no role"),
    ],
)
def test_what_became_of_the_user_counts_more_than_the_cookie(change, why):
    session = sessions.Session("1", "ada", NOW, NOW + timedelta(hours=1))
    assert by_user(session, USER) == Actor("ada", "editor")
    with pytest.raises(NotLoggedIn, match=why):
        by_user(session, USER | change)
    with pytest.raises(NotLoggedIn):
        by_user(session, None)
    with pytest.raises(NotLoggedIn):
        by_user(None, USER)


OIDC = OidcConfig(
    metadata_url="https://idp.example/x",
    client_id="a",
    client_secret_env="S",
    roles={"everyone": "viewer", "llm-leads": "admin"},
)
AUTH = AuthConfig(mode="oidc", oidc=OIDC, session_hours=2)


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["everyone", "llm-leads"], "admin"), ("everyone", "viewer"), (["other"], None), (None, None), ([{"a": 1}], None)],
)
def test_the_highest_role_of_a_claim_counts(groups, role):
    assert role_of({"groups": groups}, OIDC) == role
    assert role_of({"groups": groups}, OIDC.model_copy(update={"default_role": "viewer"})) == (role or "viewer")


def test_a_token_is_good_for_a_time_only():
    claims = {"email": "ada@example.com", "groups": ["everyone"], "iat": NOW.timestamp()}
    assert by_claims(claims, AUTH, NOW + timedelta(hours=1)) == Actor("ada@example.com", "viewer")
    for broken in ({"iat": None}, {"iat": (NOW - timedelta(hours=2)).timestamp()}, {"groups": []}, {"email": ""}):
        with pytest.raises(NotLoggedIn):
            by_claims(claims | broken, AUTH, NOW + timedelta(hours=1))
    with pytest.raises(NotLoggedIn):
        by_claims(None, AUTH, NOW)


def test_wrong_passwords_are_slowed_down_by_name_and_in_all():
    attempts = Attempts()
    for second in range(MOST_FOR_A_NAME):
        assert attempts.wait_s("ada", float(second)) == 0
        attempts.failed("ada", float(second))
    assert attempts.wait_s("ada", 5.0) == WINDOW_S - 5
    assert attempts.wait_s("bob", 5.0) == 0
    assert attempts.wait_s("ada", WINDOW_S) == 0
    for number in range(MOST_IN_ALL):
        attempts.failed(f"user {number}", 10.0)
    assert attempts.wait_s("never seen", 11.0) == WINDOW_S - 1
    attempts = Attempts()
    attempts.failed("ada", 0.0)
    attempts.succeeded("ada")
    assert attempts.wait_s("ada", 0.0) == 0


@pytest.mark.parametrize(
    "asked",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/a/../b", "/x?a=\n", "", "javascript:alert(1)",
     "/" + "a" * 2000],
)  # fmt: skip
def test_a_login_leads_to_a_page_of_ours(asked):
    assert where_to(asked) == "/"


def test_a_login_leads_where_it_was_asked_for():
    assert where_to("/traces?range=24h&model=gpt-4.1") == "/traces?range=24h&model=gpt-4.1"


def test_what_the_settings_page_gets_has_no_secret():
    sections = {
        "store": {"url": "clickhouse://u:hunter2@h/db"},
        "alerts": {"channels": {"x": {"url": "https://hooks/hunter2", "url_env": "HOOK", "token": "hunter2"}}},
        "dashboard": {"public_url": "https://a.example"},
    }
    text = Installation(DashboardConfig(), sections=sections).to_json()
    assert "hunter2" not in text
    assert HIDDEN in text
    assert "https://a.example" in text
    assert "HOOK" in text
