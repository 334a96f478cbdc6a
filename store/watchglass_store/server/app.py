"""The ClickHouse HTTP interface over the engine, as an ASGI application.

`POST /` or `GET /` with the statement in the body or in `query`; `GET /ping`. Done as ClickHouse's own HTTP interface
does it, so that any of its clients works.
"""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from watchglass_store.server import statement as statements
from watchglass_store.server.compression import choose, encoder
from watchglass_store.server.engine import Engine
from watchglass_store.server.exchange import Exchange, Users, receive
from watchglass_store.server.execution import Answer, Insert
from watchglass_store.server.guard import MAX_CHARACTERS, Guard
from watchglass_store.server.lanes import Lane
from watchglass_store.server.problems import Problem, syntax_error
from watchglass_store.server.streaming import AnswerStream

log = logging.getLogger("watchglass.store")

DISPLAY_NAME = "watchglass"
HEAD_BYTES = 64 << 10
"""An INSERT names its format within this many bytes, or it is taken for a statement without data."""
MAX_STATEMENT_BYTES = 16 << 20
INSERT_PIECE_BYTES = 1 << 20
CLIENT_CLOSED_REQUEST = 499


class Endpoint:
    """Answers requests. Statements run on the lanes' threads; the event loop only moves bytes."""

    def __init__(self, engine: Engine, users: Users, guard: Guard, lanes: Mapping[str, Lane]) -> None:
        """Serve an engine to its users, each of them in a lane of its own."""
        self._engine = engine
        self._users = users
        self._guard = guard
        self._lanes = lanes

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
            with ExitStack() as until_answered:
                until_answered.enter_context(self._lanes[exchange.user.name].admitted())
                return await self._execute(exchange, until_answered)
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except Problem as problem:
            return self._refusal(problem, query_id)
        except RuntimeError as error:
            return self._refusal(Problem.from_engine(error), query_id)
        except Exception as error:  # a fault of ours must still look like ClickHouse's
            log.exception("request failed")
            return self._refusal(Problem(1001, "STD_EXCEPTION", f"Internal error ({type(error).__name__})"), query_id)

    async def _execute(self, exchange: Exchange, until_answered: ExitStack) -> Response:
        """Tell an INSERT with data, which is streamed in, from any other statement, which is read as a whole."""
        body = exchange.body()
        limit = MAX_CHARACTERS if exchange.user.readonly else MAX_STATEMENT_BYTES
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
            if len(read) > limit:
                break
        if len(read) > limit:  # also where all of it came in the pieces above
            raise Problem(307, "QUERY_IS_TOO_LARGE", f"The statement is longer than {limit} bytes")
        try:
            text = read.decode()
        except UnicodeDecodeError:
            raise syntax_error("The statement is not UTF-8") from None
        return await self._query(exchange, text, until_answered)

    async def _insert(
        self, exchange: Exchange, head: statements.InsertHead, read: bytes, body: AsyncIterator[bytes]
    ) -> Response:
        lane = self._lanes[exchange.user.name]
        insert = await lane.run(Insert, self._engine, exchange, head)
        try:
            waiting = bytearray(read[head.byte_length :])
            async for piece in body:
                waiting += piece
                if len(waiting) >= INSERT_PIECE_BYTES:
                    await lane.run(insert.append, bytes(waiting))
                    waiting.clear()
            summary = await lane.run(insert.finish, bytes(waiting))
        finally:
            await lane.run(insert.close)
        return Response(b"", headers=self._headers(exchange.query_id, summary))

    async def _query(self, exchange: Exchange, text: str, until_answered: ExitStack) -> Response:
        lane = self._lanes[exchange.user.name]
        answer = await lane.run(Answer, self._engine, self._guard, exchange, text)
        headers = self._headers(exchange.query_id, answer.summary) | {"X-ClickHouse-Format": answer.format}
        coding = choose(exchange.accept_encoding) if exchange.values.get("enable_http_compression") == "1" else ""
        if not answer.is_whole:
            return AnswerStream(answer, lane, coding, headers, until_answered.pop_all())
        await lane.run(answer.close)
        content = answer.head
        if content and coding:
            squeeze = encoder(coding)
            content = squeeze.compress(content) + squeeze.flush()
            headers["Content-Encoding"] = coding
        return Response(content, headers=headers, media_type="application/octet-stream")

    def _headers(self, query_id: str, summary: Mapping[str, str] | None = None) -> dict[str, str]:
        headers = {
            "X-ClickHouse-Query-Id": ascii(query_id[:128])[1:-1],
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
        }
        return headers | {"X-ClickHouse-Summary": json.dumps(summary)} if summary else headers

    def _refusal(self, problem: Problem, query_id: str) -> Response:
        headers = self._headers(query_id) | {"X-ClickHouse-Exception-Code": str(problem.code)}
        text = f"{problem.text} (version {self._engine.version})\n"
        return PlainTextResponse(text, status_code=problem.status, headers=headers)
