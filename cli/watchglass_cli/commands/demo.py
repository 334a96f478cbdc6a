"""`watchglass demo`: see it work before you install anything."""

import contextlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from watchglass_cli.context import fail, stop_on_signal
from watchglass_cli.demo.session import Demo, Schedule, running
from watchglass_cli.supervisor import PartFailed

STORY = Schedule(pause_s=0.4, incident_start_s=45, incident_end_s=135, end_s=0)
HISTORY_REPLAYS = 40
HISTORY_HOURS = 24.0


@click.command()
@click.option("--check", "check_only", is_flag=True, help="Run it accelerated, compare every number, print JSON, end.")
def demo(check_only: bool) -> None:
    r"""The whole product with real traffic, in a temporary directory; Ctrl-C ends it.

    \b
    watchglass demo
    watchglass demo --check      exits 0 only if every number is what was sent
    """
    missing = _missing()
    if missing:
        fail(f"the demo's application needs {missing}: pip install 'watchglass-server[demo]'")
    try:
        if check_only:
            _check()
        else:
            _stay_up()
    except PartFailed as error:
        fail(str(error))


def _missing() -> str | None:
    for module in ("openai", "aiosmtpd"):
        try:
            __import__(module)
        except ImportError:
            return module
    return None


def _check() -> None:
    from watchglass_cli.demo.check import as_json, check

    result = check()
    click.echo(as_json(result))
    for problem in result.problems:
        click.echo(f"watchglass: {problem}", err=True)
    sys.exit(1 if result.problems else 0)


def _stay_up() -> None:
    stop = stop_on_signal()
    with tempfile.TemporaryDirectory(prefix="watchglass-demo-") as directory:
        click.echo("starting the store, the collector, the evaluators, the alerts and the dashboard …", err=True)
        with running(Path(directory), default_ports=True) as demo:
            app = demo.start_app(STORY)
            try:
                click.echo(_welcome(demo), err=True)
                spans = demo.replay(HISTORY_REPLAYS, HISTORY_HOURS)
                click.echo(
                    f"{spans:,} spans of captured traffic replayed over the past {HISTORY_HOURS:g} hours", err=True
                )
                demo.supervisor.watch(stop)
            finally:
                _end(app)
        click.echo("stopped; the temporary directory is gone", err=True)


def _end(app: subprocess.Popen[str]) -> None:
    app.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        app.wait(10)
    app.kill()
    app.wait()


def _welcome(demo: Demo) -> str:
    return f"""
Dashboard      {demo.dashboard_url}
Slack inbox    {demo.slack.url}   (what the alerts posted)
Send your own  {demo.collector_url}   (OTLP/HTTP; gRPC on {demo.context.settings.collector.grpc_port})

What to look at
  now          Overview: a support assistant answers customers; every answer is scored as it arrives
               Traces: search for "shipping", open one: agent, retrieval, model call, scores
  in {STORY.incident_start_s:.0f} s      prompt version v2 goes live: rude and slow. profanity and p95 latency rise
  a little     two alerts fire, into the Slack inbox and as e-mail; the Overview shows them
  later        in {STORY.incident_end_s:.0f} s v2 is rolled back, the alerts resolve

Ctrl-C ends it and removes everything.
"""
