"""Statements on the engine: what runs on the pool's threads. Nothing here knows HTTP beyond its parameters."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from watchglass_store.server import editing
from watchglass_store.server import statement as statements
from watchglass_store.server.engine import Engine
from watchglass_store.server.exchange import Exchange
from watchglass_store.server.guard import Guard, check_format
from watchglass_store.server.problems import Problem, readonly

FIRST_PIECE_BYTES = 256 << 10
"""Answers up to this size are sent whole; larger ones are streamed as the engine makes them."""
STREAMED_FORMATS = frozenset(
    {"Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "JSONEachRow", "RowBinary"}
)
"""Formats whose pieces, put together, are the whole."""
STREAMED_VERBS = frozenset({"SELECT", "WITH"})
DEFAULT_FORMAT = "TabSeparated"


class Answer:
    """A result, perhaps only its beginning. Must be closed."""

    def __init__(self, engine: Engine, guard: Guard, exchange: Exchange, text: str) -> None:
        """Start a statement and wait for the first piece of its answer.

        Raises:
            Problem: The statement is refused before the engine sees it.
            RuntimeError: The engine refused it.
        """
        self.head = b""
        self.summary: dict[str, str] = {}
        self._rest: Iterator[Any] | None = None
        with ExitStack() as stack:
            statement = statements.read(text)
            self.format = statement.format or exchange.values.get("default_format", DEFAULT_FORMAT)
            streams = (
                self.format in STREAMED_FORMATS
                and statement.verb in STREAMED_VERBS
                and exchange.values.get("wait_end_of_query") != "1"
            )
            handle = stack.enter_context(engine.handle(exchange.scope(engine.database), streams=streams))
            if exchange.user.readonly:
                check_format(self.format)
                text = guard.check(handle, text)
            if streams:
                self._stream(stack, handle, text, exchange)
            else:
                self._run(handle, text, exchange)
            self._stack = stack.pop_all()

    @property
    def is_whole(self) -> bool:
        """Whether `head` is everything."""
        return self._rest is None

    def next_piece(self) -> bytes | None:
        """Return the next piece, None behind the last one.

        Raises:
            RuntimeError: The engine failed in mid-stream.
        """
        piece = next(self._rest, None) if self._rest is not None else None
        return None if piece is None else bytes(piece.bytes())

    def close(self) -> None:
        """Give the handle back, ending the statement if it still runs."""
        self._stack.close()

    def _run(self, handle: Any, text: str, exchange: Exchange) -> None:
        result = handle.query(text, self.format, exchange.bound)
        self.head = result.bytes() or b""
        self.summary = {
            "read_rows": str(result.storage_rows_read()),  # what it read from tables; rows_read() is what it answers
            "read_bytes": str(result.storage_bytes_read()),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }

    def _stream(self, stack: ExitStack, handle: Any, text: str, exchange: Exchange) -> None:
        pieces = handle.send_query(text, self.format, exchange.bound)
        stack.callback(pieces.cancel)
        self._rest = iter(pieces)
        while len(self.head) < FIRST_PIECE_BYTES:
            piece = self.next_piece()
            if piece is None:
                self._rest = None
                return
            self.head += piece


class Insert:
    """`INSERT INTO … FORMAT X` whose data come in pieces of any size. Must be closed.

    The data wait in a file without a name, which the engine then reads as a whole. chDB's own streaming insert (4.4)
    reports success when writing fails, be it a full disk, a constraint or a view; and its plain query eats a leading
    line feed of inline data, which is how a protobuf message may begin.
    """

    def __init__(self, engine: Engine, exchange: Exchange, head: statements.InsertHead) -> None:
        """Begin the insert.

        Raises:
            Problem: The user may not write.
            OSError: There is no place for the data.
        """
        self._edits = exchange.user.edits
        if exchange.user.readonly and not self._edits:
            raise readonly("Cannot execute query in readonly mode. For queries over HTTP, use the default user.")
        if self._edits:
            head = editing.checked(head)
        scope = exchange.editing_scope if self._edits else exchange.scope
        with ExitStack() as stack:
            self._handle = stack.enter_context(engine.handle(scope(engine.database)))
            self._file = stack.enter_context(tempfile.TemporaryFile(dir=engine.directory))
            self._head = head
            self._written = 0
            self._stack = stack.pop_all()

    def append(self, data: bytes) -> None:
        """Keep some data.

        Raises:
            Problem: The disk is full, or an editor sends too much.
        """
        self._written += len(data)
        if self._edits:
            editing.check_size(self._written)
        try:
            self._file.write(data)
        except OSError as error:
            raise Problem(243, "NOT_ENOUGH_SPACE", f"Cannot keep the data of an insert: {error.strerror}") from error

    def finish(self, data: bytes) -> dict[str, str]:
        """Insert everything and return the summary; RuntimeError where the engine cannot."""
        self.append(data)
        self._file.flush()
        self._file.seek(0)
        source = f"FROM INFILE '/dev/fd/{self._file.fileno()}' COMPRESSION 'none'"
        result = self._handle.query(
            f"{self._head.target} {source} {self._head.settings} FORMAT {self._head.format}", DEFAULT_FORMAT
        )
        return {
            "written_rows": str(result.rows_read()),
            "written_bytes": str(result.bytes_read()),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }

    def close(self) -> None:
        """Give the handle back; what was not finished is dropped."""
        self._stack.close()
