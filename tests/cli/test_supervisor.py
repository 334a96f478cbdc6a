import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from watchglass_cli.supervisor import (
    BACKOFF_S,
    STABLE_S,
    Part,
    PartFailed,
    Supervisor,
    free_port,
    listening,
    require_free,
)

LISTEN = """
import signal, socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(sys.argv[2], file=open(sys.argv[3], "a"), flush=True)
def end(*_):
    print(sys.argv[2] + " ended", file=open(sys.argv[3], "a"), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
while True:
    time.sleep(0.05)
"""


def part(name: str, port: int, log: Path) -> Part:
    return Part(name, [sys.executable, "-c", LISTEN, str(port), name, str(log)], ready_ports=[("127.0.0.1", port)])


def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def test_starts_in_order_and_stops_in_reverse(tmp_path: Path) -> None:
    log = tmp_path / "log"
    supervisor = Supervisor([part("first", free_port(), log), part("second", free_port(), log)])
    supervisor.start()
    supervisor.stop()
    assert log.read_text().splitlines() == ["first", "second", "second ended", "first ended"]


def test_what_a_part_prints_is_not_on_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    talks = part("one", port, tmp_path / "log")
    talks.argv[2] = "print('for people', flush=True)" + talks.argv[2]
    supervisor = Supervisor([talks])
    supervisor.start()
    supervisor.stop()
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "for people" in printed.err


def test_restarts_a_part_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    supervisor = Supervisor([part("one", port, tmp_path / "log")])
    supervisor.start()
    stop = threading.Event()
    watcher = threading.Thread(target=supervisor.watch, args=(stop, 0.02))
    watcher.start()
    try:
        pid = supervisor.pid("one")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: supervisor.restarts == 1 and listening(("127.0.0.1", port)))
        assert supervisor.pid("one") != pid
    finally:
        stop.set()
        watcher.join()
        supervisor.stop()
    assert not listening(("127.0.0.1", port))


def test_waits_longer_after_each_failure_and_forgets_after_a_stable_run() -> None:
    now = 0.0
    supervisor = Supervisor([Part("dies", [sys.executable, "-c", ""])], clock=lambda: now)
    supervisor.start()
    waits = []
    for _ in range(3):
        until(lambda: _seen_dead(supervisor))
        began = now
        while supervisor.pid("dies") is None:
            now += 0.25
            supervisor.check()
        waits.append(now - began)
    assert waits == list(BACKOFF_S[:3])
    now += STABLE_S
    until(lambda: _seen_dead(supervisor))
    began = now
    while supervisor.pid("dies") is None:
        now += 0.25
        supervisor.check()
    assert now - began == BACKOFF_S[0]
    supervisor.stop()


def _seen_dead(supervisor: Supervisor) -> bool:
    supervisor.check()
    return supervisor.pid("dies") is None


def test_a_part_that_ends_before_it_is_ready_fails_the_start_and_stops_the_others(tmp_path: Path) -> None:
    port = free_port()
    broken = Part("broken", [sys.executable, "-c", "raise SystemExit(3)"], ready_ports=[("127.0.0.1", free_port())])
    with pytest.raises(PartFailed, match="broken ended with status 3"):
        Supervisor([part("first", port, tmp_path / "log"), broken]).start()
    assert not listening(("127.0.0.1", port))


def test_a_taken_port_is_named_with_its_setting_and_the_fix() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = require_free({"collector.http_port": ("127.0.0.1", port)})
    assert message is not None
    assert f"collector.http_port = {port}" in message
    assert "choose another port" in message
    assert require_free({"collector.http_port": ("127.0.0.1", free_port())}) is None


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    port = free_port()
    child = (
        "from watchglass_cli.supervisor import die_with_parent; import socket, sys, time; die_with_parent(); "
        f"s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    )
    parent = (
        "from watchglass_cli.supervisor import Part, Supervisor; import sys, time; "
        f"Supervisor([Part('child', [sys.executable, '-c', {child!r}], ready_ports=[('127.0.0.1', {port})])]).start(); "
        "print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
    until(lambda: not listening(("127.0.0.1", port)))
