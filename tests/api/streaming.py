"""Sockets of the stream to test with, and a server of them in the test's own event loop."""

import asyncio
import base64
import contextlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from msray.api.server import _Server, listen
from msray.store.ledger_records import Batch
from msray.telemetry.families import Family
from tests.api.service import Books, Service
from tests.store.examples import some_signals
from tests.waiting import until

PATH = "/api/v1/stream"


class Streaming:
    """Opens sockets of a server on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def open(self, query: str = "", **words: Any) -> connect:
        return connect(f"ws://localhost:{self.port}{PATH}{query}", **words)

    async def refused(self, query: str = "", **words: Any) -> tuple[int, dict[str, Any]]:
        """Status and document of a socket that must not open."""
        try:
            async with self.open(query, **words):
                raise AssertionError("the socket was opened")
        except InvalidStatus as error:
            return error.response.status_code, json.loads(error.response.body or b"{}")

    async def status(self, query: str = "", **words: Any) -> int:
        """Of the handshake."""
        try:
            async with self.open(query, **words):
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    async def ask(self, data: bytes, *, is_open: bool = False) -> bytes:
        """Everything that comes back for these bytes, on a connection that has shaken hands or on a new one."""
        reader, writer = await (self.raw() if is_open else asyncio.open_connection("127.0.0.1", self.port))
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), 15)
        writer.close()
        return answer

    async def raw(self, query: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that has shaken hands, and answers nothing by itself."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {PATH}{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        return reader, writer


class Server(Streaming):
    """A server in this process, and what is behind it."""

    def __init__(self, service: Service, port: int, server: _Server) -> None:
        super().__init__(port)
        self.service = service
        self._server = server

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    async def store(self, count: int, first: int = 0, **changes: Any) -> None:
        await self.service.store.store(Batch(signals=tuple(some_signals(count, first, **changes))))

    def figure(self, family: Family, *labels: str) -> float:
        return self.service.figures.sample()[family.name][labels][0]

    async def until(self, family: Family, value: float, *labels: str) -> None:
        """Wait for a figure."""
        await until(lambda: self.figure(family, *labels) == value)


@contextlib.asynccontextmanager
async def streaming(folder: Path, books: Books | None = None, **words: Any) -> AsyncIterator[Server]:
    """Serve until the block is left."""
    service = Service(folder, books=books, **words)
    started = asyncio.Event()
    with contextlib.closing(service), contextlib.closing(listen("127.0.0.1", 0)) as listener:
        server = _Server(service.app, started.set)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.wait_for(started.wait(), 5)
            yield Server(service, listener.getsockname()[1], server)
        finally:
            server.should_exit = True
            await serving


async def receive(link: ClientConnection, count: int) -> list[dict[str, Any]]:
    """The next frames."""
    return [json.loads(await asyncio.wait_for(link.recv(), 5)) for _ in range(count)]


async def ending(link: ClientConnection) -> tuple[int | None, list[dict[str, Any]]]:
    """How a socket is closed, and what comes before that."""
    frames = []
    try:
        while True:
            frames.append(json.loads(await asyncio.wait_for(link.recv(), 10)))
    except ConnectionClosed:
        return link.close_code, frames


def seqs(frames: Sequence[dict[str, Any]]) -> list[int]:
    return [frame["seq"] for frame in frames if frame["type"] == "signal"]
