"""Sockets that do as they are told, and one connection among them on a clock moved by hand."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from msray.feeds import connection as connection_file
from msray.feeds import gather
from msray.feeds.connection import Connection, ConnectionPlan
from msray.feeds.outlet import Outlet
from msray.feeds.reconnect import ConnectLimit
from msray.feeds.websocket import Refused, Take
from msray.prediction import Arrived, Disconnected
from tests.feeds.clocks import ManualClock, settle
from tests.feeds.made import frame_rows
from tests.instruments import ETH, USDM

PLAN = ConnectionPlan(url="ws://venue", venue="binance_usdm", instruments=(USDM.id, ETH.id))


class FakeSocket:
    """Open until told otherwise."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.is_paused = False
        self.is_closed = False

    def send(self, *payloads: bytes) -> None:
        assert not self.is_closed
        for payload in payloads:
            self._take(payload)

    def end(self, reason: str = "closed with 1006") -> None:
        self.ended.set_result(reason)

    async def close(self) -> None:
        self.is_closed = True
        await asyncio.sleep(0)
        if not self.ended.done():
            self.ended.set_result("closed by us")

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False


class World:
    """A venue of fake sockets, and one connection to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, gather_s: float = 0.0, **options: float) -> None:
        self.clock = ManualClock()
        self.sockets: list[FakeSocket] = []
        self.dials: list[float] = []
        self.refusals: list[Refused] = []
        self.outlet = Outlet(PLAN.instruments, self.clock)
        self.begin_ns = self.clock.monotonic_ns()
        monkeypatch.setattr(connection_file, "dial", self._dial)
        monkeypatch.setattr(gather, "GATHER_S", gather_s)
        rng = random.Random(5)
        gatherer = gather.Gatherer(PLAN.venue, self.outlet)
        self.connection = Connection(PLAN, gatherer, self.clock, rng, ConnectLimit(), **options)  # type: ignore[arg-type]

    async def _dial(self, url: str, take: Take, *, is_fast: bool) -> FakeSocket | Refused:
        assert url == PLAN.url
        self.dials.append(self.clock.monotonic_ns() / 1e9)
        if self.refusals:
            return self.refusals.pop(0)
        self.sockets.append(FakeSocket(take))
        return self.sockets[-1]

    def taken(self) -> list[object]:
        """What came out: frames, and LOST."""
        result: list[object] = []
        while len(self.outlet):
            event = self.outlet.take()
            if isinstance(event, Disconnected):
                assert event.instruments == PLAN.instruments
                result.append("LOST")
            else:
                assert isinstance(event, Arrived)
                result += [row[3].decode() for row in frame_rows([event])]
        return result

    async def flow(self, seconds: float, step_s: float = 0.5) -> None:
        """Time passes, and every open socket has something to say; until another one opens."""
        known = len(self.sockets)
        for _ in range(round(seconds / step_s)):
            if len(self.sockets) > known:
                break
            for socket in self.sockets:
                if not socket.ended.done() and not socket.is_closed:
                    socket.send(b".")
            await self.clock.advance(step_s)
        while len(self.outlet):
            self.outlet.take()


@asynccontextmanager
async def running(world: World) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(world.connection.run())
    await settle()
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert all(socket.is_closed for socket in world.sockets)
