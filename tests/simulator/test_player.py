"""The market's course, seen by real clients."""

import asyncio
import itertools
import json
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from msray.simulator import player
from msray.simulator.faults import FaultPlan
from msray.simulator.recording import RecordingSource
from msray.simulator.server import Simulator
from msray.simulator.source import Kind
from msray.simulator.synthetic import SyntheticSource, planted_changes
from tests.simulator.made import (
    COIN,
    SPOT,
    SYN,
    Reader,
    decimals,
    get,
    inner,
    naive_books,
    recorded,
    simulating,
    socket,
)
from tests.waiting import standstill, until

STREAMS = "/fapi/stream?streams=synusdt@depth/synusdt@trade"
FAULTS = "disconnect=0.004,gap=0.01,duplicate=0.02,reorder=0.01,corrupt=0.01,stale_snapshot=0.2,slow_snapshot=0.2"


async def read_all(link: websockets.ClientConnection) -> list[bytes]:
    """Everything until the connection ends."""
    messages = []
    try:
        while True:
            messages.append(await link.recv(decode=False))
    except ConnectionClosed:
        return messages


async def play_to(simulator: Simulator, *readers: Reader) -> None:
    """Let readers read to the end of the market."""
    async with asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(reader.run())
        await simulator.played()
        await simulator.drain()


def truth(source: SyntheticSource, index: int = 0) -> dict[int, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]]:
    """The book after every depth message, from a source of the same seed."""
    snapshot = source.listed[index].snapshot
    assert snapshot is not None
    own = (event.payload for event in source.events() if event.instrument == index and event.kind is Kind.DEPTH)
    return {update_id: (dict(book.bids), dict(book.asks)) for update_id, book in naive_books(snapshot, own)}


# ---------------------------------------------------------------- recordings


@pytest.mark.parametrize("combined", [False, True])
async def test_a_recording_through_one_socket_is_the_file_byte_for_byte(data_dir: Path, combined: bool) -> None:
    path = data_dir / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"
    expected = [
        inner(body)
        for _, body in itertools.islice(recorded(path), 12_000)
        if b'@depth@0ms"' in body[:40] or b'@trade"' in body[:40]
    ]
    if combined:  # under the names that were asked for
        heads = (b'{"stream":"btcusdt@depth","data":', b'{"stream":"btcusdt@aggTrade","data":')
        expected = [heads[b'"trade"' in body[:20]] + body + b"}" for body in expected]
    names = "btcusdt@depth/btcusdt@aggTrade"

    async with (
        simulating(RecordingSource([path])) as simulator,
        socket(simulator, f"/fapi/stream?streams={names}" if combined else f"/fapi/ws/{names}") as link,
    ):
        got = [await link.recv(decode=False) for _ in expected]

    assert got == expected


async def test_quotes_go_only_to_those_who_asked_for_them(data_dir: Path) -> None:
    path = data_dir / "binance_2024-08-08_multi_venue" / "spot" / "btcusdt_20240808.gz"
    async with (
        simulating(RecordingSource([path])) as simulator,
        socket(simulator, "/ws/btcusdt@bookTicker") as quotes,
        socket(simulator, "/ws/btcusdt@depth") as book,
        socket(simulator, "/ws/btcusdt@trade"),
    ):
        quoted = [json.loads(await quotes.recv()) for _ in range(200)]
        booked = [json.loads(await book.recv()) for _ in range(20)]

    assert all(set(message) == set("usbBaA") for message in quoted)
    assert all(message["e"] == "depthUpdate" for message in booked)


async def test_a_reader_of_a_recording_needs_one_snapshot_and_is_exact(data_dir: Path) -> None:
    path = data_dir / "binance_spot_nexousdt_24h" / "nexousdt_20240723.dat.gz"
    async with simulating(RecordingSource([path])) as simulator:
        reader = Reader(simulator, "binance_spot:NEXOUSDT")
        await play_to(simulator, reader)

    bodies = [body for _, body in recorded(path)]
    snapshot = next(body for body in bodies if body.startswith(b'{"lastUpdateId"'))
    books = naive_books(snapshot, (inner(body) for body in bodies if b'@depth@100ms"' in body[:40]))
    right = {update_id: (dict(book.bids), dict(book.asks)) for update_id, book in books}
    assert len(reader.books) == 119
    assert all(right[update_id] == book for update_id, book in reader.books.items())
    assert (reader.snapshots, reader.trades, reader.sync.counts.gaps) == (1, 178, 0)


async def test_nothing_is_sent_before_all_instruments_have_their_readers() -> None:
    source = SyntheticSource([SYN, SPOT], 1, seconds=5)
    async with simulating(source) as simulator, socket(simulator, STREAMS) as futures:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(futures.recv(), 0.2)
        async with socket(simulator, "/stream?streams=synusdt@depth") as spot:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(futures.recv(), 0.1)
            await spot.send('{"method":"SUBSCRIBE","params":["synusdt@trade"],"id":1}')
            await asyncio.wait_for(futures.recv(), 5)


async def test_full_speed_waits_while_an_instrument_has_no_reader() -> None:
    async with simulating(SyntheticSource([SYN], 1)) as simulator:
        async with socket(simulator, STREAMS) as link:
            await link.recv()
        await standstill(lambda: simulator.player.sent)
        async with socket(simulator, STREAMS) as link:
            await link.recv()


async def test_market_time_passes_at_the_speed_asked_for() -> None:
    source = SyntheticSource([SYN], 1, seconds=10)
    async with simulating(source, speed=20.0, waits=False) as simulator:
        start = time.monotonic()
        await simulator.played()
        seconds = time.monotonic() - start

    assert 0.45 < seconds < 5


# ---------------------------------------------------------------- sequence rules, with and without faults


@pytest.mark.parametrize("instrument_id", [SYN, SPOT, COIN])
async def test_without_faults_one_snapshot_is_enough_and_every_book_is_right(instrument_id: str) -> None:
    async with simulating(SyntheticSource([instrument_id], 3, seconds=60)) as simulator:
        reader = Reader(simulator, instrument_id)
        await play_to(simulator, reader)

    right = truth(SyntheticSource([instrument_id], 3, seconds=60))
    assert len(reader.books) > 50
    assert all(right[update_id] == book for update_id, book in reader.books.items())
    assert (reader.snapshots, reader.sync.counts.gaps, reader.refused) == (1, 0, 0)
    assert max(reader.books) == max(right)


@pytest.mark.parametrize(("instrument_id", "seed"), [(SYN, 1), (SPOT, 2), (COIN, 3)])
async def test_under_faults_no_book_is_wrong_and_all_heal_once_they_stop(instrument_id: str, seed: int) -> None:
    plan = FaultPlan.parse(FAULTS + ",slow_s=0.05,until_s=80")
    source = SyntheticSource([instrument_id], seed, seconds=200)
    async with simulating(source, speed=90.0, seed=seed, faults=plan) as simulator:
        reader = Reader(simulator, instrument_id)
        await play_to(simulator, reader)
        counts = simulator.faults.counts

    right = truth(SyntheticSource([instrument_id], seed, seconds=200))
    wrong = [update_id for update_id, book in reader.books.items() if right[update_id] != book]
    assert wrong == []
    assert reader.is_synced_at_end
    assert max(reader.books) == max(right)
    assert len(reader.books) > 30
    assert min(counts["gap"], counts["corrupt"], counts["reorder"], counts["duplicate"]) > 0
    assert reader.refused > 0


async def test_the_oracle_knows_the_book_at_past_ids_whatever_readers_got() -> None:
    plan = FaultPlan.parse("gap=0.3,corrupt=0.1")
    async with (
        simulating(SyntheticSource([SYN], 5, seconds=60), faults=plan) as simulator,
        socket(simulator, STREAMS) as link,
    ):
        await simulator.played()
        right = truth(SyntheticSource([SYN], 5, seconds=60))
        for update_id in [*list(right)[::60], max(right)]:
            status, book, _ = await get(simulator, "/oracle/book", symbol="SYNUSDT", id=update_id)
            assert (status, book["id"]) == (200, update_id)
            assert (decimals(book["bids"]), decimals(book["asks"])) == right[update_id]
        _, book, _ = await get(simulator, "/oracle/book", symbol="SYNUSDT", venue="binance_usdm")
        assert book["id"] == max(right)
        await link.close()


async def test_who_comes_later_gets_the_book_as_it_is_then() -> None:
    source = SyntheticSource([SYN], 7, seconds=60)
    async with simulating(source, speed=30.0) as simulator:
        early, late = Reader(simulator, SYN), Reader(simulator, SYN)
        async with asyncio.TaskGroup() as group:
            group.create_task(early.run())
            await until(lambda: len(early.books) > 5)
            group.create_task(late.run())
            await simulator.played()
            await simulator.drain()

    right = truth(SyntheticSource([SYN], 7, seconds=60))
    assert min(late.books) > min(early.books)
    assert all(right[update_id] == book for update_id, book in late.books.items())
    assert late.is_synced_at_end


async def test_truth_is_told_as_far_as_the_market_is() -> None:
    changes = planted_changes("first_s=5,every_s=30,last_s=5,jitter_s=0")
    async with simulating(SyntheticSource([SYN], 1, seconds=20, regimes=changes)) as simulator:
        _, before, _ = await get(simulator, "/oracle/truth")
        async with socket(simulator, STREAMS):
            await simulator.played()
            _, after, _ = await get(simulator, "/oracle/truth")

    assert before == {"changes": []}
    assert [(change["instrument"], change["kind"]) for change in after["changes"]] == [(SYN, "volatility")]


# ---------------------------------------------------------------- one fault at a time


async def messages_with(spec: str, seed: int = 0) -> tuple[list[bytes], list[bytes], Counter[str]]:
    """What one connection got, what the market said, and the faults; no connection is lost in between."""
    async with (
        simulating(SyntheticSource([SYN], 9, seconds=20), seed=seed, faults=FaultPlan.parse(spec)) as simulator,
        socket(simulator, "/fapi/ws/synusdt@depth/synusdt@trade") as link,
    ):
        reading = asyncio.create_task(read_all(link))
        await simulator.played()
        await get(simulator, "/fapi/v1/depth", symbol="SYNUSDT")  # else the end waits for it
        await simulator.drain()
        got = await reading
    said = [event.payload for event in SyntheticSource([SYN], 9, seconds=20).events()]
    return got, said, Counter({str(fault): count for fault, count in simulator.faults.counts.items()})


async def test_without_faults_a_connection_gets_what_the_market_says() -> None:
    got, said, counts = await messages_with("")

    assert got == said
    assert not counts


async def test_a_gap_leaves_a_depth_message_out() -> None:
    got, said, counts = await messages_with("gap=0.2")

    assert got == [message for message in said if message in set(got)]
    assert len(said) - len(got) == counts["gap"] > 10
    assert all(b"depthUpdate" in message for message in set(said) - set(got))


async def test_a_duplicate_comes_twice_in_a_row() -> None:
    got, said, counts = await messages_with("duplicate=0.2")

    assert [message for message, _ in itertools.groupby(got)] == said
    assert len(got) - len(said) == counts["duplicate"] > 10


async def test_a_reordered_message_comes_after_the_next_one_of_its_stream() -> None:
    got, said, counts = await messages_with("reorder=0.2")

    assert sorted(got) == sorted(said)
    assert counts["reorder"] > 10
    depth = [json.loads(message)["u"] for message in got if b"depthUpdate" in message]
    assert depth != sorted(depth)
    assert all(abs(depth.index(u) - i) <= 1 + counts["reorder"] for i, u in enumerate(sorted(depth)))


async def test_a_corrupt_message_is_no_json_and_differs_in_one_byte() -> None:
    got, said, counts = await messages_with("corrupt=0.2")

    damaged = [(a, b) for a, b in zip(got, said, strict=True) if a != b]
    assert len(damaged) == counts["corrupt"] > 10
    for wrong, right in damaged:
        assert sum(a != b for a, b in zip(wrong, right, strict=True)) == 1
        with pytest.raises(json.JSONDecodeError):
            json.loads(wrong)


async def test_a_seed_means_the_same_faults() -> None:
    one, two, other = [await messages_with("gap=0.1,duplicate=0.1,reorder=0.1,corrupt=0.1", seed) for seed in (4, 4, 5)]

    assert one[0] == two[0]
    assert one[0] != other[0]


async def test_a_disconnect_ends_connections_in_two_ways() -> None:
    codes = set()
    for seed in range(8):
        source = SyntheticSource([SYN], 9, seconds=20)
        async with (
            simulating(source, seed=seed, faults=FaultPlan.parse("t=3s:disconnect")) as simulator,
            socket(simulator, STREAMS) as link,
        ):
            await read_all(link)
            codes.add(link.close_code)

    assert codes == {1001, 1006}


async def test_a_stall_is_silence_on_an_open_connection() -> None:
    plan = FaultPlan.parse("t=3s:stall,stall_s=0.3")
    async with (
        simulating(SyntheticSource([SYN], 9), speed=20.0, faults=plan) as simulator,
        socket(simulator, "/fapi/ws/synusdt@depth/synusdt@trade") as link,
    ):
        stamps = []
        while len(stamps) < 2 or stamps[-1] - stamps[-2] < 0.2:
            message = json.loads(await asyncio.wait_for(link.recv(), 2))
            stamps.append(time.monotonic())
        assert 0.25 < stamps[-1] - stamps[-2] < 5
        assert message["E"] - 1_767_225_600_000 > 3_000
        await (await link.ping())


async def test_a_halt_is_silence_of_one_instrument_for_so_long() -> None:
    plan = FaultPlan.parse(f"t=5s:halt@{SYN},halt_s=10")
    source = SyntheticSource([SYN, "binance_usdm:OTHERUSDT"], 9, seconds=20)
    streams = "/".join(
        f"{name}@{kind}" for name in ("synusdt", "otherusdt") for kind in ("depth", "trade", "bookTicker")
    )
    async with (
        simulating(source, faults=plan) as simulator,
        socket(simulator, f"/fapi/ws/{streams}") as link,
    ):
        reading = asyncio.create_task(read_all(link))
        await simulator.played()
        await simulator.drain()
        messages = [json.loads(text) for text in await reading]
        _, info, _ = await get(simulator, "/fapi/v1/exchangeInfo")

    times = {name: sorted(one["E"] for one in messages if one["s"] == name) for name in ("SYNUSDT", "OTHERUSDT")}
    pauses = {name: sorted(after - at for at, after in itertools.pairwise(own)) for name, own in times.items()}
    assert pauses["OTHERUSDT"][-1] < 1_000
    assert pauses["SYNUSDT"][-2] < 1_000
    assert 10_000 <= pauses["SYNUSDT"][-1] < 11_000
    assert [entry["status"] for entry in info["symbols"]] == ["TRADING", "TRADING"]


async def test_a_stale_snapshot_is_an_older_true_book() -> None:
    plan = FaultPlan.parse("stale_snapshot=1,stale_messages=50")
    async with simulating(SyntheticSource([SYN], 5, seconds=30), faults=plan) as simulator, socket(simulator, STREAMS):
        await simulator.played()
        answers = [(await get(simulator, "/fapi/v1/depth", symbol="SYNUSDT", limit=1000))[1] for _ in range(9)]

    answers.pop(0)  # the opening one, which is as old as can be
    right = truth(SyntheticSource([SYN], 5, seconds=30))
    ids = list(right)
    ages = [len(ids) - 1 - ids.index(answer["lastUpdateId"]) for answer in answers]
    assert all(1 <= age <= 50 for age in ages)
    assert len(set(ages)) > 3
    assert all(decimals(answer["bids"]) == right[answer["lastUpdateId"]][0] for answer in answers)


# ---------------------------------------------------------------- readers that do not follow


async def test_a_reader_that_does_not_read_is_cut_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "MOST_BACKLOG_BYTES", 1 << 20)
    async with (
        simulating(SyntheticSource([SYN], 1), speed=5_000.0) as simulator,
        socket(simulator, STREAMS) as good,
        socket(simulator, STREAMS, max_queue=1) as stuck,
    ):
        reading = asyncio.create_task(read_all(good))
        for _ in range(500):
            await asyncio.sleep(0.02)
            most = max(connection.backlog for connection in simulator.hub.connections)
            assert most < 4 << 20
            if len(simulator.hub.connections) == 1:
                break
        assert len(simulator.hub.connections) == 1
        assert not reading.done()
        await read_all(stuck)
        assert stuck.close_code == 1006


async def test_full_speed_follows_the_slowest_reader_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "BLOCKED_S", 2.0)  # long enough to be seen to stand still
    async with (
        simulating(SyntheticSource([SYN], 1)) as simulator,
        socket(simulator, STREAMS) as good,
        socket(simulator, STREAMS, max_queue=1) as stuck,
    ):
        reading = asyncio.create_task(read_all(good))
        before = await standstill(lambda: simulator.player.sent)
        assert len(simulator.hub.connections) == 2, "the market waits"
        await until(lambda: len(simulator.hub.connections) == 1)
        await until(lambda: simulator.player.sent > before)
        assert not reading.done()
        await read_all(stuck)
