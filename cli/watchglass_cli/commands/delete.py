"""`watchglass delete`: everything about a user, gone."""

import contextlib
import getpass
from datetime import UTC, datetime

import click

from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table
from watchglass_collector.deletion import forget_in_quarantine
from watchglass_store.queries import deletion


@click.command()
@click.option("--user", "user_id", required=True, help="The user's id, as applications send it.")
@common
def delete(context: Context, user_id: str) -> None:
    r"""Delete every trace of a user, with its scores; what still comes is dropped. Prints a receipt.

    \b
    watchglass delete --user u-4711
    watchglass delete --user u-4711 --json
    """
    if not user_id:
        fail("--user '': an empty id is nobody's; give the id that applications send", EXIT_USAGE)
    now = datetime.now(UTC)
    with contextlib.closing(context.store()) as store:
        name = deletion.begin(store, user_id, author=getpass.getuser(), now=now)
        counts = deletion.erase(store, user_id, author=getpass.getuser(), now=now)
    quarantined = forget_in_quarantine(context.data_dir, user_id)
    receipt = {"deletion": name, "time": now, "rows": counts, "quarantine": quarantined}
    rows = [{"table": where, "rows": n} for where, n in {**counts, "(quarantine)": quarantined}.items()]
    context.emit(receipt, f"{table(rows)}\n\n{name}, {now:%Y-%m-%d %H:%M} UTC: collectors drop what still comes")
