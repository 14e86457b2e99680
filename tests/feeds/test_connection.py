"""The life of a connection."""

import asyncio
import random

import pytest
from websockets.asyncio.server import ServerConnection, serve

from msray.clock import SystemClock
from msray.feeds import connection as connection_file
from msray.feeds.connection import Connection, ConnectionPlan
from msray.feeds.gather import Gatherer
from msray.feeds.outlet import MOST_BYTES, Outlet
from msray.feeds.reconnect import ConnectLimit
from msray.feeds.websocket import Refused, Take
from msray.prediction import Disconnected
from tests.feeds.clocks import settle
from tests.feeds.made import frame_rows
from tests.feeds.sockets import PLAN, FakeSocket, World, running
from tests.waiting import standstill, until

FRAME_BYTES = 100_000


async def test_what_one_turn_of_the_loop_brings_is_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    async with running(world):
        world.sockets[0].send(b"a", b"b", b"c")
        await settle()
        world.sockets[0].send(b"d")
        await settle()

        assert len(world.outlet) == 2
        assert world.taken() == ["a", "b", "c", "d"]
        assert (world.connection.status.state, world.connection.status.frames) == ("open", 4)


async def test_frames_that_are_still_being_gathered_are_before_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, gather_s=3600.0)
    async with running(world):
        world.sockets[0].send(b"a")
        await settle()
        world.sockets[0].send(b"b", b"c")
        await settle()
        assert world.taken() == ["a"]

        world.sockets[0].end("closed with 1001")
        await settle()
        assert world.taken() == ["b", "c", "LOST"]


async def test_a_lost_connection_is_marked_behind_its_last_frame_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)
    async with running(world):
        world.sockets[0].send(b"last")
        world.sockets[0].end("closed with 1001")
        await settle()

        assert world.taken() == ["last", "LOST"]
        assert world.connection.status.state == "waiting"
        assert world.connection.status.reason == "closed with 1001"
        await world.clock.advance(0.5)
        world.sockets[1].send(b"again")
        await settle()
        assert world.taken() == ["again"]
        assert world.connection.status.losses == 1


async def test_refusals_are_answered_with_growing_pauses_and_no_loss_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.refusals = [Refused("refused")] * 40
    async with running(world):
        while not world.sockets:
            await world.clock.advance(1.0)

        pauses = [b - a for a, b in zip(world.dials, world.dials[1:], strict=False)]
        assert all(pause <= min(0.5 * 2**i, 30.0) for i, pause in enumerate(pauses))
        assert max(pauses) > 20.0
        assert world.taken() == []


async def test_a_server_that_names_a_time_is_obeyed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.refusals = [Refused("server answers 429", retry_after_s=17.0)]
    async with running(world):
        await world.clock.advance(16.9)
        assert len(world.dials) == 1
        await world.clock.advance(0.2)
        assert world.dials == [0.0, 17.0]


async def test_a_certificate_that_does_not_verify_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.refusals = [Refused("certificate does not verify", is_fatal=True)]
    async with running(world) as task:
        await world.clock.advance(3600)

        assert task.done()
        assert len(world.dials) == 1
        assert world.connection.status.state == "failed"


async def test_a_server_that_closes_at_once_is_not_stormed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    async with running(world):
        for _ in range(600):
            for socket in world.sockets:
                if not socket.ended.done():
                    socket.end()
            await world.clock.advance(1.0)

        assert len(world.dials) < 60


async def test_a_connection_that_held_makes_pauses_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.refusals = [Refused("refused")] * 10
    async with running(world):
        while not world.sockets:
            await world.clock.advance(1.0)
        await world.flow(40)
        world.sockets[0].end()
        await world.clock.advance(0.5)

        assert len(world.sockets) == 2


async def test_silence_ends_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    async with running(world):
        await world.flow(20, 0.1)
        await world.clock.advance(4.5)
        assert world.taken() == []
        await world.clock.advance(2.0)

        assert world.taken() == ["LOST"]
        assert world.sockets[0].is_closed
        assert len(world.sockets) == 2
        assert world.connection.status.reason == "no data for 5 s"


async def test_our_own_pause_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    async with running(world):
        for _ in range(MOST_BYTES >> 20):
            world.sockets[0].send(bytes(1 << 20))
            await settle()
        assert world.sockets[0].is_paused
        await world.clock.advance(600)
        assert len(world.sockets) == 1

        while world.sockets[0].is_paused:
            world.outlet.take()
        assert len(world.outlet) > 0


async def test_frames_that_come_with_the_handshake_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)

    async def eager(url: str, take: Take, *, is_fast: bool) -> FakeSocket:
        world.sockets.append(FakeSocket(take))
        for _ in range(2000):
            take(b"x")
        await asyncio.sleep(0)
        return world.sockets[-1]

    monkeypatch.setattr(connection_file, "dial", eager)
    async with running(world):
        assert world.taken() == ["x"] * 2000


@pytest.mark.parametrize("is_fast", [False, True], ids=["websockets", "picows"])
async def test_a_real_server_that_cuts_and_comes_back_is_followed(is_fast: bool) -> None:
    served = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal served
        served += 1
        for i in range(100):
            await socket.send(f"{served}:{i}")
        if served < 3:
            socket.transport.abort()
        await socket.wait_closed()

    outlet = Outlet(PLAN.instruments, SystemClock())
    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        plan = ConnectionPlan(url=f"ws://127.0.0.1:{port}/", venue="binance_usdm", instruments=PLAN.instruments)
        connection = Connection(
            plan, Gatherer(plan.venue, outlet), SystemClock(), random.Random(2), ConnectLimit(), is_fast=is_fast
        )
        task = asyncio.create_task(connection.run())
        seen: list[object] = []
        async with asyncio.timeout(20):
            while "3:99" not in seen:
                await asyncio.sleep(0.01)
                while len(outlet):
                    event = outlet.take()
                    seen += (
                        ["LOST"] if isinstance(event, Disconnected) else [r[3].decode() for r in frame_rows([event])]
                    )  # type: ignore[list-item]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    marks = [i for i, one in enumerate(seen) if one == "LOST"]
    assert len(marks) == 2
    for session in (1, 2, 3):
        own = [one for one in seen if str(one).startswith(f"{session}:")]
        assert own == [f"{session}:{i}" for i in range(len(own))]


@pytest.mark.parametrize("is_fast", [False, True], ids=["websockets", "picows"])
async def test_a_flood_that_nobody_takes_stays_in_the_network(is_fast: bool) -> None:
    sent = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal sent
        message = "x" * FRAME_BYTES
        while True:
            await socket.send(message)
            sent += len(message)

    outlet = Outlet(PLAN.instruments, SystemClock())
    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        plan = ConnectionPlan(url=f"ws://127.0.0.1:{port}/", venue="binance_usdm", instruments=PLAN.instruments)
        connection = Connection(
            plan, Gatherer(plan.venue, outlet), SystemClock(), random.Random(2), ConnectLimit(), is_fast=is_fast
        )
        task = asyncio.create_task(connection.run())
        await until(lambda: outlet.is_full)
        stuck_at = await standstill(lambda: sent)  # the kernel's buffers fill too
        assert connection.status.frames * FRAME_BYTES < MOST_BYTES + (8 << 20)

        while len(outlet):
            outlet.take()
        await until(lambda: sent >= stuck_at + (1 << 20))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
