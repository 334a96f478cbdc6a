"""The ClickHouse HTTP interface over the engine, as an ASGI application.

`POST /` or `GET /` with the statement in the body or in `query`; `GET /ping`. Done as ClickHouse's own HTTP interface
does it, so that any of its clients works.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from watchglass_store.server import statement as statements
from watchglass_store.server.compression import choose, encoder
from watchglass_store.server.engine import Engine
from watchglass_store.server.exchange import Exchange, Users, receive
from watchglass_store.server.execution import Answer, Insert
from watchglass_store.server.guard import Guard
from watchglass_store.server.problems import Problem, syntax_error

T = TypeVar("T")
log = logging.getLogger("watchglass.store")

DISPLAY_NAME = "watchglass"
HEAD_BYTES = 64 << 10
"""An INSERT names its format within this many bytes, or it is taken for a statement without data."""
MAX_STATEMENT_BYTES = 64 << 20
INSERT_PIECE_BYTES = 1 << 20


class Endpoint:
    """Answers requests. Statements run on a pool of threads; the event loop only moves bytes."""

    def __init__(self, engine: Engine, users: Users, guard: Guard, pool: ThreadPoolExecutor) -> None:
        """Serve an engine to its users."""
        self._engine = engine
        self._users = users
        self._guard = guard
        self._pool = pool

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(routes=[Route("/ping", self.ping), Route("/", self.root, methods=["GET", "POST"])])

    async def ping(self, _: Request) -> Response:
        """Say that somebody is here, to anybody who asks."""
        return PlainTextResponse("Ok.\n")

    async def root(self, request: Request) -> Response:
        """Run one statement."""
        query_id = ""
        try:
            exchange = await receive(request, self._users)
            query_id = exchange.query_id
            if request.method == "GET" and "query" not in exchange.values:
                return PlainTextResponse("Ok.\n")
            return await self._execute(exchange)
        except ClientDisconnect:
            return Response(status_code=499)
        except Problem as problem:
            return self._refusal(problem, query_id)
        except RuntimeError as error:
            return self._refusal(Problem.from_engine(error), query_id)
        except Exception as error:  # a fault of ours must still look like ClickHouse's
            log.exception("request failed")
            return self._refusal(Problem(1001, "STD_EXCEPTION", f"Internal error ({type(error).__name__})"), query_id)

    async def _execute(self, exchange: Exchange) -> Response:
        """Tell an INSERT with data, which is streamed in, from any other statement, which is read as a whole."""
        body = exchange.body()
        read = exchange.values.get("query", "").encode()
        insert = statements.insert_head(exchange.values.get("query", ""))
        if insert is None:
            read += b"\n" if read else b""
            async for piece in body:
                read += piece
                if len(read) >= HEAD_BYTES:
                    break
            insert = statements.insert_head(read.decode("utf-8", "surrogateescape"))
        if insert is not None:
            return await self._insert(exchange, insert, read, body)
        async for piece in body:
            read += piece
            if len(read) > MAX_STATEMENT_BYTES:
                raise Problem(307, "QUERY_IS_TOO_LARGE", f"The statement is longer than {MAX_STATEMENT_BYTES} bytes")
        try:
            return await self._query(exchange, read.decode())
        except UnicodeDecodeError:
            raise syntax_error("The statement is not UTF-8") from None

    async def _insert(
        self, exchange: Exchange, head: statements.InsertHead, read: bytes, body: AsyncIterator[bytes]
    ) -> Response:
        insert = await self._on_pool(lambda: Insert(self._engine, exchange, head))
        try:
            waiting = bytearray(read[head.byte_length :])
            async for piece in body:
                waiting += piece
                if len(waiting) >= INSERT_PIECE_BYTES:
                    ready, waiting = bytes(waiting), bytearray()
                    await self._on_pool(lambda ready=ready: insert.append(ready))  # type: ignore[misc]

            def finish() -> dict[str, str]:
                if waiting:
                    insert.append(bytes(waiting))
                return insert.finish()

            summary = await self._on_pool(finish)
        finally:
            await asyncio.shield(self._on_pool(insert.close))
        return Response(b"", headers=self._headers(exchange, summary))

    async def _query(self, exchange: Exchange, text: str) -> Response:
        answer = await self._on_pool(lambda: Answer(self._engine, self._guard, exchange, text))
        headers = self._headers(exchange, answer.summary) | {"X-ClickHouse-Format": answer.format}
        coding = choose(exchange.accept_encoding) if exchange.values.get("enable_http_compression") == "1" else ""
        if coding:
            headers["Content-Encoding"] = coding
        if answer.is_whole:
            await self._on_pool(answer.close)
            squeeze = encoder(coding)
            content = squeeze.compress(answer.head) + squeeze.flush() if answer.head else b""
            if not content:
                headers.pop("Content-Encoding", None)
            return Response(content, headers=headers, media_type="application/octet-stream")
        tag = secrets.token_hex(8)
        headers["X-ClickHouse-Exception-Tag"] = tag
        return StreamingResponse(
            self._pieces(answer, coding, tag), headers=headers, media_type="application/octet-stream"
        )

    async def _pieces(self, answer: Answer, coding: str, tag: str) -> AsyncIterator[bytes]:
        squeeze = encoder(coding)

        def next_piece() -> bytes | None:
            piece = answer.next_piece()
            return None if piece is None else squeeze.compress(piece)

        try:
            yield await self._on_pool(lambda: squeeze.compress(answer.head))
            while (piece := await self._on_pool(next_piece)) is not None:
                yield piece
        except RuntimeError as error:
            yield squeeze.compress(_trailer(Problem.from_engine(error), tag))
        finally:
            await asyncio.shield(self._on_pool(answer.close))
        yield squeeze.flush()

    def _on_pool(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _headers(self, exchange: Exchange, summary: dict[str, str]) -> dict[str, str]:
        headers = self._common_headers(exchange.query_id)
        if summary:
            headers["X-ClickHouse-Summary"] = json.dumps(summary)
        return headers

    def _common_headers(self, query_id: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Query-Id": ascii(query_id[:128])[1:-1],
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
        }

    def _refusal(self, problem: Problem, query_id: str) -> Response:
        headers = self._common_headers(query_id) | {"X-ClickHouse-Exception-Code": str(problem.code)}
        text = f"{problem.text} (version {self._engine.version})\n"
        return PlainTextResponse(text, status_code=problem.status, headers=headers)


def _trailer(problem: Problem, tag: str) -> bytes:
    """An error in mid-stream, as ClickHouse 25.11 and later append it behind what was already sent."""
    message = problem.text.encode() + b"\n"
    mark = b"\r\n__exception__\r\n"
    return mark + tag.encode() + b"\r\n" + message + f"{len(message)} {tag}".encode() + mark
