"""`watchglass keys`: API keys for whatever sends telemetry from another machine."""

import contextlib
import getpass
from datetime import UTC, datetime, timedelta

import click

from watchglass_alerts.durations import parse_duration
from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table
from watchglass_store.queries import api_keys

SHOWN_ONCE = "Keep it now: only its hash is stored."


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys."""


@keys.command()
@click.argument("project")
@click.option("--scopes", default="ingest", show_default=True, help="Separated by commas: ingest, query, admin.")
@click.option("--name", default="", help="What the key is for.")
@click.option("--expires-in", default="", help="How long it is good for: 30d. Left out: until it is revoked.")
@common
def create(context: Context, project: str, scopes: str, name: str, expires_in: str) -> None:
    r"""Make a key for a project and show it, once.

    \b
    watchglass keys create checkout --name 'production cluster' --expires-in 90d
    """
    now = datetime.now(UTC)
    expires_at = now + _length("--expires-in", expires_in) if expires_in else None
    with contextlib.closing(context.store()) as store:
        try:
            made = api_keys.create_key(
                store,
                project=project,
                scopes=scopes.split(","),
                name=name,
                author=getpass.getuser(),
                now=now,
                expires_at=expires_at,
            )
        except ValueError as error:
            fail(str(error), EXIT_USAGE)
    context.emit({"id": made.id, "key": made.secret}, f"{made.secret}\n{SHOWN_ONCE} Its id is {made.id}.")


@keys.command(name="list")
@common
def list_keys(context: Context) -> None:
    r"""Every key, without the secrets.

    \b
    watchglass keys list
    """
    shown = ("id", "project", "name", "scopes", "prefix", "created_at", "expires_at", "revoked", "author")
    with contextlib.closing(context.store()) as store:
        rows = [{name: row[name] for name in shown} for row in api_keys.keys(store)]
    context.emit(rows, table(rows))


@keys.command()
@click.argument("key_id")
@click.option("--grace", default="1d", show_default=True, help="How long the old key still works.")
@common
def rotate(context: Context, key_id: str, grace: str) -> None:
    r"""Make a successor with the same rights; the old key ends after the grace time.

    \b
    watchglass keys rotate 3f2c… --grace 7d
    """
    length = _length("--grace", grace)
    with contextlib.closing(context.store()) as store:
        try:
            made = api_keys.rotate_key(store, key_id, grace=length, author=getpass.getuser(), now=datetime.now(UTC))
        except (LookupError, ValueError) as error:
            fail(str(error.args[0]), EXIT_USAGE)
    context.emit({"id": made.id, "key": made.secret}, f"{made.secret}\n{SHOWN_ONCE} Its id is {made.id}.")


@keys.command()
@click.argument("key_id")
@common
def revoke(context: Context, key_id: str) -> None:
    r"""End a key at once; collectors learn of it within seconds.

    \b
    watchglass keys revoke 3f2c…
    """
    with contextlib.closing(context.store()) as store:
        try:
            api_keys.revoke_key(store, key_id, author=getpass.getuser(), now=datetime.now(UTC))
        except (LookupError, ValueError) as error:
            fail(str(error.args[0]), EXIT_USAGE)
    context.emit({"revoked": key_id}, f"revoked {key_id}")


def _length(option: str, text: str) -> timedelta:
    try:
        return timedelta(seconds=parse_duration(text))
    except ValueError as error:
        fail(f"{option} {text}: {error}", EXIT_USAGE)
