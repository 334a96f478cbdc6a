"""`watchglass rules`: alert rules from the command line."""

from pathlib import Path

import click

from watchglass_alerts import RuleError, load_rules
from watchglass_cli.context import Context, common, fail
from watchglass_cli.table import table


@click.group()
def rules() -> None:
    """Check alert rules."""


@rules.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def check(context: Context, file: Path) -> None:
    r"""Validate a rules file; every error names the file, the line, the field and what is allowed.

    \b
    watchglass rules check rules.yaml
    """
    try:
        loaded = load_rules(file)
    except RuleError as error:
        fail(str(error))
    rows = [{"name": rule.name, "metric": rule.metric, "severity": rule.severity} for rule in loaded]
    context.emit(rows, table(rows))
