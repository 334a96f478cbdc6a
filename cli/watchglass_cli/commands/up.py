"""`watchglass up`: all parts, one command."""

import sys
from collections.abc import Sequence

import click

from watchglass_cli.context import Context, common, fail, stop_on_signal
from watchglass_cli.supervisor import Part, PartFailed, Supervisor, require_free

PARTS = ("collect", "evaluate", "alert", "dashboard")


def parts(context: Context, only: Sequence[str] = PARTS) -> list[Part]:
    """The processes of `watchglass up`, in start order."""
    ports = {"collect": [*_collect_ports(context).values()], "dashboard": [*_dashboard_ports(context).values()]}
    watchglass = [sys.executable, "-m", "watchglass_cli"]
    return [
        Part(name, [*watchglass, name, *context.arguments()], ready_ports=ports.get(name, []))
        for name in PARTS
        if name in only
    ]


def used_ports(context: Context, only: Sequence[str] = PARTS) -> dict[str, tuple[str, int]]:
    """Setting name -> the address that `up` will listen on."""
    collect = _collect_ports(context) if "collect" in only else {}
    return {**collect, **(_dashboard_ports(context) if "dashboard" in only else {})}


def _collect_ports(context: Context) -> dict[str, tuple[str, int]]:
    store, collector = context.settings.store, context.settings.collector
    embedded = {} if store.url else {"store.port": (store.host, store.port)}
    return {
        **embedded,
        "collector.http_port": (collector.host, collector.http_port),
        "collector.grpc_port": (collector.host, collector.grpc_port),
    }


def _dashboard_ports(context: Context) -> dict[str, tuple[str, int]]:
    dashboard = context.settings.dashboard
    return {"dashboard.port": (dashboard.host, dashboard.port)}


@click.command()
@click.option("--only", help="Some of the parts, separated by commas: collect,evaluate,alert,dashboard.")
@common
def up(context: Context, only: str | None) -> None:
    r"""Run every part: collector and store, evaluators, alerts, dashboard.

    \b
    watchglass up
    watchglass up --data /var/lib/watchglass --only collect,dashboard
    """
    chosen = only.split(",") if only else list(PARTS)
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown:
        fail(f"--only {','.join(unknown)}: no such part; choose from {', '.join(PARTS)}", 2)
    taken = require_free(used_ports(context, chosen))
    if taken:
        fail(taken)
    stop = stop_on_signal()
    supervisor = Supervisor(parts(context, chosen))
    try:
        supervisor.start()
    except PartFailed as error:
        fail(str(error))
    dashboard, collector = context.settings.dashboard, context.settings.collector
    click.echo(f"dashboard   http://{dashboard.host}:{dashboard.port}", err=True)
    click.echo(
        f"send OTLP   http://{collector.host}:{collector.http_port} or gRPC {collector.host}:{collector.grpc_port}",
        err=True,
    )
    click.echo(f"data        {context.data_dir}", err=True)
    try:
        supervisor.watch(stop)
    finally:
        supervisor.stop()
