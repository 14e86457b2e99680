"""A polled market: what a snapshot changes, and the whole chain against the simulator."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from msray.book import L2Book
from msray.clock import SystemClock
from msray.feeds.listings import fetch_listings
from msray.feeds.outlet import Idle, Outlet
from msray.feeds.polled import PolledBook, PolledSource
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.stream import DataStreamer
from msray.market import ASK, LEVEL, MESSAGE, SNAPSHOT, Levels, Records
from msray.prediction import Arrived, Disconnected, LogEvent, Pipeline
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from msray.venues import Frames
from tests.feeds.made import frame_rows
from tests.instruments import SPOT, USDM
from tests.prediction.made import NEVER_CALIBRATED

IDS = ("binance_usdm:SYNUSDT", "binance_spot:SYNUSDT", "binance_coinm:SYNUSD_PERP")
Seen = dict[tuple[str, int], tuple[Any, ...]]


class Market:
    """A polled simulator, a pipeline that follows it, and the best prices it had at each id."""

    def __init__(self, stream: DataStreamer) -> None:
        self.stream = stream
        self.pipeline = Pipeline(stream.instruments, NEVER_CALIBRATED)
        self.events: list[LogEvent] = []
        self.seen: Seen = {}

    async def follow(self, is_over: Callable[[], bool]) -> None:
        """Drive the pipeline as a shard does."""
        clock = SystemClock()
        async with asyncio.timeout(30):
            async for event in self.stream:
                if not isinstance(event, Idle):
                    self.apply(event)
                for instrument_id in self.pipeline.wants_snapshots(clock.now_ns()):
                    self.stream.request_snapshot(instrument_id)
                if is_over():
                    break

    def apply(self, event: LogEvent) -> None:
        self.pipeline.apply(event)
        self.events.append(event)
        note(self.pipeline, self.seen)

    def is_at_least(self, count: int) -> bool:
        """Whether every book was synced at so many ids."""
        return all(sum(name == one for name, _ in self.seen) >= count for one in self.pipeline.lanes)


def note(pipeline: Pipeline, seen: Seen) -> None:
    """Keep the touch of every synced book, as prices and sizes."""
    for name, lane in pipeline.lanes.items():
        if lane.sync.is_synced:
            best, instrument = lane.engine.book.best(), lane.engine.instrument
            assert best.bid_tick is not None and best.ask_tick is not None
            prices = instrument.price(best.bid_tick), instrument.price(best.ask_tick)
            sizes = instrument.size(best.bid_size), instrument.size(best.ask_size)
            seen[name, lane.sync.book_id] = ((prices[0], sizes[0]), (prices[1], sizes[1]))


def polled(simulator: Simulator) -> PolledSource:
    return PolledSource(0.1, simulator.url)


def simulator() -> Simulator:
    source = SyntheticSource(IDS, 5, start_ns=1_767_225_600_000_000_000, seconds=600)
    return Simulator(source, SimulatorSettings(speed=10.0, waits=False))


async def test_a_polled_book_is_synced_and_has_the_best_prices_of_the_market_at_every_id(tmp_path: Path) -> None:
    async with simulator() as market_place:
        listed = await fetch_listings(IDS, endpoint=market_place.url)
        log = RawLogWriter(tmp_path, listed.instruments, SystemClock())
        async with DataStreamer(listed.instruments, polled(market_place), raw_log=log) as stream:
            market = Market(stream)

            await market.follow(lambda: market.is_at_least(10))

        async with aiohttp.ClientSession() as session:
            for (name, update_id), touch in market.seen.items():
                venue, _, symbol = name.partition(":")
                wanted = {"venue": venue, "symbol": symbol, "id": str(update_id)}
                async with session.get(f"{market_place.url}/oracle/book", params=wanted) as answer:
                    truth = await answer.json()
                bid, ask = truth["bids"][0], truth["asks"][0]
                assert touch == ((float(bid[0]), float(bid[1])), (float(ask[0]), float(ask[1]))), (name, update_id)
        for listing in market_place.listings:
            lane = market.pipeline.lanes[listing.instrument.id]
            truth_view = listing.book.view(lane.sync.book_id)
            for side in (0, ASK):
                assert lane.engine.book.levels(side, 100).tolist() == truth_view.side(side, 100).tolist()

    for lane in market.pipeline.lanes.values():
        assert (lane.sync.state, lane.sync.counts.gaps, lane.sync.counts.snapshots) == ("synced", 0, 1)
    stored = list(RawLog([tmp_path]).events())
    replayed, again = Pipeline(RawLog([tmp_path]).instruments, NEVER_CALIBRATED), Seen()
    for event in stored:
        replayed.apply(event)
        note(replayed, again)
    assert market.seen.items() <= again.items()
    followed = frame_rows(market.events)
    assert frame_rows(stored)[: len(followed)] == followed


async def test_a_book_that_was_lost_is_had_again_and_one_that_is_audited_agrees() -> None:
    async with simulator() as market_place:
        listed = await fetch_listings(IDS, endpoint=market_place.url)
        async with DataStreamer(listed.instruments, polled(market_place)) as stream:
            market = Market(stream)
            await market.follow(lambda: market.is_at_least(2))

            market.apply(Disconnected(IDS[:2], SystemClock().now_ns()))
            stream.request_snapshot(IDS[2])
            lanes = market.pipeline.lanes
            await market.follow(
                lambda: (
                    all(lanes[name].sync.counts.snapshots == 2 for name in IDS[:2])
                    and lanes[IDS[2]].sync.counts.audits == 1
                )
            )

    assert [(lane.sync.state, lane.sync.counts.gaps) for lane in lanes.values()] == [("synced", 1)] * 2 + [
        ("synced", 0)
    ]
    assert all(lane.sync.counts.audits_unusable == 0 for lane in lanes.values())
    assert lanes[IDS[2]].engine.counts.audit_differences == 0


# ---------------------------------------------------------------- what a snapshot changes


def snapshot(update_id: int, bids: dict[int, int], asks: dict[int, int]) -> Records:
    levels = [(size, tick, 0) for tick, size in bids.items()] + [(size, tick, ASK) for tick, size in asks.items()]
    message = np.zeros(1, MESSAGE)
    message["kind"], message["last_id"], message["end"] = SNAPSHOT, update_id, len(levels)
    return Records(message, np.array(levels, LEVEL))


def rows(levels: Levels) -> list[tuple[int, int, int]]:
    """Side, tick and size of each level."""
    return [(side, tick, size) for size, tick, side in levels.tolist()]


@pytest.fixture
def book() -> PolledBook:
    polled_book = PolledBook(2)
    polled_book.restart(snapshot(7, {10: 1, 9: 2}, {12: 3, 13: 4}))
    return polled_book


def test_a_depth_message_follows_the_snapshot_before_and_holds_what_is_different(book: PolledBook) -> None:
    change = book.forward(snapshot(9, {10: 1, 9: 5}, {12: 3, 14: 6}), 1_000)

    message = change.messages[0]
    assert [int(message[name]) for name in ("first_id", "last_id", "prev_id", "event_ns")] == [8, 9, 7, 1_000]
    assert rows(change.levels) == [(0, 9, 5), (1, 13, 0), (1, 14, 6)]
    assert book.update_id == 9


def test_a_level_that_the_range_has_left_is_not_gone(book: PolledBook) -> None:
    change = book.forward(snapshot(8, {11: 1, 10: 1}, {13: 4, 14: 6}), 0)

    assert rows(change.levels) == [(0, 11, 1), (1, 12, 0), (1, 14, 6)]


def test_a_level_that_went_out_of_sight_is_gone_once_the_range_is_back(book: PolledBook) -> None:
    book.forward(snapshot(8, {11: 1, 10: 1}, {13: 4, 14: 6}), 0)

    change = book.forward(snapshot(9, {10: 1, 8: 1}, {13: 4, 14: 6}), 0)

    assert rows(change.levels) == [(0, 8, 1), (0, 9, 0), (0, 11, 0)]


def test_a_side_that_is_shorter_than_asked_for_is_known_whole(book: PolledBook) -> None:
    change = book.forward(snapshot(8, {10: 1}, {}), 0)

    assert rows(change.levels) == [(0, 9, 0), (1, 12, 0), (1, 13, 0)]


def test_a_finer_grid_keeps_what_was_said(book: PolledBook) -> None:
    book.regrid(10)

    assert rows(book.forward(snapshot(8, {100: 1, 90: 2}, {120: 3, 125: 1}), 0).levels) == [(1, 125, 1)]


@pytest.mark.parametrize("seed", range(5))
def test_a_book_that_follows_the_messages_has_every_level_that_is_in_sight(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth: dict[int, int] = {}
    middle, book, followed = 500, PolledBook(10), L2Book(USDM)
    for update_id in range(300):
        middle += int(rng.integers(-8, 9))
        truth = {tick: size for tick, size in truth.items() if rng.random() < 0.9}
        truth |= {int(tick): int(rng.integers(1, 9)) for tick in middle + rng.integers(-30, 30, 12)}
        bids = {tick: truth[tick] for tick in sorted(truth, reverse=True) if tick < middle}
        asks = {tick: truth[tick] for tick in sorted(truth) if tick > middle}
        shown = snapshot(update_id, dict(list(bids.items())[:10]), dict(list(asks.items())[:10]))

        if update_id:
            followed.apply(book.forward(shown, 0).levels)
        else:
            book.restart(shown)
            followed.load(shown.levels, 10)

        assert followed.levels(limit=10)[: len(shown.levels)].tolist() == shown.levels.tolist()


# ---------------------------------------------------------------- what is delivered


def answer(update_id: int, bid_size: str = "1") -> bytes:
    return f'{{"lastUpdateId":{update_id},"bids":[["1.50","{bid_size}"]],"asks":[["1.60","2"]]}}'.encode()


class Desk:
    """A source that runs and is told the answers by hand."""

    def __init__(self) -> None:
        self.outlet = Outlet([SPOT.id], SystemClock())
        self.source = PolledSource(86_400.0, "http://127.0.0.1:9")

    async def __aenter__(self) -> "Desk":
        self.task = asyncio.create_task(self.source.run([SPOT], self.outlet))
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def tell(self, payload: bytes) -> list[bytes]:
        """What is delivered of an answer."""
        self.source._take(Arrived(SPOT.venue, Frames.of([payload], 5_000_000, 0)), self.outlet)
        events = [self.outlet.take() for _ in range(len(self.outlet))]
        return [row[3] for row in frame_rows(events)]  # type: ignore[arg-type]


async def test_what_is_not_newer_is_not_delivered() -> None:
    async with Desk() as desk:
        assert desk.tell(answer(7)) == [answer(7)]

        assert desk.tell(answer(7)) == []
        assert desk.tell(answer(6, "3")) == []
        assert desk.tell(answer(9, "4.5")) == [
            b'{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":8,"u":9,"b":[["1.50000000","4.50000000"]],"a":[]}'
        ]


async def test_a_requested_snapshot_follows_the_change_that_leads_to_it() -> None:
    async with Desk() as desk:
        desk.tell(answer(7))
        desk.source.request_snapshot(SPOT.id, 0)
        desk.source.request_snapshot(SPOT.id, 0)

        assert desk.tell(answer(6)) == []
        assert desk.tell(answer(8)) == [
            b'{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":8,"u":8,"b":[],"a":[]}',
            answer(8),
        ]
        assert desk.tell(answer(8)) == []


async def test_an_answer_that_cannot_be_read_is_left_to_the_pipeline() -> None:
    async with Desk() as desk:
        assert desk.tell(b'{"lastUpdateId":') == [b'{"lastUpdateId":']
        assert desk.tell(answer(7)) == [answer(7)]


async def test_a_finer_grid_is_followed() -> None:
    async with Desk() as desk:
        desk.tell(answer(7))

        (change,) = desk.tell(answer(8).replace(b"1.60", b"1.605"))

        assert b'"b":[],"a":[["1.60000000","0.00000000"],["1.60500000","2.00000000"]]' in change
