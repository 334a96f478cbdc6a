"""`watchglass bench ingest | evaluate`: measured on this machine, printed as JSON."""

import json

import click


@click.group()
def bench() -> None:
    """Measure; prints one JSON value, progress goes to standard error."""


QUICK = click.option("--quick", is_flag=True, help="Smaller sizes: fits in a minute.")
JSON = click.option("--json", "_as_json", is_flag=True, help="JSON is the only output; accepted for symmetry.")


@bench.command()
@QUICK
@JSON
def ingest(quick: bool, _as_json: bool) -> None:
    """Spans per CPU-second of the whole path, beside decoding in Python and merely copying the rows."""
    from watchglass_collector.bench import run

    click.echo(json.dumps(run(quick=quick), indent=2))


@bench.command()
@QUICK
@JSON
def evaluate(quick: bool, _as_json: bool) -> None:
    """Calls per second of each evaluator on one core, beside its library on the same texts."""
    from watchglass_evaluators.bench import run

    click.echo(json.dumps(run(quick=quick), indent=2))


@bench.command()
@QUICK
@JSON
def query(quick: bool, _as_json: bool) -> None:
    """What each page of the dashboard asks, on ten million calls: how long, over many visits."""
    from watchglass_dashboards.bench import run

    click.echo(json.dumps(run(quick=quick), indent=2))


@bench.command()
@QUICK
@JSON
def alerts(quick: bool, _as_json: bool) -> None:
    """How long one slot of 100, 1,000 and 10,000 rules takes."""
    from watchglass_alerts.bench import run

    click.echo(json.dumps(run(quick=quick), indent=2))
