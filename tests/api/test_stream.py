"""The stream on a real socket: what is sent, to whom, and what is never lost."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from msray.api.auth import Scope
from msray.api.state import InstrumentSnapshot
from msray.errors import UnavailableError
from msray.store.ledger_records import SignalQuery, StoredSignal
from msray.telemetry.families import STREAM_CUT, STREAM_FRAMES, STREAM_SOCKETS
from tests.api.service import KEYS, Books
from tests.api.streaming import PATH, Server, ending, receive, seqs, streaming
from tests.clocks import START_NS
from tests.store.examples import BTC, ETH
from tests.waiting import until

BTC_BOOK, ETH_BOOK = (
    InstrumentSnapshot(
        instrument=name, state="synced", epoch=1, update_id=1, event_ns=START_NS, local_ns=START_NS, bids=[(9, 1)] * 50
    )
    for name in (BTC, ETH)
)


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Server]:
    async with streaming(tmp_path, has_keys=True, cors_origins=("http://localhost:8501",)) as running:
        yield running


async def test_a_stored_signal_comes_as_the_route_answers_it(server: Server) -> None:
    async with server.open() as link:
        hello = (await receive(link, 1))[0]
        await server.store(3)
        frames = await receive(link, 3)

    page = [one.document() for one in await server.service.store.page(SignalQuery(newest_first=False))]
    assert (hello["schema"], hello["topics"], hello["seq"]) == ("msray.stream/1", ["signals"], {"signals": 0})
    assert frames == [{"type": "signal", "topic": "signals", "seq": one["seq"], "data": one} for one in page]


async def test_nobody_hears_of_what_was_before_unless_he_asks(server: Server) -> None:
    await server.store(5)

    async with server.open() as new, server.open("?resume_from=2") as back, server.open("?resume_from=0") as all_:
        hellos = [(await receive(link, 1))[0]["seq"]["signals"] for link in (new, back, all_)]
        await server.store(1, first=5)
        got = [seqs(await receive(link, count)) for link, count in ((new, 1), (back, 4), (all_, 6))]

    assert hellos == [5, 2, 0]
    assert got == [[6], [3, 4, 5, 6], [1, 2, 3, 4, 5, 6]]


async def test_who_comes_back_with_resume_from_misses_nothing(server: Server) -> None:
    got: list[int] = []
    last, stored = 0, 0
    for burst in (700, 1, 300):
        async with server.open(f"?resume_from={last}", close_timeout=0.1) as link:
            await receive(link, 1)
            await server.store(burst, first=stored)
            stored += burst
            got += seqs(await receive(link, burst - 50 if burst > 50 else burst))
        last = got[-1]
        await server.store(20, first=stored)
        stored += 20
    async with server.open(f"?resume_from={last}") as link:
        await receive(link, 1)
        got += seqs(await receive(link, stored - last))

    assert got == list(range(1, stored + 1))


async def test_instruments_and_types_are_filtered_and_symbols_resolved(tmp_path: Path) -> None:
    async with streaming(tmp_path, Books(ETH_BOOK)) as server:
        await server.store(1)
        async with server.open("?resume_from=0&instruments=ETHUSDT,xy:LATER&signal_types=spread") as link:
            hello = (await receive(link, 1))[0]
            await server.store(1, first=1, instrument=ETH)
            await server.store(1, first=2, signal_type="spread")
            await server.store(1, first=3, instrument=ETH, signal_type="spread")
            frame = (await receive(link, 1))[0]

    assert (hello["instruments"], hello["signal_types"]) == ([ETH, "xy:LATER"], ["spread"])
    assert frame["seq"] == 4


async def test_books_come_at_once_and_when_they_change(tmp_path: Path) -> None:
    books = Books(BTC_BOOK, ETH_BOOK)
    async with streaming(tmp_path, books) as server, server.open("?topics=signals,books&depth=2") as link:
        frames = await receive(link, 3)
        books._snapshots[BTC] = InstrumentSnapshot(instrument=BTC, state="unsynced")
        changed = (await receive(link, 1))[0]
        answer = server.service.app.state.api.books.snapshot(BTC)

    assert {one["instrument"]: len(one["data"]["bids"]) for one in frames[1:]} == {BTC: 2, ETH: 2}
    assert (changed["instrument"], changed["data"]["bids"], answer.state) == (BTC, None, "unsynced")


async def test_a_heartbeat_says_where_to_resume_although_nothing_matched(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.api.stream.HEARTBEAT_S", 0.3)
    async with server.open(f"?instruments={ETH}") as link:
        hello = (await receive(link, 1))[0]
        await server.store(10)
        beat = (await receive(link, 1))[0]

    assert hello["heartbeat_s"] == 0.3
    assert beat == {"type": "heartbeat", "seq": {"signals": 10}, "problems": []}


async def test_a_ledger_that_cannot_be_read_is_said_and_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.api.stream.HEARTBEAT_S", 0.3)
    page = server.service.store.page

    async def down(_query: SignalQuery) -> list[StoredSignal]:
        raise UnavailableError("the disk is gone")

    async with server.open() as link:
        await receive(link, 1)
        monkeypatch.setattr(server.service.store, "page", down)
        beat = (await receive(link, 1))[0]
        status, _ = await server.refused()
        await server.store(2)
        monkeypatch.setattr(server.service.store, "page", page)
        frames = [one for one in await receive(link, 4) if one["type"] == "signal"]

    assert beat["problems"] == ["the ledger cannot be read"]
    assert status == 503
    assert seqs(frames) == [1, 2]


async def test_a_mistake_of_ours_is_1011_and_the_next_one_is_served(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_query: SignalQuery) -> list[StoredSignal]:
        raise ZeroDivisionError

    async with server.open() as link:
        await receive(link, 1)
        with monkeypatch.context() as patch:
            patch.setattr(server.service.store, "page", broken)
            code, _ = await ending(link)
        async with server.open() as other:
            await receive(other, 1)
            await server.store(1)
            frames = await receive(other, 1)

    assert (code, seqs(frames)) == (1011, [1])
    assert "the stream is not fed any more" in caplog.text


async def test_stopping_closes_with_1001_in_time(tmp_path: Path) -> None:
    async with streaming(tmp_path) as server:
        links = [await server.open() for _ in range(20)]
        _, silent = await server.raw("?resume_from=0")
        await server.store(2000)
        endings = [asyncio.create_task(ending(link)) for link in links]
        await until(lambda: server.figure(STREAM_FRAMES, "signal") > 2000)  # of 42,000
        started = time.monotonic()

    assert time.monotonic() - started < 4
    assert {(await one)[0] for one in endings} == {1001}
    silent.close()


async def test_who_may_listen(locked: Server) -> None:
    read, page, other = {"X-API-Key": KEYS[Scope.READ]}, "http://localhost:8501", "http://localhost:8502"
    callers: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        ({"X-API-Key": "guess"}, 401),
        ({"X-API-Key": KEYS[Scope.INGEST]}, 403),
        (read, 101),
        ({"X-API-Key": KEYS[Scope.ADMIN]}, 101),
        ({"Authorization": f"Bearer {KEYS[Scope.READ]}"}, 101),
        (read | {"Origin": "https://evil.example.com"}, 403),
        (read | {"Origin": "null"}, 403),
        (read | {"Origin": page}, 101),
        (read | {"Origin": other}, 403),
    ]

    found = [(headers, await locked.status(additional_headers=headers)) for headers, _ in callers]

    assert found == callers


async def test_a_page_of_this_server_may_listen_and_one_of_another_may_not(server: Server) -> None:
    async with server.open(origin=f"http://localhost:{server.port}") as link:
        await receive(link, 1)

    assert (await server.refused(origin="https://evil.example.com"))[0] == 403
    assert (await server.refused(origin=f"http://localhost:{server.port + 1}"))[0] == 403
    with pytest.raises(InvalidStatus, match="403"):  # a name that was pointed here
        await connect(f"ws://evil.example.com{PATH}", host="127.0.0.1", port=server.port)


async def test_a_key_in_the_url_is_no_key(locked: Server) -> None:
    assert (await locked.refused(f"?X-API-Key={KEYS[Scope.READ]}&api_key={KEYS[Scope.READ]}"))[0] == 401


async def test_a_ticket_opens_the_stream_for_a_minute_and_nothing_else(locked: Server) -> None:
    url, path = f"http://localhost:{locked.port}/api/v1", "/stream/tickets"
    async with httpx.AsyncClient() as client:
        issued = await client.post(url + path, headers={"X-API-Key": KEYS[Scope.READ]})
        refused = await client.post(url + path, headers={"X-API-Key": KEYS[Scope.INGEST]})
        answer = issued.json()
        offer = [answer["subprotocol"], answer["ticket"]]
        elsewhere = await client.get(url + "/signals", headers={"Sec-WebSocket-Protocol": ", ".join(offer)})
        as_key = await client.get(url + "/signals", headers={"X-API-Key": answer["ticket"]})

    async with locked.open(subprotocols=offer) as link:
        assert (await receive(link, 1))[0]["type"] == "hello"
        assert link.subprotocol == "msray.stream.1"
    forged = answer["ticket"].replace("ticket.", "ticket.9")
    assert (await locked.refused(subprotocols=["msray.stream.1", forged]))[0] == 401
    assert (await locked.refused(subprotocols=["msray.stream.1", "msray.ticket."]))[0] == 401
    assert (await locked.refused(subprotocols=offer, origin="https://evil.example.com"))[0] == 403
    locked.service.clock.advance(61)
    assert (await locked.refused(subprotocols=offer))[0] == 401
    assert (issued.status_code, refused.status_code, elsewhere.status_code, as_key.status_code) == (201, 403, 401, 401)


async def test_a_subprotocol_nobody_knows_is_not_accepted(server: Server) -> None:
    async with server.open(subprotocols=["graphql-ws", "msray.stream.1"]) as link:
        assert link.subprotocol == "msray.stream.1"
    async with server.open(subprotocols=["graphql-ws"]) as link:
        assert link.subprotocol is None


async def test_a_wrong_query_is_refused_by_name(server: Server) -> None:
    queries = {
        "?topics=trades": "query/topics",
        "?topics=": "query/topics",
        "?topics=signals,": "query/topics",
        "?resume_from=-1": "query/resume_from",
        "?resume_from=1": "query/resume_from",
        "?resume_from=x": "query/resume_from",
        "?resume_from=1.5": "query/resume_from",
        "?resume_from=9223372036854775808": "query/resume_from",
        "?resume_from=" + "9" * 5000: "query/resume_from",
        "?topics=books&resume_from=0": "query/resume_from",
        "?depth=0": "query/depth",
        "?depth=101": "query/depth",
        "?instruments=": "query/instruments",
        "?instruments=NOPE": "query/instruments",
        "?instruments=a%22b:C": "query/instruments",
        "?instruments=%00": "query/instruments",
        "?instruments=" + ",".join(["a:B"] * 21): "query/instruments",
        "?signal_types=%3Cscript%3E": "query/signal_types",
        "?signal_types=" + ",".join(["a"] * 21): "query/signal_types",
        "?everything=1": "query",
    }

    answers = {query: await server.refused(query) for query in queries}

    assert {query: problem["errors"][0]["pointer"] for query, (_, problem) in answers.items()} == queries
    assert {status for status, _ in answers.values()} == {422}
    assert "script" not in json.dumps([problem for _, problem in answers.values()])


async def test_a_symbol_of_several_venues_is_refused_with_the_candidates(tmp_path: Path) -> None:
    spot = "binance_spot:BTCUSDT"
    async with streaming(tmp_path, Books(BTC_BOOK, InstrumentSnapshot(instrument=spot, state="synced"))) as server:
        status, problem = await server.refused("?instruments=BTCUSDT")

    assert (status, problem["candidates"]) == (422, [spot, BTC])


async def test_without_a_socket_only_the_query_is_checked(server: Server) -> None:
    def status(path: str) -> Any:
        return server.service.call("GET", path).status_code

    found = await asyncio.to_thread(lambda: [status("/api/v1/stream"), status("/api/v1/stream?topics=x")])

    assert found == [426, 422]


async def test_figures_count_sockets_and_frames(server: Server) -> None:
    async with server.open() as first, server.open():
        await server.store(4)
        await receive(first, 5)
        await server.until(STREAM_FRAMES, 8, "signal")
        await server.until(STREAM_SOCKETS, 2)
    await server.until(STREAM_SOCKETS, 0)

    assert server.figure(STREAM_FRAMES, "hello") == 2
    assert server.figure(STREAM_CUT, "1013") == 0
