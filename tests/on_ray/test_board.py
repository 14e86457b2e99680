"""The board: what it shows of shards and replicas, and of those that say nothing any more."""

import math

from msray.api.state import InstrumentSnapshot
from msray.on_ray.board import SILENT_S, BoardService
from msray.on_ray.replica_figures import ENDED_S
from msray.on_ray.shard_report import ShardUpdate, pack, unpack
from msray.telemetry.families import HTTP_REQUESTS, HTTP_SECONDS, STREAM_SOCKETS
from msray.telemetry.metrics import Figures, Sample, exposition
from tests.feeds.clocks import ManualClock
from tests.on_ray.shards import an_update

NAME = "binance_usdm:BTCUSDT"


def said(number: int) -> ShardUpdate:
    book = InstrumentSnapshot(instrument=NAME, state="synced", update_id=number, bids=((100, 1),), asks=((101, 1),))
    return an_update(number, book)


async def test_a_book_is_shown_as_long_as_its_shard_speaks() -> None:
    clock = ManualClock()
    board = BoardService(clock)
    await board.push(said(1))
    shown = await board.look()

    clock.pause(SILENT_S + 1)
    silent = await board.look(shown.version)
    unchanged = await board.look(silent.version)
    await board.push(said(2))
    back = await board.look(silent.version)

    assert [(one.state, one.bids) for one in shown.instruments] == [("synced", ((100, 1),))]
    assert [(one.state, one.bids) for one in silent.instruments] == [("unsynced", ())]
    assert [shard.shard for shard in silent.shards] == ["shard-0"]
    assert unchanged.instruments == ()
    assert [(one.state, one.update_id) for one in back.instruments] == [("synced", 2)]


async def test_an_update_that_comes_late_or_twice_changes_nothing() -> None:
    board = BoardService(ManualClock())
    await board.push(said(2))
    before = await board.look()

    await board.push(said(1))
    await board.push(said(2))

    assert (await board.look()) == before


GET = ("GET", "/health", "200")


def a_replica(requests: int, sockets: int) -> Sample:
    figures = Figures()
    for _ in range(requests):
        figures.add(HTTP_REQUESTS, *GET)
        figures.observe(HTTP_SECONDS, "/health", value=0.5)
    figures.set(STREAM_SOCKETS, value=sockets)
    return figures.sample()


async def told(board: BoardService) -> dict[str, float]:
    """Requests, requests that took half a second or less, their seconds, and open sockets."""
    lines = [line for line in exposition((await board.look()).samples).splitlines() if not line.startswith("#")]
    values = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
    names = {
        "requests": 'microstructure_http_requests_total{method="GET",route="/health",status="200"}',
        "in_half_a_second": 'microstructure_http_request_seconds_bucket{le="0.5",route="/health"}',
        "seconds": 'microstructure_http_request_seconds_sum{route="/health"}',
        "sockets": "microstructure_stream_sockets",
    }
    return {short: values[name] for short, name in names.items()}


async def test_two_replicas_add_up_and_each_is_told_the_sum() -> None:
    board = BoardService(ManualClock())

    await board.tell("one", a_replica(1, sockets=7), 0)
    first = await board.tell("two", a_replica(4, sockets=2), 0)
    await board.tell("one", a_replica(3, sockets=5), 0)
    second = await board.tell("two", a_replica(4, sockets=2), 0)

    assert exposition(first.samples) != exposition(second.samples) == exposition((await board.look()).samples)
    assert await told(board) == {"requests": 7, "in_half_a_second": 7, "seconds": 3.5, "sockets": 7}


async def test_a_replica_that_goes_takes_its_gauges_along_and_leaves_its_totals() -> None:
    clock = ManualClock()
    board = BoardService(clock)
    await board.tell("one", a_replica(3, sockets=5), 0)

    clock.pause(SILENT_S + 1)
    await board.tell("two", a_replica(4, sockets=2), 0)
    gone = await told(board)
    clock.pause(ENDED_S)
    await board.tell("three", a_replica(1, sockets=1), 0)
    long_gone = await told(board)

    assert gone == {"requests": 7, "in_half_a_second": 7, "seconds": 3.5, "sockets": 2}
    assert long_gone == {"requests": 8, "in_half_a_second": 8, "seconds": 4.0, "sockets": 1}


async def test_a_replica_that_speaks_again_is_counted_once() -> None:
    clock = ManualClock()
    board = BoardService(clock)
    await board.tell("one", a_replica(3, sockets=5), 0)

    clock.pause(ENDED_S)
    silent = await told(board)
    await board.tell("one", a_replica(4, sockets=2), 0)

    assert silent == {"requests": 3, "in_half_a_second": 3, "seconds": 1.5, "sockets": 0}
    assert await told(board) == {"requests": 4, "in_half_a_second": 4, "seconds": 2.0, "sockets": 2}


def test_a_book_travels_as_it_is() -> None:
    book = InstrumentSnapshot(
        instrument=NAME,
        state="synced",
        update_id=2**62,
        bids=((100, 2**62),),
        quality={"gaps": 3, "clock_offset_ms": None, "latency_ms": 2.5},
        features={"spread": 0.5, "imbalance_l5": math.nan},
    )

    there = unpack(pack(book))

    assert repr(there) == repr(book)
