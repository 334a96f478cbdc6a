"""`watchglass evaluate`: score what arrives, or the past; here, or on the actors of a Ray cluster."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from watchglass_cli.commands.backfill import run_backfill
from watchglass_cli.context import EXIT_USAGE, Context, common, fail, stop_on_signal
from watchglass_cli.supervisor import die_with_parent
from watchglass_evaluators import EvaluatorsConfig
from watchglass_store import Store

if TYPE_CHECKING:
    from watchglass_evaluators.ray_engine import RayEngine


@click.command()
@click.option(
    "--shard", metavar="I/N", help="The part of the traces this worker takes; as in the settings if left out."
)
@click.option("--backfill", is_flag=True, help="Score calls of the past that have no score yet, and end.")
@click.option("--since", metavar="TIME", help="Backfill: from when; 2026-11-01, 2026-11-01T12:00Z, or 7d for ago.")
@click.option("--until", metavar="TIME", help="Backfill: until when; now if left out.")
@click.option("--evaluators", metavar="NAMES", help="Backfill: by commas; all that are on if left out.")
@click.option(
    "--engine",
    type=click.Choice(["process", "ray"]),
    default="process",
    show_default=True,
    help="ray: on the cluster that RAY_ADDRESS names, else one on this machine; a GPU each for those that want one.",
)
@click.option("--actors", type=click.IntRange(min=1), help="Ray: actors without a GPU; by processors if left out.")
@common
def evaluate(
    context: Context,
    shard: str | None,
    backfill: bool,
    since: str | None,
    until: str | None,
    evaluators: str | None,
    engine: str,
    actors: int | None,
) -> None:
    r"""Score the calls that arrive; with --backfill, those of the past. The same backfill again goes on where it was.

    \b
    watchglass evaluate --data /var/lib/watchglass
    watchglass evaluate --shard 0/4
    watchglass evaluate --backfill --since 2026-11-01 --until 2026-11-08 --evaluators rouge,bleu
    RAY_ADDRESS=auto watchglass evaluate --engine ray
    """
    from watchglass_evaluators import Runner

    config = _sharded(context.settings.evaluators, shard)
    if not backfill and (since or until or evaluators):
        fail("--since, --until and --evaluators belong to --backfill", EXIT_USAGE)
    if actors is not None and engine != "ray":
        fail("--actors belongs to --engine ray", EXIT_USAGE)
    die_with_parent()
    tell = _nothing
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(context.store()))
        ray = stack.enter_context(_ray(context, store, config, actors or 0)) if engine == "ray" else None
        stop = stop_on_signal()  # Ray's start sets handlers of its own, so it comes first
        if backfill:
            tell = run_backfill(context, store, config, stop, since, until, evaluators, ray)
        elif ray is not None:
            ray.run_forever(stop)
        else:
            Runner(store, config).run_forever(stop)
    tell()


def _nothing() -> None:
    """What is printed at the end of live evaluation."""


def _sharded(config: EvaluatorsConfig, shard: str | None) -> EvaluatorsConfig:
    if shard is None:
        return config
    try:
        return EvaluatorsConfig.model_validate(config.model_dump() | {"shard": shard})
    except ValueError:
        fail(f"--shard {shard}: i/n with 0 <= i < n, for example 0/4", EXIT_USAGE)


@contextlib.contextmanager
def _ray(context: Context, store: Store, config: EvaluatorsConfig, actors: int) -> "Iterator[RayEngine]":
    from watchglass_evaluators.ray_crew import CannotStart
    from watchglass_evaluators.ray_engine import RayEngine, RayUnusable

    try:
        # Ray prints what happens to its actors on standard output, which is for --json.
        with (
            contextlib.redirect_stdout(sys.stderr),
            RayEngine(store, context.settings.store, context.data_dir, config, actors=actors) as engine,
        ):
            yield engine
    except RayUnusable as error:
        fail(str(error), EXIT_USAGE)
    except CannotStart as error:
        fail(str(error))
