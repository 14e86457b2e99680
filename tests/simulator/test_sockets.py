"""WebSocket as the venues' documentation has it, with a real client."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from msray.errors import UsageError
from msray.simulator.sockets import SocketLimits
from msray.simulator.synthetic import SyntheticSource
from tests.clocks import StillClock
from tests.simulator.made import COIN, SPOT, SYN, simulating, socket

BOTH = ["synusdt@depth@100ms", "synusdt@trade"]


def source() -> SyntheticSource:
    return SyntheticSource([SYN, SPOT, COIN], seed=1, seconds=20)


def only(instrument: str, seconds: float = 20) -> SyntheticSource:
    return SyntheticSource([instrument], seed=1, seconds=seconds)


async def ask(link: websockets.ClientConnection, method: str, *params: Any, request_id: object = 1) -> Any:
    await link.send(json.dumps({"method": method, "params": list(params), "id": request_id}))
    return json.loads(await link.recv())


async def first(link: websockets.ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(link.recv(), 5))


async def ending(link: websockets.ClientConnection) -> tuple[int, str]:
    try:
        async for _ in link:
            pass
    except ConnectionClosed:
        pass
    return link.close_code or 0, link.close_reason or ""


async def test_subscribe_list_and_unsubscribe_are_answered_as_documented() -> None:
    async with simulating(source()) as simulator, socket(simulator, "/ws") as link:
        assert await ask(link, "SUBSCRIBE", *BOTH) == {"result": None, "id": 1}
        assert await ask(link, "SUBSCRIBE", "nothere@depth", request_id="again") == {"result": None, "id": "again"}
        assert await ask(link, "LIST_SUBSCRIPTIONS", request_id=3) == {"result": [*BOTH, "nothere@depth"], "id": 3}
        assert await ask(link, "UNSUBSCRIBE", BOTH[0], request_id=312) == {"result": None, "id": 312}
        assert await ask(link, "LIST_SUBSCRIPTIONS") == {"result": [BOTH[1], "nothere@depth"], "id": 1}


async def test_bad_requests_are_answered_and_the_connection_lives_on() -> None:
    async with simulating(source()) as simulator, socket(simulator, "/fapi/ws") as link:
        await link.send("nonsense")
        assert json.loads(await link.recv())["error"]["code"] == 3
        assert (await ask(link, "SUBSCRIBE", "no stream"))["error"]["msg"] == "Invalid request: invalid stream"
        assert (await ask(link, "SUBSCRIBE", "a@trade", request_id="text"))["error"]["code"] == 2
        assert await ask(link, "LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


async def test_raw_and_combined_streams_and_the_switch_between_them() -> None:
    async with simulating(only(SYN)) as simulator, socket(simulator, "/fapi/ws/synusdt@depth") as raw:
        streams = "/fapi/stream?streams=synusdt@depth@500ms/synusdt@aggTrade"
        async with socket(simulator, streams) as combined:
            message, wrapped = await first(raw), await first(combined)
            assert (message["e"], message["s"]) == ("depthUpdate", "SYNUSDT")
            assert wrapped == {"stream": "synusdt@depth@500ms", "data": message}

    async with simulating(only(SYN)) as simulator, socket(simulator, "/fapi/ws") as link:
        assert await ask(link, "GET_PROPERTY", "combined") == {"result": False, "id": 1}
        assert await ask(link, "SET_PROPERTY", "combined", True) == {"result": None, "id": 1}
        await ask(link, "SUBSCRIBE", *BOTH)
        assert (await first(link))["stream"] == BOTH[0]


@pytest.mark.parametrize(
    ("path", "instrument"),
    [("", SPOT), ("/api", SPOT), ("/fapi", SYN), ("/dapi", COIN)],
)
async def test_every_market_is_found_behind_its_prefix(path: str, instrument: str) -> None:
    name = instrument.split(":")[1].lower()
    async with (
        simulating(only(instrument)) as simulator,
        socket(simulator, f"{path}/stream?streams={name}@depth/{name}@trade") as link,
    ):
        events = {(await first(link))["data"]["e"] for _ in range(30)}

    assert events == {"depthUpdate", "trade" if instrument == SPOT else "aggTrade"}


async def test_names_of_streams_are_lowercase() -> None:
    async with simulating(only(SYN)) as simulator, socket(simulator, "/fapi/ws/SYNUSDT@depth/SYNUSDT@trade") as link:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(link.recv(), 0.2)
        assert len(simulator.hub.missing()) == 2


async def test_depth_and_trades_of_futures_are_two_places() -> None:
    async with (
        simulating(only(SYN)) as simulator,
        socket(simulator, "/fapi/public/ws/synusdt@depth/synusdt@trade") as public,
    ):
        assert simulator.hub.missing() == [f"{SYN}@trade"], "subscribed, and silent there"
        async with socket(simulator, "/fapi/market/ws/synusdt@depth/synusdt@trade") as market:
            assert [(await first(public))["e"] for _ in range(20)] == ["depthUpdate"] * 20
            assert [(await first(market))["e"] for _ in range(20)] == ["aggTrade"] * 20


async def test_one_socket_puts_everything_everywhere() -> None:
    async with (
        simulating(only(SYN), one_socket=True) as simulator,
        socket(simulator, "/fapi/public/ws/synusdt@depth/synusdt@trade") as public,
    ):
        assert {(await first(public))["e"] for _ in range(30)} == {"depthUpdate", "aggTrade"}


async def test_a_bad_name_in_the_address_is_refused() -> None:
    async with simulating(only(SYN)) as simulator:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with socket(simulator, "/ws/synusdt"):
                pass

    assert caught.value.response.status_code == 400


@pytest.mark.parametrize(("path", "allowed"), [("/ws", 5), ("/fapi/ws", 10)])
async def test_more_messages_a_second_than_allowed_end_the_connection(path: str, allowed: int) -> None:
    clock = StillClock()
    async with simulating(source(), clock) as simulator, socket(simulator, path) as link:
        for _ in range(allowed):
            await link.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        for _ in range(allowed):
            await link.recv()
        clock.advance(1)
        await (await link.ping())

        for _ in range(allowed):
            await link.ping()

        assert await ending(link) == (1008, "Too many requests")


async def test_a_connection_carries_1024_streams() -> None:
    names = [f"s{i}@depth" for i in range(1024)]
    async with simulating(source()) as simulator, socket(simulator, "/stream?streams=" + "/".join(names)) as link:
        answer = await ask(link, "SUBSCRIBE", "synusdt@trade")
        assert "1024 streams" in answer["error"]["msg"]
        assert await ask(link, "SUBSCRIBE", names[0]) == {"result": None, "id": 1}, "there already"
        await ask(link, "UNSUBSCRIBE", names[5])
        assert await ask(link, "SUBSCRIBE", "synusdt@trade") == {"result": None, "id": 1}


async def test_a_request_that_is_too_long_ends_the_connection() -> None:
    async with simulating(source()) as simulator, socket(simulator, "/ws") as link:
        await link.send("x" * 70_000)

        assert (await ending(link))[0] == 1009


async def test_pings_go_out_and_a_missing_pong_ends_the_connection() -> None:
    clock = StillClock()
    async with simulating(source(), clock) as simulator, aiohttp.ClientSession() as session:
        deaf = await session.ws_connect(f"{simulator.url}/ws", autoping=False)
        async with socket(simulator, "/ws") as polite:
            pings = []
            for _ in range(3):
                clock.advance(20)
                pings.append(await deaf.receive(5))
                await polite.ping()  # behind the pong that answered
            clock.advance(20)

            assert [ping.type for ping in pings] == [aiohttp.WSMsgType.PING] * 3
            now_ms = clock.now_ns() // 1_000_000
            assert [int(ping.data) for ping in pings] == [now_ms - back for back in (60_000, 40_000, 20_000)]
            goodbye = await deaf.receive(5)
            assert (goodbye.data, goodbye.extra) == (1008, "Pong timeout")
            assert await ask(polite, "LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


@pytest.mark.parametrize("combined", [False, True])
async def test_the_end_of_a_day_is_announced_and_comes(combined: bool) -> None:
    clock = StillClock()
    async with (
        simulating(source(), clock, sockets=SocketLimits(ping_every_s=1e9)) as simulator,
        socket(simulator, "/stream" if combined else "/ws") as link,
    ):
        clock.advance(86_400 - 600)
        notice = await first(link)
        assert (notice["data"] if combined else notice)["e"] == "serverShutdown"
        assert notice.get("stream") == ("!serverShutdown" if combined else None)
        clock.advance(600)
        assert (await ending(link))[0] == 1001


async def test_an_address_connects_300_times_in_five_minutes() -> None:
    clock = StillClock()
    async with simulating(source(), clock) as simulator, aiohttp.ClientSession() as session:
        for _ in range(300):
            await (await session.ws_connect(f"{simulator.url}/ws")).close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{simulator.url}/ws")
        await (await session.ws_connect(f"{simulator.url}/fapi/ws")).close()
        clock.advance(300)
        await (await session.ws_connect(f"{simulator.url}/ws")).close()

    assert caught.value.status == 429


def test_lives_are_longer_than_nothing() -> None:
    with pytest.raises(UsageError, match="life_s of connections must be over 0, got -1"):
        SocketLimits(life_s=-1)
