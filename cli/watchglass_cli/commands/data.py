"""`watchglass query | migrate | references`: the store from the command line."""

import contextlib
import csv
import getpass
from pathlib import Path

import click

from watchglass_cli.context import Context, common, fail
from watchglass_cli.table import table
from watchglass_store import migrate as apply_migrations
from watchglass_store.queries.references import add_references


@click.command()
@click.argument("sql")
@common
def query(context: Context, sql: str) -> None:
    r"""Run SQL as the administrator; with --json an array of row objects.

    \b
    watchglass query 'SELECT name, count() AS n FROM scores FINAL GROUP BY name'
    watchglass query 'SELECT count() AS n FROM otel_traces' --json
    """
    with contextlib.closing(context.store()) as store:
        rows = store.query(sql)
    context.emit(rows, table(rows))


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be applied, change nothing.")
@common
def migrate(context: Context, dry_run: bool) -> None:
    r"""Bring the tables to this version. `watchglass up` does it by itself.

    \b
    watchglass migrate --dry-run
    """
    with contextlib.closing(context.store()) as store:
        applied = apply_migrations(store, dry_run=dry_run)
    names = [item.name for item in applied]
    verb = "would apply" if dry_run else "applied"
    context.emit({"applied": names, "dry_run": dry_run}, "\n".join(f"{verb} {name}" for name in names) or "up to date")


@click.group()
def references() -> None:
    """Golden answers that BLEU and ROUGE compare with."""


@references.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dataset", default="default", show_default=True, help="Name of the set these belong to.")
@common
def add(context: Context, file: Path, dataset: str) -> None:
    r"""Add the rows of a CSV file with the columns prompt and reference.

    \b
    watchglass references add golden.csv --dataset faq
    """
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = {"prompt", "reference"} - set(reader.fieldnames or ())
        if missing:
            fail(f"{file}: no column {' and '.join(sorted(missing))}; the first line must name prompt and reference", 2)
        pairs = [(row["prompt"], row["reference"]) for row in reader]
    with contextlib.closing(context.store()) as store:
        add_references(store, pairs, dataset=dataset, author=getpass.getuser())
    context.emit({"added": len(pairs), "dataset": dataset}, f"added {len(pairs)} references to {dataset}")
