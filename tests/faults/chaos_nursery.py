"""Starts the halves of a system that is to be killed, quickly: one process imports everything and then only forks.

argv = DATA. Each line in is a JSON list: ["store", PORT] or ["collector", STORE_PORT, HTTP_PORT, GRPC_PORT]; each line
out the new process's id. What they print goes to DATA/ROLE.log.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import clickhouse_connect  # noqa: F401  imported here so that those who are forked need not
import fault_points

import watchglass_store.server.engine  # noqa: F401
from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import EmbeddedServer, LateStore, Store, StoreConfig, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, load_credentials

SPOOL_MAX_BYTES = 2 * 1024**2
STOP_TIMEOUT_S = 2


def serve_store(data_dir: Path, stop: threading.Event, port: int) -> None:
    config = StoreConfig(port=port)
    with EmbeddedServer(config, data_dir):
        _ready_store(config, data_dir).close()
        (data_dir / "is-ready").touch()
        stop.wait()


def serve_collector(data_dir: Path, stop: threading.Event, store_port: int, http_port: int, grpc_port: int) -> None:
    fault_points.install(data_dir)
    password = load_credentials(data_dir).administrator
    address = Address("127.0.0.1", store_port, ADMINISTRATOR, password, "watchglass")
    config = CollectorConfig(
        http_port=http_port, grpc_port=grpc_port, segment_age_s=0.4, stop_timeout_s=STOP_TIMEOUT_S,
        spool_max_bytes=SPOOL_MAX_BYTES,
    )  # fmt: skip
    store = LateStore(lambda: _ready_store(StoreConfig(url=address.url), data_dir))
    collector = Collector(config, store, data_dir)
    collector.start()
    stop.wait()
    collector.stop()
    store.close()


def _ready_store(config: StoreConfig, data_dir: Path) -> Store:
    store = connect(config, data_dir)
    try:
        migrate(store)
        install_views(store)
    except BaseException:
        store.close()
        raise
    return store


def _become(role: str, data_dir: Path, ports: list[int]) -> None:
    log = os.open(data_dir / f"{role}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for wanted, fd in ((0, nothing), (1, log), (2, log)):
        os.dup2(fd, wanted)
    os.chdir(data_dir)
    stop = threading.Event()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    (serve_store if role == "store" else serve_collector)(data_dir, stop, *ports)


def main() -> None:
    """Fork on demand until standard input ends."""
    data_dir = Path(sys.argv[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := os.read(0, 4096):
        role, *ports = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(role, data_dir, ports)
            return
        os.write(1, f"{pid}\n".encode())


if __name__ == "__main__":
    main()
