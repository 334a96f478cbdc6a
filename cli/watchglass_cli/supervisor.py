"""Runs the parts as processes: starts them in order, restarts one that dies, stops them in reverse order."""

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

log = logging.getLogger("watchglass.up")

BACKOFF_S = (0.5, 1, 2, 4, 8, 15, 30)
STABLE_S = 60.0
"""A part that ran this long before it died starts again with the shortest wait."""
STOP_S = 15.0
"""A part that has not ended this long after SIGTERM is killed."""
SUPERVISED = "WATCHGLASS_SUPERVISED"


class PartFailed(Exception):
    """A part ended before it was ready. The message names it and its exit status."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the product."""

    name: str
    """As in `watchglass up --only NAME`."""
    argv: Sequence[str]
    ready_ports: Sequence[tuple[str, int]] = ()
    """The part is ready when all of these accept a connection."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to this process's environment."""
    ready_s: float = 60.0


class Clock(Protocol):
    """Monotonic seconds."""

    def __call__(self) -> float:
        """Now."""


class Supervisor:
    """Keeps the given parts running until told to stop. Start order is the list's, stop order its reverse."""

    def __init__(self, parts: Sequence[Part], clock: Clock = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self.restarts = 0
        """How many times a part was started again."""

    def start(self) -> None:
        """Start every part and wait until each listens.

        Raises:
            PartFailed: a part ended, or did not listen in time; the others are stopped.
        """
        try:
            for part in self._parts:
                self._spawn(part)
                self._wait_ready(part)
        except BaseException:
            self.stop()
            raise

    def watch(self, stop: threading.Event, poll_s: float = 0.2) -> None:
        """Restart what dies until `stop` is set."""
        while not stop.wait(poll_s):
            self.check()

    def check(self) -> None:
        """Look once: note what died, start again what is due."""
        now = self._clock()
        for part in self._parts:
            process = self._running.get(part.name)
            if process is not None and process.poll() is not None:
                del self._running[part.name]
                wait_s = self._back_off(part.name, now)
                log.warning("%s ended with status %s; starting again in %s s", part.name, process.returncode, wait_s)
                self._due[part.name] = now + wait_s
            elif process is None and self._due.get(part.name, now) <= now:
                self._spawn(part)
                self.restarts += 1

    def stop(self) -> None:
        """End the parts one by one, last started first; one that does not end within STOP_S is killed."""
        for part in reversed(self._parts):
            process = self._running.pop(part.name, None)
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                log.warning("%s did not stop within %s s: killed", part.name, STOP_S)
                process.kill()
                process.wait()

    def pid(self, name: str) -> int | None:
        """The process id of a part, None while it is down."""
        process = self._running.get(name)
        return process.pid if process else None

    def _spawn(self, part: Part) -> None:
        environment = {**os.environ, **part.environment, SUPERVISED: "1"}
        # Its own process group: Ctrl-C in the terminal reaches only the supervisor, which stops the parts in order.
        # What parts print is for people; standard output belongs to the command, which may print JSON.
        self._running[part.name] = subprocess.Popen(
            part.argv, env=environment, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True
        )
        self._started_at[part.name] = self._clock()

    def _wait_ready(self, part: Part) -> None:
        deadline = self._clock() + part.ready_s
        for address in part.ready_ports:
            while not listening(address):
                status = self._running[part.name].poll()
                if status is not None:
                    raise PartFailed(
                        f"{part.name} ended with status {status} before it was ready; its message is above"
                    )
                if self._clock() > deadline:
                    raise PartFailed(
                        f"{part.name} did not listen on {address[0]}:{address[1]} within {part.ready_s:g} s"
                    )
                time.sleep(0.05)

    def _back_off(self, name: str, now: float) -> float:
        stable = now - self._started_at[name] >= STABLE_S
        self._failures[name] = 0 if stable else self._failures.get(name, -1) + 1
        return BACKOFF_S[min(self._failures[name], len(BACKOFF_S) - 1)]


def listening(address: tuple[str, int]) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection(address, timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(ports: Mapping[str, tuple[str, int]]) -> str | None:
    """None when every port can be bound, else a message that names the setting, the port and the fix."""
    for setting, (host, port) in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                return (
                    f"{setting} = {port}: cannot listen on {host}:{port} ({error.strerror}); "
                    f"stop what uses it or choose another port"
                )
    return None


def die_with_parent() -> None:
    """On Linux, end a supervised process when its supervisor dies, even by kill -9: an orphan would hold the data."""
    if os.environ.get(SUPERVISED) != "1" or sys.platform != "linux":
        return
    parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)
    if os.getppid() == 1:
        sys.exit(1)
