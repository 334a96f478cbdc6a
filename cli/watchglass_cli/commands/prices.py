"""`watchglass prices`: what models cost, where the shipped list prices do not say it."""

import contextlib
import getpass
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table
from watchglass_store.queries import assembly
from watchglass_store.queries import prices as queries


@click.group()
def prices() -> None:
    """Set what models cost, list what was set, and show models without a price."""


def _key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """MODEL, --provider, --from and --above: which price is meant."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    for option in (
        click.option("--above", default=0, type=click.IntRange(0), help="For calls with more input tokens than this."),
        click.option(
            "--from", "valid_from", default=today, type=click.DateTime(["%Y-%m-%d"]), help="First day: today."
        ),
        click.option("--provider", default="", help="As in llm_calls: openai. Left out: whoever serves the model."),
        click.argument("model"),
    ):
        command = option(command)
    return command


@prices.command(name="set")
@click.option("--input", "input_usd", required=True, type=click.FloatRange(0), help="US dollars, a million tokens.")
@click.option("--output", "output_usd", type=click.FloatRange(0), help="Likewise. Left out: no price for such tokens.")
@click.option("--cache-read", "cache_read_usd", type=click.FloatRange(0), help="Input tokens that came from a cache.")
@click.option("--cache-write", "cache_write_usd", type=click.FloatRange(0), help="Input tokens put into a cache.")
@_key_options
@common
def set_price(
    context: Context,
    model: str,
    provider: str,
    valid_from: datetime,
    above: int,
    input_usd: float,
    output_usd: float | None,
    cache_read_usd: float | None,
    cache_write_usd: float | None,
) -> None:
    r"""Set a price from a day on. It comes before the shipped one, for calls that are assembled from now on.

    \b
    watchglass prices set llama-3.3-70b --input 0.6 --output 0.8
    watchglass prices set gpt-4o --provider azure.ai.openai --input 2.2 --output 8.8 --from 2026-11-01
    """
    rates = {
        "input_usd": input_usd,
        "output_usd": output_usd,
        "cache_read_usd": cache_read_usd,
        "cache_write_usd": cache_write_usd,
    }
    _put(context, model, provider, valid_from, above, rates)
    context.emit({"model": model, "provider": provider, **rates}, f"The price of {model} is set.")


@prices.command(name="unset")
@_key_options
@common
def unset(context: Context, model: str, provider: str, valid_from: datetime, above: int) -> None:
    r"""Take a price that was set away again; the shipped one counts then.

    \b
    watchglass prices unset llama-3.3-70b --from 2026-11-20
    """
    with contextlib.closing(context.store()) as store:
        key = (model, provider, valid_from.date(), above)
        names = ("model", "provider", "valid_from", "above_input_tokens")
        if key not in [tuple(row[name] for name in names) for row in queries.current(store)]:
            fail(f"no price of {model} was set like this: `watchglass prices list` has those that were", EXIT_USAGE)
    _put(context, model, provider, valid_from, above, dict.fromkeys(queries.RATES), deleted=True)
    context.emit({"model": model}, f"The price of {model} is taken away.")


@prices.command(name="list")
@common
def list_prices(context: Context) -> None:
    r"""The prices that were set, in US dollars for a million tokens.

    \b
    watchglass prices list
    """
    with contextlib.closing(context.store()) as store:
        rows = queries.current(store)
    context.emit(rows, table(rows))


@prices.command()
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 400), help="How far back.")
@common
def gaps(context: Context, days: int) -> None:
    r"""Models that were used and have no price: their calls have no cost.

    \b
    watchglass prices gaps --days 30
    """
    with contextlib.closing(context.store()) as store:
        rows = assembly.unpriced(store, datetime.now(UTC) - timedelta(days=days))
    context.emit(rows, table(rows) if rows else "Every call whose usage counts has a cost.")


def _put(
    context: Context,
    model: str,
    provider: str,
    valid_from: datetime,
    above: int,
    rates: dict[str, float | None],
    *,
    deleted: bool = False,
) -> None:
    with contextlib.closing(context.store()) as store:
        queries.put(
            store,
            provider=provider,
            model=model,
            valid_from=valid_from.date(),
            above_input_tokens=above,
            rates=rates,
            author=getpass.getuser(),
            deleted=deleted,
        )
