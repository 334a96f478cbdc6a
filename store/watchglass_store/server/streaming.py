"""Long answers, sent as the engine makes them."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from watchglass_store.server.compression import encoder
from watchglass_store.server.execution import Answer
from watchglass_store.server.lanes import Lane
from watchglass_store.server.problems import Problem


class AnswerStream(StreamingResponse):
    """A response that owns its statement: however it ends, the statement ends with it."""

    def __init__(
        self, answer: Answer, lane: Lane, coding: str, headers: Mapping[str, str], until_answered: ExitStack
    ) -> None:
        """Send an answer.

        Args:
            answer: Its head is sent first.
            lane: Where the rest is drawn.
            coding: One of CODINGS, or '' to send it plain.
            headers: What is known about it.
            until_answered: Closed behind the last piece.
        """
        self._answer = answer
        self._lane = lane
        self._encoder = encoder(coding)
        self._until_answered = until_answered
        self._tag = secrets.token_hex(8)
        headers = dict(headers) | {"X-ClickHouse-Exception-Tag": self._tag}
        if coding:
            headers["Content-Encoding"] = coding
        super().__init__(self._pieces(), headers=headers, media_type="application/octet-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything, or as much as the client takes."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True), self._until_answered:
                await self._lane.run(self._answer.close)

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            yield await self._lane.run(self._encoder.compress, self._answer.head)
            while (piece := await self._lane.run(self._next_piece)) is not None:
                yield piece
        except RuntimeError as error:
            yield self._encoder.compress(_trailer(Problem.from_engine(error), self._tag))
        yield self._encoder.flush()

    def _next_piece(self) -> bytes | None:
        piece = self._answer.next_piece()
        return None if piece is None else self._encoder.compress(piece)


def _trailer(problem: Problem, tag: str) -> bytes:
    """An error in mid-stream, as ClickHouse 25.11 and later append it behind what was already sent."""
    message = problem.text.encode() + b"\n"
    mark = b"\r\n__exception__\r\n"
    return mark + tag.encode() + b"\r\n" + message + f"{len(message)} {tag}".encode() + mark
