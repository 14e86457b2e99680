"""REST against a real server on loopback; waiting is done by a clock moved by hand."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from msray.errors import FeedError, UnavailableError
from msray.feeds import rest
from msray.feeds.budget import SnapshotBudget
from msray.feeds.rest import BudgetGate, RestClient
from msray.on_ray.environment import free_port
from msray.venues import VENUES
from tests.feeds.clocks import ManualClock, settle

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY = b'{"lastUpdateId": 7,"bids":[["1.0","2.0"]],"asks":[]}'


@asynccontextmanager
async def client_of(answer: Answer, venue: str = "binance_spot") -> AsyncIterator[tuple[RestClient, BudgetGate]]:
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    gate = BudgetGate(SnapshotBudget(6000), ManualClock())
    async with aiohttp.ClientSession() as session:
        yield RestClient(VENUES[venue], f"http://127.0.0.1:{port}", session, gate), gate
    await runner.cleanup()


def say(status: int = 200, body: bytes = BODY, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def test_a_snapshot_comes_as_the_venue_sent_it() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.rel_url))
        return web.Response(body=BODY, headers={"X-MBX-USED-WEIGHT-1M": "5900"})

    async with client_of(answer, "binance_usdm") as (client, gate):
        assert await client.snapshot("BTCUSDT", 1000) == BODY
        gate.budget.ask("next", 250)
        granted = gate.budget.grant(0)

    assert asked == ["/fapi/v1/depth?symbol=BTCUSDT&limit=1000"]
    assert granted == []


@pytest.mark.parametrize(
    ("venue", "asked"),
    [
        ("binance_spot", "/api/v3/exchangeInfo?symbols=%5B%22A%22,%22B%22%5D"),
        ("binance_coinm", "/dapi/v1/exchangeInfo"),
    ],
)
async def test_exchange_info_is_asked_for_as_little_as_the_venue_allows(venue: str, asked: str) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.Response(body=b"{}")

    async with client_of(answer, venue) as (client, _):
        assert await client.exchange_info(["A", "B"]) == b"{}"

    assert [path.replace("%2C", ",") for path in seen] == [asked]


@pytest.mark.parametrize(("status", "word", "wait"), [(429, "too many requests", 7), (418, "banned", 7)])
async def test_a_refusal_closes_the_gate_for_exactly_as_long_as_asked(status: int, word: str, wait: int) -> None:
    async with client_of(say(status, Retry_After=str(wait))) as (client, gate):
        with pytest.raises(UnavailableError, match=f"answers {status} .{word}.; nothing is asked for {wait} s"):
            await client.snapshot("BTCUSDT", 100)
        entering = asyncio.create_task(client.admit("BTCUSDT", 100))
        clock = gate._clock
        assert isinstance(clock, ManualClock)

        await clock.advance(wait - 0.001)
        assert not entering.done()
        await clock.advance(0.001)
        assert entering.done()


@pytest.mark.parametrize("status", [500, 502, 503, 403])
async def test_a_server_in_trouble_may_be_asked_again(status: int) -> None:
    async with client_of(say(status, b"<html>oops")) as (client, _):
        with pytest.raises(UnavailableError, match=f"answers {status}: <html>oops"):
            await client.snapshot("BTCUSDT", 100)


async def test_a_request_that_is_wrong_is_quoted() -> None:
    async with client_of(say(400, b'{"code":-1121,"msg":"Invalid symbol."}')) as (client, _):
        with pytest.raises(FeedError, match=r"answers 400: .*Invalid symbol"):
            await client.snapshot("NOPE", 100)


async def test_a_redirect_is_not_followed() -> None:
    async with client_of(say(302, b"", Location="http://127.0.0.1:9/elsewhere")) as (client, _):
        with pytest.raises(FeedError, match="answers 302"):
            await client.snapshot("BTCUSDT", 100)


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end_is_not_read(packed: bool) -> None:
    body = b"x" * (rest.SNAPSHOT_BYTES + 1)
    answer = say(200, gzip.compress(body), Content_Encoding="gzip") if packed else say(200, body)

    async with client_of(answer) as (client, _):
        with pytest.raises(FeedError, match=f"more than {rest.SNAPSHOT_BYTES} bytes"):
            await client.snapshot("BTCUSDT", 100)


async def test_an_answer_cut_off_may_be_asked_for_again() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with client_of(answer) as (client, _):
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await client.snapshot("BTCUSDT", 100)


async def test_an_answer_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "_TOTAL_S", 0.1)

    async def answer(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with client_of(answer) as (client, _):
        with pytest.raises(UnavailableError, match=r"did not answer within 0\.1 s"):
            await client.snapshot("BTCUSDT", 100)


async def test_nobody_there_may_be_asked_again() -> None:
    gate = BudgetGate(SnapshotBudget(6000), ManualClock())

    async with aiohttp.ClientSession() as session:
        client = RestClient(VENUES["binance_spot"], f"http://127.0.0.1:{free_port()}", session, gate)
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await client.snapshot("BTCUSDT", 100)


# -------------------------------------------------------------------- the gate


async def entered(gate: BudgetGate, log: list[str], key: str, weight: int, priority: int = 0) -> None:
    await gate.enter(key, weight, priority)
    log.append(key)


async def test_who_matters_most_is_let_in_first() -> None:
    clock, log = ManualClock(), list[str]()
    gate = BudgetGate(SnapshotBudget(500), clock)

    tasks = [asyncio.create_task(entered(gate, log, f"{priority}", 250, priority)) for priority in (0, 1, 3, 2)]
    await settle()
    assert log == ["3", "2"]
    await clock.advance(60)

    assert log == ["3", "2", "1", "0"]
    await asyncio.gather(*tasks)


async def test_someone_more_important_overtakes_who_is_waiting() -> None:
    clock, log = ManualClock(), list[str]()
    gate = BudgetGate(SnapshotBudget(500), clock)
    tasks = [asyncio.create_task(entered(gate, log, f"{i}", 250)) for i in range(4)]
    await clock.advance(30)

    tasks.append(asyncio.create_task(entered(gate, log, "late", 250, 9)))
    await clock.advance(31)

    assert log == ["0", "1", "late", "2"]
    for task in tasks:
        task.cancel()


async def test_who_gives_up_leaves_the_queue_and_the_same_may_ask_twice() -> None:
    clock, log = ManualClock(), list[str]()
    gate = BudgetGate(SnapshotBudget(500), clock)
    first = [asyncio.create_task(entered(gate, log, "same", 250)) for _ in range(4)]
    await settle()
    assert log == ["same", "same"]

    first[2].cancel()
    await clock.advance(61)

    assert log == ["same"] * 3
    assert gate.budget.waiting == 0
