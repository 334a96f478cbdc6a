"""A bad network: forwards TCP to a port, worse than it could."""

import asyncio
import random
import threading
from collections import Counter
from contextlib import suppress

MODES = ("pass", "down", "slow", "swallow", "hang", "reset", "refuse")
"""As is; closes at once; a piece at a time; answers get lost; answers never come; cut at a random byte; HTTP 500."""
REFUSAL = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class ChaosProxy:
    """`mode` may be changed at any time; `hits` counts by mode what was done to the traffic.

    Args:
        upstream_port: where to.
        port: where it listens.
        piece_bytes: what goes through at once in mode slow.
        pause_s: before each such piece.
    """

    def __init__(self, upstream_port: int, port: int, *, piece_bytes: int, pause_s: float) -> None:
        self.mode = "pass"
        self.port = port
        self.numbers = random.Random(0)
        self.hits: Counter[str] = Counter()
        self.seen_request = threading.Event()
        self._upstream_port = upstream_port
        self._piece_bytes, self._pause_s = piece_bytes, pause_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "ChaosProxy":
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if self.mode == "down":
                self.hits["down"] += 1
            elif self.mode == "refuse":
                await reader.read(1024)
                self._refuse(writer)
                await writer.drain()
            else:
                await self._forward(reader, writer)
        writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        ways = (self._pump(reader, upstream_writer, writer), self._pump(upstream_reader, writer, None))
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            upstream_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter | None
    ) -> None:
        """One direction; `back` is where answers go, None on the way of the answers themselves."""
        while data := await reader.read(65536):
            mode, is_answer = self.mode, back is None
            if mode == "down" or (mode == "swallow" and is_answer):
                self.hits[mode] += 1
                return
            if mode == "hang" and is_answer:
                self.hits[mode] += 1
                while self.mode == "hang":
                    await asyncio.sleep(0.02)
                return
            if mode == "refuse" and back is not None:
                self._refuse(back)
                return
            if mode == "reset" and self.numbers.random() < 0.3:
                self.hits[mode] += 1
                writer.write(data[: self.numbers.randrange(len(data))])
                return
            await self._write(writer, data, mode)
            if back is not None:
                self.seen_request.set()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes, mode: str) -> None:
        size = self._piece_bytes if mode == "slow" else len(data)
        for start in range(0, len(data), size):
            if mode == self.mode == "slow":
                self.hits[mode] += 1
                await asyncio.sleep(self._pause_s)
            writer.write(data[start : start + size])
        await writer.drain()

    def _refuse(self, writer: asyncio.StreamWriter) -> None:
        self.hits["refuse"] += 1
        writer.write(REFUSAL)
