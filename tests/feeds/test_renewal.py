"""A connection is renewed without a loss: both sockets open for a while, the new one's frames behind the old one's."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from msray.feeds import connection as connection_file
from msray.feeds.connection import OVERLAP_S, TICK_S
from msray.feeds.websocket import Refused
from tests.feeds.clocks import settle
from tests.feeds.sockets import FakeSocket, World, running

LEAVING = b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'


async def renewing(world: World, trigger: Callable[[], None] | None = None) -> tuple[FakeSocket, FakeSocket]:
    """Until a second socket is open beside the first."""
    if trigger is not None:
        trigger()
        await settle()
    while len(world.sockets) < 2:
        await world.flow(4.0, 2.0)
    return world.sockets[0], world.sockets[1]


async def test_a_connection_is_renewed_before_its_day_ends_without_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, renew_s=3600.0)
    async with running(world):
        old, new = await renewing(world)
        assert 1800 <= world.dials[1] <= 3606

        old.send(b"1", b"2")
        await settle()
        new.send(b"2", b"3")
        await settle()
        old.send(b"3", b"4")
        await settle()
        assert world.taken() == ["1", "2", "3", "4"]
        assert not old.is_closed

        await world.clock.advance(OVERLAP_S)
        assert old.is_closed
        new.send(b"5")
        await settle()
        assert world.taken() == ["2", "3", "5"]
        assert (world.connection.status.renewals, world.connection.status.losses) == (1, 0)


async def test_what_the_old_connection_said_last_is_before_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, gather_s=3600.0)
    async with running(world):
        old, new = await renewing(world, lambda: world.sockets[0].send(LEAVING))
        world.taken()
        old.send(b"1", b"2")
        new.send(b"2", b"3")
        old.send(b"3")
        await world.clock.advance(OVERLAP_S)
        new.send(b"4")
        new.end()
        await settle()

        assert [one for one in world.taken() if one != "."] == ["1", "2", "3", "2", "3", "4", "LOST"]


async def test_a_server_that_says_it_will_leave_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    async with running(world):
        old, new = await renewing(world, lambda: world.sockets[0].send(LEAVING))
        old.send(b"old")
        new.send(b"new")
        old.end("closed with 1001")
        await settle()
        await world.clock.advance(0.1)

        taken = world.taken()
        assert taken == ["old", "new"]
        new.send(b"more")
        await settle()
        assert world.taken() == ["more"]
        await world.flow(60)
        assert len(world.sockets) == 2


async def test_a_renewal_that_is_refused_is_tried_again_while_the_old_connection_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, renew_s=3600.0)
    async with running(world):
        world.refusals = [Refused("refused")] * 5
        old, _ = await renewing(world)

        assert len(world.dials) == 7
        assert not old.ended.done()
        await world.flow(OVERLAP_S + 2)
        assert old.is_closed
        assert "LOST" not in world.taken()


async def test_a_new_connection_that_dies_at_once_does_not_take_the_old_one_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, renew_s=3600.0)
    async with running(world):
        old, new = await renewing(world)
        new.send(b"never seen")
        new.end()
        await world.clock.advance(OVERLAP_S)
        old.send(b"goes on")
        await settle()

        assert world.taken() == ["goes on"]
        assert new.is_closed
        await world.flow(60)
        assert len(world.sockets) == 3


async def test_both_ends_lost_in_a_renewal_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, renew_s=3600.0)
    async with running(world):
        old, new = await renewing(world)
        new.send(b"held")
        old.end()
        new.end()
        await settle()
        await world.clock.advance(2.0)

        assert world.taken() == ["held", "LOST"]


async def test_an_old_connection_that_ends_before_the_new_one_is_open_is_a_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, renew_s=3600.0)
    dial = connection_file.dial

    async def late(*arguments: Any, **options: Any) -> FakeSocket | Refused:
        if world.sockets:
            world.sockets[0].send(b"last words")
            world.sockets[0].end("closed with 1001")
        return await dial(*arguments, **options)  # type: ignore[return-value]

    monkeypatch.setattr(connection_file, "dial", late)
    async with running(world):
        world.sockets[0].send(b"serverShutdown")
        await world.clock.advance(TICK_S)
        world.sockets[1].send(b"after a while")
        await settle()

        assert world.taken() == ["serverShutdown", "last words", "LOST", "after a while"]
        assert (world.connection.status.renewals, world.connection.status.losses) == (0, 1)
        assert world.connection.status.reason == "closed with 1001"


async def test_a_stop_while_the_old_connection_says_goodbye_closes_both(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, renew_s=3600.0)
    async with running(world) as task:
        old, new = await renewing(world)
        goodbye = old.close

        async def slow() -> None:
            monkeypatch.setattr(old, "close", goodbye)
            await asyncio.get_running_loop().create_future()

        monkeypatch.setattr(old, "close", slow)
        await world.clock.advance(OVERLAP_S)
        task.cancel()
        await settle()

        assert new.is_closed


async def test_a_flood_while_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, renew_s=3600.0)
    async with running(world):
        old, new = await renewing(world)
        for _ in range(32):
            new.send(bytes(1 << 20))
            await settle()
        assert new.is_paused
        old.send(b"old goes on")
        await world.clock.advance(OVERLAP_S)

        assert not new.is_paused
        assert not new.is_closed


async def test_renewal_after_renewal_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, renew_s=2700.0)
    number = 0
    async with running(world):
        for _ in range(2700):
            number += 1
            for socket in world.sockets:
                if not socket.is_closed:
                    socket.send(b"%d" % number)
            await world.clock.advance(4.0)
        seen = world.taken()

        assert "LOST" not in seen
        assert list(dict.fromkeys(seen)) == [str(i) for i in range(1, number + 1)]
        assert 4 <= world.connection.status.renewals <= 12
        assert len(world.dials) == 1 + world.connection.status.renewals
