import asyncio
import random

import aiohttp
import pytest

from msray.errors import FeedError, MsrayError, UnavailableError, UsageError
from msray.feeds.outlet import Outlet
from msray.feeds.snapshots import ATTEMPTS, Place, Snapshots, places_of
from msray.venues import VENUES
from tests.feeds.clocks import ManualClock, settle
from tests.feeds.made import plain
from tests.instruments import ETH, SPOT, USDM


class FakeClient:
    """Answers when told, with what it is told."""

    def __init__(self, clock: ManualClock) -> None:
        self.venue = VENUES["binance_usdm"]
        self.clock = clock
        self.may_enter = asyncio.Event()
        self.may_enter.set()
        self.answers: list[bytes | MsrayError] = []
        self.asked: list[tuple[str, int, float]] = []
        self.slow = asyncio.Event()
        self.slow.set()

    async def admit(self, symbol: str, limit: int, priority: int = 0) -> None:
        await self.may_enter.wait()

    async def snapshot(self, symbol: str, limit: int) -> bytes:
        self.asked.append((symbol, limit, self.clock.monotonic_ns() / 1e9))
        await self.slow.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, MsrayError):
            raise answer
        return answer


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.client = FakeClient(self.clock)
        self.outlet = Outlet([USDM.id], self.clock)
        places = {USDM.id: Place(self.client, "BTCUSDT", 4)}  # type: ignore[arg-type]
        self.snapshots = Snapshots(places, self.outlet, self.clock, random.Random(3), levels=5000)

    def taken(self) -> list[tuple[object, ...]]:
        return [plain(self.outlet.take()) for _ in range(len(self.outlet))]  # type: ignore[arg-type]


@pytest.fixture
async def world() -> World:
    return World()


async def test_an_answer_follows_the_request_that_was_logged_when_it_was_sent(world: World) -> None:
    world.client.may_enter.clear()
    world.client.answers = [b"book"]
    world.snapshots.request(USDM.id)
    await world.clock.advance(3)
    assert world.taken() == []

    world.client.may_enter.set()
    await settle()

    now = world.clock.now_ns()
    assert world.taken() == [
        ("requested", USDM.id, now),
        ("arrived", "binance_usdm", 4, [(now, b"book")]),
    ]
    assert world.client.asked == [("BTCUSDT", 1000, 3.0)]


async def test_one_is_asked_for_at_a_time(world: World) -> None:
    world.client.answers = [b"one", b"two"]
    world.client.slow.clear()
    for _ in range(5):
        world.snapshots.request(USDM.id)
        await settle()
    assert len(world.client.asked) == 1

    world.client.slow.set()
    await settle()
    world.snapshots.request(USDM.id)  # the answer is there and nobody has seen it
    await settle()
    first = [event[0] for event in world.taken()]
    await settle()
    world.snapshots.request(USDM.id)
    await settle()

    assert first == ["requested", "arrived"]
    assert [event[0] for event in world.taken()] == ["requested", "arrived"]


async def test_a_failure_is_retried_with_a_pause_and_a_request_of_its_own(world: World) -> None:
    world.client.answers = [UnavailableError("503"), UnavailableError("503"), b"book"]
    world.snapshots.request(USDM.id)
    await settle()
    assert world.snapshots.problems == {USDM.id: "503"}
    await world.clock.advance(2.0)

    assert [event[0] for event in world.taken()] == ["requested", "requested", "requested", "arrived"]
    assert world.snapshots.problems == {}


async def test_it_is_given_up_after_some_attempts_and_can_be_asked_for_again(world: World) -> None:
    world.client.answers = [*[UnavailableError("503")] * ATTEMPTS, b"book"]
    world.snapshots.request(USDM.id)
    await world.clock.advance(60.0)
    assert len(world.client.asked) == ATTEMPTS
    assert not any(event[0] == "arrived" for event in world.taken())

    world.snapshots.request(USDM.id)
    await settle()

    assert [event[0] for event in world.taken()] == ["requested", "arrived"]


async def test_what_the_venue_refuses_as_such_is_not_asked_again_for_a_minute(world: World) -> None:
    world.client.answers = [FeedError("answers 400: Invalid symbol."), b"book"]
    for _ in range(59):
        world.snapshots.request(USDM.id)
        await world.clock.advance(1.0)
    assert len(world.client.asked) == 1
    assert "Invalid symbol" in world.snapshots.problems[USDM.id]

    await world.clock.advance(1.0)
    world.snapshots.request(USDM.id)
    await settle()

    assert len(world.client.asked) == 2


async def test_nothing_is_asked_while_the_log_takes_nothing(world: World) -> None:
    world.outlet.lose_log("full")

    world.snapshots.request(USDM.id)
    await settle()

    assert world.client.asked == []


async def test_closing_ends_what_is_on_its_way(world: World) -> None:
    world.client.slow.clear()
    world.snapshots.request(USDM.id)
    await settle()

    await world.snapshots.aclose()
    world.client.slow.set()
    await settle()

    assert world.taken() == [("requested", USDM.id, world.clock.now_ns())]


async def test_instruments_of_a_venue_share_its_client_and_are_counted_within_it() -> None:
    async with aiohttp.ClientSession() as session:
        places = places_of([USDM, SPOT, ETH], session, ManualClock(), endpoint="http://127.0.0.1:1")

    assert {name: (place.symbol, place.hint) for name, place in places.items()} == {
        USDM.id: ("BTCUSDT", 0),
        SPOT.id: ("BTCUSDT", 0),
        ETH.id: ("ETHUSDT", 1),
    }
    assert places[USDM.id].client is places[ETH.id].client


async def test_a_snapshot_without_levels_is_refused_before_any_is_asked_for(world: World) -> None:
    with pytest.raises(UsageError, match="levels of a snapshot must be at least 1, got 0"):
        Snapshots({}, world.outlet, world.clock, random.Random(3), levels=0)
