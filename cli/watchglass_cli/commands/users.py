"""`watchglass users`: who may log in to the dashboard, and as what."""

import contextlib
import getpass
import secrets
import sys
from datetime import UTC, datetime
from typing import get_args

import click

from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table
from watchglass_dashboards.config import Role
from watchglass_dashboards.passwords import hash_password
from watchglass_store import Store
from watchglass_store.queries import alerting, dashboard_users

_ROLES = click.Choice(get_args(Role))


@click.group()
def users() -> None:
    """Add, list, change and disable users of the dashboard (dashboard.auth.mode = "password")."""


@users.command()
@click.argument("name")
@click.option("--role", type=_ROLES, default="viewer", show_default=True, help="What they may do.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; else you are asked for it."
)
@common
def add(context: Context, name: str, role: str, password_stdin: bool) -> None:
    r"""Add a user, or give one a new password and role; logins with the old password end.

    \b
    watchglass users add ada --role admin
    """
    if not name.strip() or len(name) > 100:
        fail("a user's name has 1 to 100 characters", EXIT_USAGE)
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _asked()
    try:
        hashed = hash_password(password, secrets.token_bytes(16))
    except ValueError as error:
        fail(str(error), EXIT_USAGE)
    now = datetime.now(UTC)
    with contextlib.closing(context.store()) as store:
        known = dashboard_users.user(store, name) is not None
        _save(store, name, role=role, password=hashed, password_version=now, now=now)
    context.emit({"name": name, "role": role, "new": not known}, f"{'changed' if known else 'added'} {name}, {role}")


@users.command(name="list")
@common
def list_users(context: Context) -> None:
    r"""Every user with their role; passwords are not shown, nor could they be.

    \b
    watchglass users list
    """
    shown = ("name", "role", "disabled", "password_version", "version", "author")
    with contextlib.closing(context.store()) as store:
        rows = [{name: row[name] for name in shown} for row in dashboard_users.users(store)]
    context.emit(rows, table(rows))


@users.command(name="role")
@click.argument("name")
@click.argument("role", type=_ROLES)
@common
def change_role(context: Context, name: str, role: str) -> None:
    r"""Give a user another role; pages that are open follow within seconds.

    \b
    watchglass users role ada editor
    """
    with contextlib.closing(context.store()) as store:
        _save(store, name, role=role, disabled=False)
    context.emit({"name": name, "role": role}, f"{name} is now {role}")


@users.command()
@click.argument("name")
@common
def disable(context: Context, name: str) -> None:
    r"""Let a user in no more; pages that are open end within seconds.

    \b
    watchglass users disable ada
    """
    with contextlib.closing(context.store()) as store:
        _save(store, name, disabled=True)
    context.emit({"disabled": name}, f"disabled {name}")


def _asked() -> str:
    text: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return text


def _save(
    store: Store,
    name: str,
    *,
    role: str | None = None,
    password: str | None = None,
    password_version: datetime | None = None,
    disabled: bool = False,
    now: datetime | None = None,
) -> None:
    """Write a version that differs from the latest in what is given, with a line in the audit log."""
    now = now or datetime.now(UTC)
    before = dashboard_users.user(store, name)
    if before is None and password is None:
        fail(f"there is no user {name!r}; `watchglass users list` shows all", EXIT_USAGE)
    old = before or {"role": "", "password": "", "password_version": now, "disabled": 0}
    new_role = role or old["role"]
    author = getpass.getuser()
    was = f"{old['role']}{', disabled' if old['disabled'] else ''}" if before else ""
    will = f"{new_role}{', disabled' if disabled else ''}{', new password' if password else ''}"
    alerting.add_audit(store, time=now, actor=author, action="user.save", target=name, before=was, after=will)
    dashboard_users.add_user_version(
        store,
        name=name,
        role=new_role,
        password=password or old["password"],
        password_version=password_version or old["password_version"],
        disabled=disabled,
        author=author,
        now=now,
    )
