"""Users of the dashboard: the table `dashboard_users`."""

from datetime import datetime
from typing import Any

from watchglass_store.client import Store

_COLUMNS = "name, version, role, password, password_version, disabled, author"
_LATEST = f"SELECT {_COLUMNS} FROM (SELECT * FROM dashboard_users ORDER BY name, version DESC LIMIT 1 BY name)"


def users(store: Store) -> list[dict[str, Any]]:
    """The latest version of every user, disabled ones too, by name."""
    return store.query(f"{_LATEST} ORDER BY name LIMIT 10000")


def user(store: Store, name: str) -> dict[str, Any] | None:
    """The latest version of a user; None where there is no such."""
    rows = store.query(
        f"SELECT {_COLUMNS} FROM dashboard_users WHERE name = {{name:String}} ORDER BY version DESC LIMIT 1",
        {"name": name},
    )
    return rows[0] if rows else None


def add_user_version(
    store: Store,
    *,
    name: str,
    role: str,
    password: str,
    password_version: datetime,
    author: str,
    now: datetime,
    disabled: bool = False,
) -> None:
    """Add a version of a user; the latest wins.

    Args:
        store: where to.
        name: who.
        role: `viewer`, `annotator`, `editor` or `admin`.
        password: its hash.
        password_version: when the password was set; logins from before end.
        author: who says so.
        now: the time.
        disabled: may not log in.
    """
    row = {
        "name": name,
        "version": now,
        "role": role,
        "password": password,
        "password_version": password_version,
        "disabled": int(disabled),
        "author": author,
    }
    store.insert("dashboard_users", [row])
