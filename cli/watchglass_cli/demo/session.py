"""Everything the demo starts, as one context manager: inboxes, scripted model, the product itself, and traffic."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from watchglass_cli.commands.up import parts
from watchglass_cli.context import Context
from watchglass_cli.demo.inboxes import SlackInbox, SmtpInbox
from watchglass_cli.demo.model import ScriptedModel
from watchglass_cli.demo.replay import NANO, Sender, replayed, span_count
from watchglass_cli.settings import Settings, load
from watchglass_cli.supervisor import Supervisor, free_port, listening


@dataclass(frozen=True, slots=True)
class Schedule:
    """The application's story, in seconds from its start."""

    pause_s: float
    """Between two questions."""
    incident_start_s: float
    """The bad prompt version is deployed."""
    incident_end_s: float
    """It is rolled back."""
    end_s: float
    """The application ends; 0 = it runs until it is stopped."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo."""

    context: Context
    supervisor: Supervisor
    slack: SlackInbox
    smtp: SmtpInbox
    model: ScriptedModel

    @property
    def collector_url(self) -> str:
        """Where to send OTLP/HTTP."""
        collector = self.context.settings.collector
        return f"http://{collector.host}:{collector.http_port}"

    @property
    def dashboard_url(self) -> str:
        """What to open in a browser."""
        return f"http://{self.context.settings.dashboard.host}:{self.context.settings.dashboard.port}"

    def start_app(self, schedule: Schedule) -> subprocess.Popen[str]:
        """Start the instrumented application; it prints what it sent when it ends."""
        options = {
            "--endpoint": self.collector_url,
            "--model-url": self.model.base_url,
            "--pause-s": schedule.pause_s,
            "--incident-start-s": schedule.incident_start_s,
            "--incident-end-s": schedule.incident_end_s,
            "--end-s": schedule.end_s,
        }
        argv = [sys.executable, "-m", "watchglass_cli.demo.app"]
        argv += [str(item) for option in options.items() for item in option]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def replay(self, repetitions: int, hours: float) -> int:
        """Replay captured traffic spread over the past `hours`; returns how many spans were acknowledged."""
        collector = self.context.settings.collector
        sender = Sender(self.collector_url, f"{collector.host}:{collector.grpc_port}")
        past_ns = int(hours * 3600 * NANO)
        now_ns = time.time_ns()
        spans = 0
        with contextlib.closing(sender):
            for repetition in range(repetitions):
                for payload in replayed(repetition, lambda trace_id: now_ns - _spread(trace_id, past_ns)):
                    sender.send(payload)
                    spans += span_count(payload)
        return spans


@contextlib.contextmanager
def running(directory: Path, *, default_ports: bool) -> Iterator[Demo]:
    """Start the product in `directory`; everything is stopped on the way out."""
    with contextlib.ExitStack() as stack:
        slack = stack.enter_context(SlackInbox())
        smtp = stack.enter_context(SmtpInbox())
        model = stack.enter_context(ScriptedModel())
        rules = stack.enter_context(as_file(files("watchglass_cli.demo") / "rules.yaml"))
        config = directory / "watchglass.toml"
        config.write_text(_config(slack, smtp, rules, default_ports=default_ports), encoding="utf-8")
        context = Context(directory / "data", config, load(config), as_json=False)
        supervisor = Supervisor(parts(context))
        stack.callback(supervisor.stop)
        supervisor.start()
        yield Demo(context, supervisor, slack, smtp, model)


def _spread(trace_id: bytes, past_ns: int) -> int:
    """How long ago a trace is placed: even over the past, more than a minute ago, the same for all its payloads."""
    return NANO * 60 + int.from_bytes(trace_id[:6], "big") * past_ns // 2**48


def _port(preferred: int, *, use_default: bool) -> int:
    return preferred if use_default and not listening(("127.0.0.1", preferred)) else free_port()


def _config(slack: SlackInbox, smtp: SmtpInbox, rules: Path, *, default_ports: bool) -> str:
    """The demo's watchglass.toml: short settle times, and channels that point at the local inboxes."""
    defaults = Settings()
    ports = {
        "store": _port(defaults.store.port, use_default=default_ports),
        "http": _port(defaults.collector.http_port, use_default=default_ports),
        "grpc": _port(defaults.collector.grpc_port, use_default=default_ports),
        "dashboard": _port(defaults.dashboard.port, use_default=default_ports),
    }
    quoted = {name: json.dumps(value) for name, value in {"slack": slack.url, "rules": str(rules)}.items()}
    return f"""\
# Written by `watchglass demo`.
[store]
port = {ports["store"]}

[collector]
http_port = {ports["http"]}
grpc_port = {ports["grpc"]}

[evaluators]
settle_s = 1.5
trace_idle_s = 6
poll_s = 0.5

[alerts]
rules_file = {quoted["rules"]}
settle_s = 6
dashboard_url = "http://127.0.0.1:{ports["dashboard"]}"
allow_loopback = true

[alerts.channels.slack]
type = "slack"
url = {quoted["slack"]}

[alerts.channels.email]
type = "email"
host = "127.0.0.1"
port = {smtp.port}
security = "plain"
sender = "watchglass@example.com"
recipients = ["oncall@example.com"]

[dashboard]
port = {ports["dashboard"]}
"""
