"""The owner of a data directory: starts, is alone, stops, dies, and finds everything again."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from watchglass_store import EmbeddedServer, StoreConfig, StoreError, StoreUnavailable, connect
from watchglass_store.server.credentials import credentials_path, ensure_credentials, load_credentials

OWNER = """
import sys, threading
from pathlib import Path
from watchglass_store import EmbeddedServer, StoreConfig, StoreError

config, data_dir = StoreConfig(port=int(sys.argv[1])), Path(sys.argv[2])
"""
SERVE = """
with EmbeddedServer(config, data_dir) as server:
    print("ready", flush=True)
    sys.stdin.read()
print("stopped", flush=True)
"""


@contextlib.contextmanager
def owner(port: int, data_dir: Path, script: str = SERVE) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNER + textwrap.dedent(script), str(port), str(data_dir)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def serve(port: int, data_dir: Path) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    @contextlib.contextmanager
    def ready() -> Iterator[subprocess.Popen[str]]:
        with owner(port, data_dir) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process

    return ready()


def test_data_outlive_a_stop_and_a_kill(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    config = StoreConfig(port=free_ports())
    with serve(config.port, tmp_path) as process:
        store = connect(config, tmp_path)
        store.command("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n")
        store.insert("t", [{"n": 1}])
        output, _ = process.communicate("", timeout=30)
        assert (output, process.returncode) == ("stopped\n", 0)
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.query("SELECT 1")
        store.close()
    with serve(config.port, tmp_path) as process:
        store = connect(config, tmp_path)
        for n in range(2, 20):
            store.insert("t", [{"n": n}])
        process.send_signal(signal.SIGKILL)
        store.close()
    with serve(config.port, tmp_path):
        store = connect(config, tmp_path, readonly=True)
        assert store.query("SELECT count() AS c, uniqExact(n) AS u FROM t") == [{"c": 19, "u": 19}]
        store.close()


def test_a_client_finds_the_owner_again_after_a_restart(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    config = StoreConfig(port=free_ports())
    with serve(config.port, tmp_path):
        store = connect(config, tmp_path)
        assert store.query("SELECT 1 AS a") == [{"a": 1}]
    with serve(config.port, tmp_path):
        assert store.query("SELECT 2 AS a") == [{"a": 2}]
        store.close()


def test_a_second_owner_is_told_whose_it_is(server: EmbeddedServer, free_ports: Callable[[], int]) -> None:
    second = EmbeddedServer(StoreConfig(port=free_ports()), server.data_dir)
    with pytest.raises(StoreError) as caught:
        second.start()
    assert str(server.data_dir) in str(caught.value)
    assert str(os.getpid()) in str(caught.value)
    script = """
        try:
            EmbeddedServer(config, data_dir).start()
        except StoreError as error:
            print(error)
    """
    with owner(free_ports(), server.data_dir, script) as process:
        output, _ = process.communicate(timeout=60)
    assert f"is open in process {os.getpid()}" in output


def test_a_taken_port_is_named(server: EmbeddedServer, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=rf"store\.port={server.config.port}: cannot listen there"):
        EmbeddedServer(StoreConfig(port=server.config.port), tmp_path).start()
    with pytest.raises(StoreError, match=r"store\.host='203\.0\.113\.1'"):
        EmbeddedServer(StoreConfig(host="203.0.113.1", port=9), tmp_path).start()


def test_start_and_stop_may_be_called_twice(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    script = """
        server = EmbeddedServer(config, data_dir)
        server.stop()
        for _ in range(2):
            server.start()
            server.start()
            print(server.url)
            server.stop()
            server.stop()
        names = {thread.name for thread in threading.enumerate()}
        print(sorted(name for name in names if name.startswith("watchglass")))
    """
    port = free_ports()
    with owner(port, tmp_path, script) as process:
        output, _ = process.communicate(timeout=60)
    assert output == f"http://127.0.0.1:{port}\nhttp://127.0.0.1:{port}\n[]\n"


def test_stop_waits_for_what_runs(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    config = StoreConfig(port=free_ports())
    running = "SELECT count() AS c FROM system.processes WHERE query LIKE 'SELECT sleep%'"
    with serve(config.port, tmp_path) as process, ThreadPoolExecutor() as pool:
        store = connect(config, tmp_path)
        slow = pool.submit(store.query, "SELECT sleep(2) AS slept")
        while store.query(running) != [{"c": 1}]:
            pass
        assert process.stdin is not None
        process.stdin.close()
        assert slow.result() == [{"slept": 0}]
        assert process.wait(timeout=30) == 0
        store.close()


def test_passwords_are_random_private_and_kept(tmp_path: Path) -> None:
    first = ensure_credentials(tmp_path)
    mode = stat.S_IMODE(credentials_path(tmp_path).stat().st_mode)
    assert mode == stat.S_IRUSR | stat.S_IWUSR
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == stat.S_IRWXU
    assert ensure_credentials(tmp_path) == load_credentials(tmp_path) == first
    assert len(first.administrator) > 40
    assert first.administrator != first.readonly
    assert first.administrator not in repr(first)
    assert ensure_credentials(tmp_path / "other") != first


@pytest.mark.parametrize("text", ["", "{", "[]", '{"default": "x"}', '{"default": 1, "readonly": "x"}'])
def test_damaged_passwords_are_named(text: str, tmp_path: Path) -> None:
    ensure_credentials(tmp_path)
    credentials_path(tmp_path).write_text(text)
    with pytest.raises(StoreUnavailable, match=r"credentials\.json is damaged"):
        load_credentials(tmp_path)


def test_no_owner_yet_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="watchglass up"):
        connect(StoreConfig(), tmp_path)


def test_two_merges_run_at_a_time(server: EmbeddedServer) -> None:
    # Four, which is the engine's own choice, hold 100 MB more beside ingest (design/0013).
    store = connect(server.config, server.data_dir)
    names = {"background_pool_size": "2", "background_merges_mutations_concurrency_ratio": "1"}
    rows = store.query(
        "SELECT name, value FROM system.server_settings WHERE name IN {names:Array(String)}", {"names": list(names)}
    )
    assert {row["name"]: row["value"] for row in rows} == names
    store.close()


def test_a_directory_that_would_be_read_as_settings_is_refused(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    server = EmbeddedServer(StoreConfig(port=free_ports()), tmp_path / "what?path=/etc")
    with pytest.raises(StoreError, match=r"cannot be under a name with '\?'"):
        server.start()
