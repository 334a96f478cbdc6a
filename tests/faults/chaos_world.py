"""A store, a collector, and a bad network before each; lives for all seeds."""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchglass_collector.spool.record import Record, scan
from watchglass_store import Store, StoreConfig, StoreError, connect

from .chaos_load import Load
from .chaos_proxy import ChaosProxy

GIVE_UP_S = 180
"""This machine may have other work; nothing here depends on being quick."""
ACCEPTED = "accepted"
ROOM_BYTES = 1024**2
"""Half of what the spool holds."""


def wait_until(is_true: Callable[[], Any], what: str) -> None:
    give_up = time.monotonic() + GIVE_UP_S
    while not is_true():
        assert time.monotonic() < give_up, f"gave up waiting until {what}"
        time.sleep(0.02)


@dataclass
class Process:
    """One that the nursery forked: not our child, so it is watched by its descriptor."""

    pid: int
    fd: int

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended."""
        return bool(select.select([self.fd], [], [], timeout_s)[0])


@dataclass
class Peaks:
    """The most that the collector was seen to use (I8)."""

    rss_bytes: int = 0
    descriptors: int = 0
    threads: int = 0
    spool_bytes: int = 0

    def look(self, pid: int, spool: Path) -> None:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        self.rss_bytes = max(self.rss_bytes, int(status["VmHWM"].split()[0]) * 1024)
        self.threads = max(self.threads, int(status["Threads"]))
        self.descriptors = max(self.descriptors, len(list(Path(f"/proc/{pid}/fd").iterdir())))
        self.spool_bytes = max(self.spool_bytes, sum(p.stat().st_size for p in spool.rglob("*") if p.is_file()))


@dataclass
class Damage:
    """What was done to files on purpose, in one seed."""

    excused: set[int] = field(default_factory=set)
    """Requests whose bytes were destroyed: they may be missing."""
    kept: list[bytes] = field(default_factory=list)
    """Bytes that must turn up in quarantine."""


class World:
    """The processes, by role, and what surrounds them."""

    def __init__(self, data_dir: Path, ports: Callable[[], int]) -> None:
        self.data_dir = data_dir
        self.spool = data_dir / "spool"
        self.store_port, self.http_port, self.grpc_port = ports(), ports(), ports()
        self.to_store = ChaosProxy(self.store_port, ports(), piece_bytes=65536, pause_s=0.2)
        self.to_http = ChaosProxy(self.http_port, ports(), piece_bytes=32, pause_s=0.03)
        self.to_grpc = ChaosProxy(self.grpc_port, ports(), piece_bytes=32, pause_s=0.03)
        self.drawn: Counter[str] = Counter()
        self.peaks = Peaks()
        self.damage = Damage()
        self.load: Load
        self._processes: dict[str, Process] = {}

    @contextmanager
    def running(self) -> Iterator["World"]:
        script = Path(__file__).with_name("chaos_nursery.py")
        argv = [sys.executable, "-W", "ignore", str(script), str(self.data_dir)]
        with self.to_store, self.to_http, self.to_grpc:
            with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as nursery:
                self._nursery = nursery
                try:
                    self.start("store")
                    wait_until((self.data_dir / "is-ready").exists, "the store starts")
                    self.start("collector")
                    yield self
                finally:
                    for role in list(self._processes):
                        self.end(role, signal.SIGKILL)
                    assert nursery.stdin is not None
                    nursery.stdin.close()

    def start(self, role: str) -> None:
        ports = [self.store_port] if role == "store" else [self.to_store.port, self.http_port, self.grpc_port]
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps([role, *ports]) + "\n")
        pid = int(self._nursery.stdout.readline())
        self._processes[role] = Process(pid, os.pidfd_open(pid))

    def end(self, role: str, how: signal.Signals) -> None:
        process = self._processes[role]
        assert not process.wait(0), f"the {role} died by itself, see {role}.log in {self.data_dir}"
        signal.pidfd_send_signal(process.fd, how)
        self.reap(role)

    def reap(self, role: str) -> None:
        """Wait for the end of one that was told to end."""
        process = self._processes.pop(role)
        assert process.wait(GIVE_UP_S), f"the {role} does not end"
        os.close(process.fd)

    def arm(self, point: str) -> None:
        """Have the collector kill itself at a step; it must listen already, for its handlers are in place then."""
        (self.data_dir / "die-at").write_text(point)
        signal.pidfd_send_signal(self._processes["collector"].fd, signal.SIGUSR1)

    def collector_answers(self) -> None:
        """Wait until the collector acknowledges."""
        before = len(self.load.log.acknowledged)
        wait_until(lambda: len(self.load.log.acknowledged) > before, "the collector acknowledges")

    def spool_has_room(self) -> None:
        """Wait until it has drained to half: a full one rightly acknowledges nothing as long as the store is away."""

        def waiting_bytes() -> int:
            sizes = 0
            for path in self.segments():
                with suppress(FileNotFoundError):
                    sizes += path.stat().st_size
            return sizes

        wait_until(lambda: waiting_bytes() < ROOM_BYTES, "the spool has room")

    def look(self) -> None:
        self.peaks.look(self._processes["collector"].pid, self.spool)

    def limit_file_size(self, size: int) -> None:
        pid = self._processes["collector"].pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def segments(self) -> list[Path]:
        return sorted((self.spool / "traces").glob("*.segment"))

    def records(self, segment: Path) -> list[tuple[int, Record]]:
        """Offset and record, for those that are whole."""
        found, position = [], len(b"WGSPOOL1")
        for piece in scan(segment.read_bytes()):
            if isinstance(piece, Record):
                found.append((position, piece))
                position += piece.size
            else:
                position += len(piece.data)
        return found

    def store(self) -> Store:
        give_up = time.monotonic() + GIVE_UP_S
        while True:
            try:
                return connect(StoreConfig(port=self.store_port), self.data_dir)
            except StoreError:
                assert time.monotonic() < give_up, "the store does not come back"
                time.sleep(0.05)
