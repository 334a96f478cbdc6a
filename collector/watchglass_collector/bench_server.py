"""The process that is measured: store and collector together, as `watchglass up` runs them, seen through /proc.

It answers on its standard output how many spans are stored and assembled, so that waiting costs the measured process
nothing. Traces settle after two seconds and not ten: the same work, and it ends while its turn is measured.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from watchglass_collector.collector import Collector
from watchglass_collector.config import CollectorConfig
from watchglass_collector.heap import share_one_heap
from watchglass_collector.views import install_views
from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate

SETTLE_S: Final = 2.0
_POLL_S = 0.02
_MERGES_POLL_S = 0.25
"""Asking for merges costs some milliseconds of the CPU time that is measured."""
_REST_POLLS = 20


class Server:
    """The child process, and its store seen from here."""

    def __init__(self, process: "subprocess.Popen[bytes]", store: Store, http_url: str, grpc_target: str) -> None:
        self._process = process
        self.store = store
        self.http_url = http_url
        self.grpc_target = grpc_target

    def cpu_s(self) -> float:
        """CPU time it has used, all threads, user and system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_mb(self) -> float:
        """Most memory it had, MiB."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        (peak,) = (line for line in lines if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024

    def stored(self) -> int:
        """Spans that came through the collector and are stored."""
        return self._counts()[0]

    def wait_for(self, spans: int) -> None:
        """Return once so many spans are stored."""
        while self.stored() < spans:
            time.sleep(_POLL_S)

    def wait_for_assembly(self, calls: int) -> None:
        """Return once so many calls were put together; what the benchmark sends is calls only."""
        while self._counts()[1] < calls:
            time.sleep(_MERGES_POLL_S)

    def _counts(self) -> list[int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"how many?\n")
        self._process.stdin.flush()
        counts: list[int] = json.loads(self._process.stdout.readline())
        return counts

    def rows(self, table: str) -> int:
        """Rows of a table, as they are in its parts."""
        parts = "SELECT sum(rows) AS n FROM system.parts WHERE active AND database = currentDatabase()"
        return int(self.store.query(f"{parts} AND table = {{t:String}}", {"t": table})[0]["n"])

    def wait_for_rest(self) -> None:
        """Return once no merge has run for some seconds: those of parts that were put in are nobody's cost."""
        quiet = 0
        while quiet < _REST_POLLS:
            merges = self.store.query("SELECT count() AS merges FROM system.merges")[0]["merges"]
            quiet = 0 if merges else quiet + 1
            time.sleep(_MERGES_POLL_S)

    def settled_cpu_s(self) -> float:
        """`cpu_s` once no merge runs: merges belong to what was written before, not to what comes next."""
        while self.store.query("SELECT count() AS merges FROM system.merges")[0]["merges"]:
            time.sleep(_MERGES_POLL_S)
        return self.cpu_s()


@contextmanager
def serving(data_dir: Path, settle_s: float = SETTLE_S) -> Iterator[Server]:
    """A child process that serves from this directory until the block ends; how long a trace must be quiet is told."""
    arguments = [sys.executable, "-m", "watchglass_collector.bench_server", str(data_dir), str(settle_s)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the benchmark's server did not start")
        ready = json.loads(line)
        store = connect(StoreConfig(port=ready["store_port"]), data_dir)
        try:
            yield Server(process, store, ready["http_url"], ready["grpc_target"])
        finally:
            store.close()
            process.communicate()


def _serve(data_dir: Path, settle_s: float) -> None:
    """Be the child: serve until standard input ends, a line of it being a question."""
    import socket

    share_one_heap()
    # The engine leaves a folder of compiled schemas where it runs.
    os.chdir(data_dir)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = StoreConfig(port=port)
    with EmbeddedServer(config, data_dir):
        store = connect(config, data_dir)
        migrate(store)
        install_views(store)
        collector = Collector(CollectorConfig(http_port=0, grpc_port=0, assembly_settle_s=settle_s), store, data_dir)
        collector.start()
        _say({"store_port": port, "http_url": collector.http_url, "grpc_target": collector.grpc_target})
        for _ in sys.stdin:
            counts = collector.stats()
            _say([counts["stored"], counts.get("assembled_calls", 0)])
        collector.stop()
        store.close()


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), float(sys.argv[2]))
