"""Who looks at a page and what they may do, found out anew on every run."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, get_args

import streamlit as st

from watchglass_dashboards import sessions
from watchglass_dashboards.config import AuthConfig, OidcConfig, Role
from watchglass_dashboards.connection import ask
from watchglass_dashboards.installation import INSTALLATION_VARIABLE, Installation
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store.queries import dashboard_users

#: From least to most: each may do what those before it may.
ROLES: Final[tuple[Role, ...]] = get_args(Role)


class NotLoggedIn(Exception):
    """Nobody is logged in, or no longer. The message says why, in our own words."""


class NotAllowed(Exception):
    """The role does not suffice. The message says which does."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever looks."""

    name: str
    role: Role

    def may(self, needed: Role) -> bool:
        """Whether the role is this one or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(needed)


def installation() -> Installation:
    """What this process was told at its start."""
    return _installation(os.environ[INSTALLATION_VARIABLE])


def actor() -> Actor:
    """Who looks at the page now.

    Raises:
        NotLoggedIn: Nobody does, their time is over, or they have been disabled.
    """
    auth = installation().config.auth
    if auth.mode == "none":
        return Actor(_system_user(), "admin")
    return _by_password() if auth.mode == "password" else by_claims(_claims(), auth, datetime.now(UTC))


def require(needed: Role) -> Actor:
    """Who looks, if their role suffices.

    Raises:
        NotLoggedIn: As `actor`.
        NotAllowed: It does not.
    """
    found = actor()
    if not found.may(needed):
        raise NotAllowed(f"This needs the role {needed}; yours is {found.role}.")
    return found


def may(needed: Role) -> bool:
    """Whether to offer something that needs a role."""
    return actor().may(needed)


def by_user(session: sessions.Session | None, row: Mapping[str, Any] | None) -> Actor:
    """Who a login stands for, given the user as they are now.

    Raises:
        NotLoggedIn: There is no login or no such user, or it is older than the user's password.
    """
    if session is None:
        raise NotLoggedIn("Your session has ended.")
    if row is None or row["disabled"]:
        raise NotLoggedIn("This user may not log in any more.")
    if row["password_version"].replace(tzinfo=UTC) > session.since:
        raise NotLoggedIn("The password has changed since you logged in.")
    if row["role"] not in ROLES:
        raise NotLoggedIn("This user has no role.")
    return Actor(session.user, row["role"])


def by_claims(claims: Mapping[str, Any] | None, auth: AuthConfig, now: datetime) -> Actor:
    """Who an identity token stands for.

    Args:
        claims: Of the token; None = nobody is logged in.
        auth: Says which claim gives which role, and how long a login is good for.
        now: The time.

    Raises:
        NotLoggedIn: Nobody, or their time is over, or no role is theirs.
    """
    oidc = auth.oidc
    if claims is None or oidc is None:
        raise NotLoggedIn("Log in with your organisation's account.")
    since = claims.get("iat")
    if not isinstance(since, int | float) or now >= datetime.fromtimestamp(since, UTC) + timedelta(
        hours=auth.session_hours
    ):
        raise NotLoggedIn("Your session has ended.")
    role = role_of(claims, oidc)
    name = str(claims.get("email") or claims.get("preferred_username") or claims.get("sub") or "")
    if role is None or not name:
        raise NotLoggedIn("Your account has no role here. Ask an administrator for one.")
    return Actor(name, role)


def role_of(claims: Mapping[str, Any], oidc: OidcConfig) -> Role | None:
    """The highest role that a token's claim gives; the default where it gives none."""
    said = claims.get(oidc.role_claim)
    values = said if isinstance(said, list | tuple) else [said]
    given = [oidc.roles[value] for value in values if isinstance(value, str) and value in oidc.roles]
    return max(given, key=ROLES.index, default=oidc.default_role)


def _by_password() -> Actor:
    cookie = st.context.cookies.get(sessions.COOKIE, "")
    session = sessions.read(cookie, datetime.now(UTC), _key(os.environ[SOURCE_VARIABLE]))
    row = ask("login", dashboard_users.user, session.user) if session else None
    return by_user(session, row)


def _claims() -> Mapping[str, Any] | None:
    return st.user.to_dict() if st.user.is_logged_in else None


@lru_cache(maxsize=1)
def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "local"


@lru_cache(maxsize=4)
def _installation(text: str) -> Installation:
    return Installation.from_environment({INSTALLATION_VARIABLE: text})


@lru_cache(maxsize=4)
def _key(source: str) -> bytes:
    return sessions.load_key(Source.from_environment({SOURCE_VARIABLE: source}).home)
