"""Clients that send garbage, too much, or never read: they are cut off, and nobody else feels it."""

import asyncio
import logging
import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from msray.api.state import InstrumentSnapshot
from msray.api.stream import MAX_SOCKETS
from msray.store.ledger_records import SignalQuery, StoredSignal
from msray.telemetry.families import HTTP_REQUESTS, STREAM_CUT, STREAM_FRAMES, STREAM_SKIPPED, STREAM_SOCKETS
from tests.api.service import Books
from tests.api.streaming import PATH, Server, ending, receive, seqs, streaming
from tests.store.examples import BTC, ETH
from tests.waiting import standstill, until

GET = f"GET {PATH}".encode()
UPGRADE = b" HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
BIG = {f"feature_{number}": 0.1 * number for number in range(60)}


@pytest.fixture(autouse=True)
def nothing_is_our_mistake(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=True)


def close_code(answer: bytes) -> int:
    """Of the close frame at the end of what a server sent."""
    at = answer.rindex(b"\x88")
    return int(struct.unpack("!H", answer[at + 2 : at + 4])[0])


async def test_a_message_is_answered_with_what_is_wrong_and_1008(server: Server) -> None:
    detail = "this socket takes no messages; all you want stands in its URL"
    for message in ("", "ping", '{"type":"subscribe","topics":["books"]}', b"\x00", b"", "x" * 16_000):
        async with server.open() as link:
            await receive(link, 1)
            await link.send(message)

            assert await ending(link) == (1008, [{"type": "error", "code": 1008, "detail": detail}])


async def test_frames_that_are_none_are_closed_with_what_is_wrong(server: Server) -> None:
    garbage: list[tuple[bytes, int]] = [
        (b"\xff" * 500, 1002),
        (b"\x00" * 500, 1002),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
        (Frame(Opcode.TEXT, b"unmasked").serialize(mask=False), 1002),
        (frame(Opcode.CONT, b"of nothing"), 1002),
        (b"\x89\xfe\x00\xc8" + b"\0" * 204, 1002),
        (frame(Opcode.CLOSE, b"\x00"), 1002),
        (frame(Opcode.CLOSE, struct.pack("!H", 5000)), 1002),
        (frame(Opcode.TEXT, b"x" * 20_000), 1009),
        (frame(Opcode.TEXT, b"x" * 10_000, fin=False) + frame(Opcode.CONT, b"x" * 10_000), 1009),
        (b"\x82\xff" + (1 << 40).to_bytes(8) + b"\0" * 4, 1009),
        (frame(Opcode.BINARY, bytes(range(256))), 1008),
        (frame(Opcode.TEXT, b"") * 1000, 1008),
    ]

    answers = await asyncio.gather(*(server.ask(data, is_open=True) for data, _ in garbage))

    assert [close_code(answer) for answer in answers] == [code for _, code in garbage]
    await server.until(STREAM_SOCKETS, 0)


async def test_ten_megabytes_are_cut_off(server: Server) -> None:
    async with server.open() as link:
        await receive(link, 1)
        with pytest.raises(ConnectionClosed):
            for _ in range(100):
                await link.send(b"x" * 10_000_000)
    await server.until(STREAM_SOCKETS, 0)


async def test_text_that_is_not_utf8_is_1007(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    assert close_code(await server.ask(frame(Opcode.TEXT, b"\xff\xfe"), is_open=True)) == 1007
    caplog.clear()  # uvicorn logs it as if it were its own


async def test_a_ping_is_answered(server: Server) -> None:
    async with server.open() as link:
        assert await asyncio.wait_for(await link.ping(b"there?"), 5) >= 0


async def test_a_handshake_that_is_none_is_answered_and_not_left_open(server: Server) -> None:
    heads: list[tuple[bytes, int]] = [
        (GET + UPGRADE + b"\r\n", 400),
        (GET + UPGRADE + b"Sec-WebSocket-Key: short\r\n\r\n", 400),
        (GET + UPGRADE.replace(b"13", b"8") + KEY + b"\r\n", 400),
        (b"POST" + GET[3:] + UPGRADE + KEY + b"\r\n", 405),
        (GET + UPGRADE + KEY + b"Content-Length: 5\r\n\r\nhello", 400),
        (GET + UPGRADE + KEY + b"X: " + b"y" * 9_000 + b"\r\n\r\n", 400),
        (GET + UPGRADE + KEY + b"X: y\r\n" * 200 + b"\r\n", 400),
        (GET + b"?" + b"x" * 9_000 + UPGRADE + KEY + b"\r\n", 400),
        (GET + UPGRADE + KEY + (b"X: " + b"y" * 7_000 + b"\r\n") * 5 + b"\r\n", 431),
        (b"GET /api/v1/nowhere" + UPGRADE + KEY + b"\r\n", 403),
        (b"GET /health" + UPGRADE + KEY + b"\r\n", 403),
    ]

    answers = await asyncio.gather(*(server.ask(head) for head, _ in heads))

    assert [int(answer[9:12]) for answer in answers] == [status for _, status in heads]


@pytest.mark.parametrize("ends", ["half", "gone", "reset"])
async def test_a_client_that_hangs_up_leaves_nothing(server: Server, ends: str) -> None:
    reader, writer = await server.raw()
    await server.until(STREAM_SOCKETS, 1)
    if ends == "half":
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
    elif ends == "gone":
        writer.close()
    else:
        writer.transport.abort()

    await server.until(STREAM_SOCKETS, 0)
    await server.store(1)
    async with server.open("?resume_from=0") as link:
        assert seqs(await receive(link, 2)) == [1]


async def test_a_client_that_hangs_up_while_it_is_let_in_leaves_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, has_left = server.service.store.page, asyncio.Event()

    async def slow_page(query: SignalQuery) -> list[StoredSignal]:
        await has_left.wait()
        return await page(query)

    monkeypatch.setattr(server.service.store, "page", slow_page)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(GET + UPGRADE + KEY + b"\r\n")
    await server.until(STREAM_SOCKETS, 1)
    writer.transport.abort()
    await until(lambda: not server.connections)
    has_left.set()

    await server.until(STREAM_SOCKETS, 0)
    assert server.figure(STREAM_FRAMES, "signal") == 0


async def test_as_many_as_may_be_are_served_and_one_more_is_told_when_to_come_back(server: Server) -> None:
    links = [await server.open() for _ in range(MAX_SOCKETS)]
    status, problem = await server.refused()
    await server.store(3)
    got = [seqs(await receive(link, 4)) for link in links]
    await asyncio.gather(*(link.close() for link in links))

    assert (status, problem["status"]) == (503, 503)
    assert got == [[1, 2, 3]] * MAX_SOCKETS
    await server.until(STREAM_SOCKETS, 0)
    async with server.open() as link:
        await receive(link, 1)


async def test_who_never_reads_is_cut_off_and_nobody_else_notices(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.api.stream.STALL_S", 0.5)
    silent = [(await server.raw())[1] for _ in range(5)]
    for one in silent:
        one.transport.pause_reading()  # type: ignore[attr-defined]
    delays, stored = [], 0
    async with server.open() as link:
        await receive(link, 1)
        while server.figure(STREAM_CUT, "1013") < len(silent):
            started = time.monotonic()
            await server.store(200, first=stored, features=BIG)
            stored += 200
            frames = await receive(link, 200)
            delays.append(time.monotonic() - started)
            assert frames[-1]["seq"] == stored
            assert stored < 20_000

    await server.until(STREAM_SOCKETS, 0)
    assert sorted(delays)[len(delays) // 2] < 1.0
    await until(lambda: not server.connections)
    for one in silent:
        one.close()


async def test_who_reads_on_after_he_was_given_up_sees_1013(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.stream.STALL_S", 0.5)
    reader, writer = await server.raw("?resume_from=0")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await server.store(1000, features=BIG)
    await server.until(STREAM_CUT, 1, "1013")
    writer.transport.resume_reading()  # type: ignore[attr-defined]

    assert close_code(await asyncio.wait_for(reader.read(), 10)) == 1013
    writer.close()


async def test_a_slow_reader_of_books_skips_to_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.stream_feed.POLL_S", 0.002)
    books = Books()
    levels = [(6_100_000 + level, 12_345) for level in range(100)]

    def move(update_id: int) -> None:
        for name in (BTC, ETH):
            books._snapshots[name] = InstrumentSnapshot(
                instrument=name, state="synced", update_id=update_id, price_decimals=2, bids=levels, asks=levels
            )

    async with streaming(tmp_path, books) as server:
        reader, writer = await server.raw("?topics=books&depth=100")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for update_id in range(1, 401):
            move(update_id)
            await asyncio.sleep(0.005)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        data = b""
        async with asyncio.timeout(5):
            while data.count(b'"update_id":400,') < 2:
                data += await reader.read(1 << 20)
        writer.close()
        sent, skipped = server.figure(STREAM_FRAMES, "book"), server.figure(STREAM_SKIPPED)

    told = sum(int(text) for text in re.findall(rb'"skipped":([0-9]+)', data))
    assert data.count(b'"type":"book"') == sent
    assert told == skipped
    assert sent + skipped == 800
    assert skipped > 400


async def test_who_reads_again_in_time_is_only_late(server: Server) -> None:
    reader, writer = await server.raw("?resume_from=0")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    for first in range(0, 1500, 500):
        await server.store(500, first=first, features=BIG)
    assert await standstill(lambda: server.figure(STREAM_FRAMES, "signal")) < 1500
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(10):
        data = b""
        while b'"seq":1500,' not in data:
            data += await reader.read(1 << 20)
    writer.close()

    places = [data.index(b'"topic":"signals","seq":%d,' % seq) for seq in range(1, 1501)]
    assert places == sorted(places)
    assert data.count(b'"topic":"signals"') == 1500


async def test_refused_handshakes_are_counted(server: Server) -> None:
    await server.refused("?topics=x")

    assert server.figure(HTTP_REQUESTS, "GET", PATH, "422") == 1
