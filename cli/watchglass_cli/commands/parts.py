"""`watchglass collect | alert | dashboard`: each part as a process of its own; evaluate.py has the fourth."""

import contextlib
import logging
import os
from typing import TYPE_CHECKING

import click

from watchglass_cli.context import EXIT_USAGE, Context, common, fail, stop_on_signal
from watchglass_cli.settings import DEFAULT_FILE
from watchglass_cli.supervisor import die_with_parent
from watchglass_store import EmbeddedServer, LateStore, Store, StoreUnavailable

log = logging.getLogger("watchglass.collect")

if TYPE_CHECKING:
    from watchglass_dashboards import Installation


@click.command()
@common
def collect(context: Context) -> None:
    r"""Receive OTLP and store it; owns the embedded store.

    \b
    watchglass collect --data /var/lib/watchglass
    WATCHGLASS_STORE__URL=clickhouse://user:pass@host:8443/watchglass?secure=true watchglass collect
    """
    from watchglass_collector import Collector, share_one_heap

    share_one_heap()
    die_with_parent()
    stop = stop_on_signal()
    settings = context.settings
    context.data_dir.mkdir(parents=True, exist_ok=True)
    # The engine keeps the OTLP schema it was given in ./__cache__ and has no setting for that place.
    os.chdir(context.data_dir)
    with contextlib.ExitStack() as stack:
        if not settings.store.url:
            stack.enter_context(EmbeddedServer(settings.store, context.data_dir))
        store = stack.enter_context(contextlib.closing(LateStore(lambda: _ready_store(context))))
        try:
            store.open()
        except StoreUnavailable as error:
            if not settings.store.url:
                raise
            log.warning("what arrives is kept on disk until the store is there: %s", error)
        collector = Collector(settings.collector, store, context.data_dir)
        collector.start()
        stack.callback(collector.stop)
        click.echo(f"collecting OTLP on {collector.http_url} (HTTP) and {collector.grpc_target} (gRPC)", err=True)
        stop.wait()


def _ready_store(context: Context) -> Store:
    """The store with all its tables and views."""
    from watchglass_collector import install_views
    from watchglass_store import migrate

    store = context.store()
    try:
        migrate(store)
        install_views(store, context.settings.collector.durability, context.settings.collector.redaction)
    except BaseException:
        store.close()
        raise
    return store


@click.command()
@common
def alert(context: Context) -> None:
    r"""Evaluate the alert rules and notify.

    \b
    watchglass alert --data /var/lib/watchglass
    """
    from watchglass_alerts import AlertsError, Engine

    die_with_parent()
    stop = stop_on_signal()
    with contextlib.closing(context.store()) as store:
        try:
            engine = Engine(store, context.settings.alerts)
        except AlertsError as error:
            fail(str(error), EXIT_USAGE)
        engine.run_forever(stop)


def installation(context: Context) -> "Installation":
    """What the dashboard is told about the rest."""
    from watchglass_dashboards import Installation
    from watchglass_evaluators.registry import summaries
    from watchglass_evaluators.wanted import everything_wanted

    settings, about = context.settings, summaries()
    collector = settings.collector
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(collector.host, collector.host)
    scheme = "https" if collector.tls_certificate else "http"
    file = context.config_file or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    return Installation(
        config=settings.dashboard,
        collector_url=settings.dashboard.collector_url or f"{scheme}://{host}:{collector.http_port}",
        collector_grpc=f"{host}:{collector.grpc_port}",
        needs_key=collector.requires_keys,
        file=str(file.absolute()) if file else "",
        sections=settings.model_dump(mode="json"),
        evaluators={
            name: {
                "summary": "Judge: a model that answers by a rubric." if one.is_judge else about.get(name, ""),
                "enabled": one.enabled,
                "sample_rate": one.sample_rate,
                "filters": one.filters,
            }
            for name, one in everything_wanted(settings.evaluators, {}).items()
        },
    )


@click.command()
@common
def dashboard(context: Context) -> None:
    r"""Serve the dashboard.

    \b
    watchglass dashboard --data /var/lib/watchglass
    """
    from watchglass_dashboards import (
        JUDGE_DESK_VARIABLE,
        PRICE_DESK_VARIABLE,
        RULE_DESK_VARIABLE,
        CannotStart,
        command,
    )

    die_with_parent()
    try:
        argv, environment = command(installation(context), context.settings.store, context.data_dir)
    except (CannotStart, ValueError) as error:
        fail(str(error), EXIT_USAGE)
    desks = {
        RULE_DESK_VARIABLE: "watchglass_alerts.desk:Desk",
        JUDGE_DESK_VARIABLE: "watchglass_evaluators.judge.desk:Desk",
        PRICE_DESK_VARIABLE: "watchglass_collector.assembly.desk:Desk",
    }
    os.execve(argv[0], argv, {**os.environ, **environment, **desks})
