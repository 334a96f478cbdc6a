"""The one owner of a chDB path: opens it and serves it on loopback."""

import contextlib
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.applications import Starlette

from watchglass_store.address import DATABASE
from watchglass_store.config import StoreConfig
from watchglass_store.errors import StoreError
from watchglass_store.server.app import Endpoint
from watchglass_store.server.credentials import ADMINISTRATOR, EDITOR, READONLY, ensure_credentials
from watchglass_store.server.engine import Engine, Scope
from watchglass_store.server.exchange import User, Users
from watchglass_store.server.guard import Guard
from watchglass_store.server.lanes import Lane
from watchglass_store.server.local import LocalEngine, owned

WRITER_THREADS = 16
MAX_WRITER_REQUESTS = 256
READER_THREADS = 8
EDITOR_THREADS = 2
MAX_READER_REQUESTS = 64
MAX_EDITOR_REQUESTS = 32
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10
BACKLOG = 512


class EmbeddedServer:
    """chDB behind the ClickHouse HTTP interface, in threads of this process.

    One process at a time may own a data directory, and one process may own one directory. `start` returns when
    queries are answered; `stop` lets running ones end, and both may be called twice.

    Raises (from `start`):
        StoreError: The directory has an owner already, or the port is taken.
    """

    def __init__(self, config: StoreConfig, data_dir: Path) -> None:
        """Prepare to serve `data_dir/store` where the settings say."""
        self.config = config
        self.data_dir = data_dir
        self._stack: contextlib.ExitStack | None = None

    @property
    def url(self) -> str:
        """Where it listens, without user and password."""
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"http://{host}:{self.config.port}"

    def start(self) -> None:
        """Open the engine and listen."""
        if self._stack is not None:
            return
        with contextlib.ExitStack() as stack:
            directory = self.data_dir / "store"
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(_ownership(directory))
            listener = stack.enter_context(_listen(self.config))
            _serve(stack, listener, _application(stack, directory / "chdb", self.data_dir, self.config.port))
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Stop listening, let running statements end, close the engine."""
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.close()

    def __enter__(self) -> "EmbeddedServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


@contextlib.contextmanager
def _ownership(directory: Path) -> Iterator[None]:
    """Hold the directory for this process; the system lets go of it when the process dies, however it dies."""
    with (directory / "owner.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read(32).strip() or "another process"
            raise StoreError(
                f"{directory} is open in process {owner}: one process at a time may own it; the others connect to it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _listen(config: StoreConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise StoreError(
            f"store.host={config.host!r}, store.port={config.port}: cannot listen there ({error.strerror}); "
            "choose another port, for example WATCHGLASS_STORE__PORT=8124"
        ) from None


def _application(stack: contextlib.ExitStack, path: Path, data_dir: Path, port: int) -> Starlette:
    """Open the engine and build the application on it; the stack closes what was opened."""
    credentials = ensure_credentials(data_dir)
    engine = Engine(path, DATABASE)
    stack.callback(engine.close)
    with engine.handle(Scope(user=ADMINISTRATOR, database="", settings={}, frozen_settings={})) as handle:
        guard = Guard(handle)
    users = Users(
        [
            User(ADMINISTRATOR, credentials.administrator, readonly=False),
            User(READONLY, credentials.readonly, readonly=True),
            User(EDITOR, credentials.editor, readonly=True, edits=True),
        ]
    )
    # Closed before the engine is, as all that use it are.
    stack.enter_context(owned(data_dir, port, LocalEngine(engine, ADMINISTRATOR)))
    lanes = {
        ADMINISTRATOR: Lane("watchglass-store", threads=WRITER_THREADS, requests=MAX_WRITER_REQUESTS),
        READONLY: Lane("watchglass-store-readonly", threads=READER_THREADS, requests=MAX_READER_REQUESTS),
        EDITOR: Lane("watchglass-store-editor", threads=EDITOR_THREADS, requests=MAX_EDITOR_REQUESTS),
    }
    for lane in lanes.values():
        stack.callback(lane.close)
    return Endpoint(engine, users, guard, lanes).application()


def _serve(stack: contextlib.ExitStack, listener: socket.socket, application: Starlette) -> None:
    """Run the application in a thread until the stack is closed."""
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), name="watchglass-store-http", daemon=True)

    def stop() -> None:
        server.should_exit = True
        thread.join()

    thread.start()
    stack.callback(stop)
    give_up = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > give_up:
            raise StoreError("the store's HTTP endpoint did not start")
        time.sleep(0.005)
