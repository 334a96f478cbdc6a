"""`watchglass up` as a process: everything starts, a part that is killed comes back, everything stops."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from watchglass_cli.supervisor import free_port, listening


def until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.1)


def children(pid: int) -> dict[str, int]:
    """Part name -> process id of the supervisor's children."""
    found = {}
    for line in subprocess.check_output(["ps", "-o", "pid=,args=", "--ppid", str(pid)], text=True).splitlines():
        number, arguments = line.strip().split(" ", 1)
        name = re.search(r"watchglass_cli (\w+)|(watchglass_dashboards)", arguments)
        if name:
            found[name[1] or "dashboard"] = int(number)
    return found


def test_up_starts_restarts_and_stops_every_part(tmp_path: Path) -> None:
    settings = ("STORE__PORT", "COLLECTOR__HTTP_PORT", "COLLECTOR__GRPC_PORT", "DASHBOARD__PORT")
    ports = {name: free_port() for name in settings}
    environment = {f"WATCHGLASS_{name}": str(port) for name, port in ports.items()}
    argv = [sys.executable, "-m", "watchglass_cli", "up", "--data", str(tmp_path / "data")]
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(argv, cwd=tmp_path, env={**os.environ, **environment}, stderr=output)
    try:
        until(lambda: "dashboard   http" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        before = children(process.pid)
        assert set(before) == {"collect", "evaluate", "alert", "dashboard"}
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['DASHBOARD__PORT']}/", timeout=20) as page:
            assert page.status == 200
        os.kill(before["evaluate"], signal.SIGKILL)
        os.kill(before["collect"], signal.SIGKILL)
        until(lambda: {"collect", "evaluate"} <= set(children(process.pid)))
        until(lambda: listening(("127.0.0.1", ports["COLLECTOR__HTTP_PORT"])))
        after = children(process.pid)
        assert after["collect"] != before["collect"]
        assert after["dashboard"] == before["dashboard"], "the others are left alone"
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()
    assert not any(listening(("127.0.0.1", port)) for port in ports.values())
    assert "Traceback" not in log.read_text()
    assert (tmp_path / "data").is_dir()


def test_a_taken_port_ends_it_before_anything_starts(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "watchglass_cli", "up"],
            cwd=tmp_path,
            env={**os.environ, "WATCHGLASS_COLLECTOR__HTTP_PORT": port},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"collector.http_port = {port}" in done.stderr
    assert not (tmp_path / "watchglass-data").exists()
