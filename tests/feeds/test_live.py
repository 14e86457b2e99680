"""The live source against the simulator: real sockets, real REST, faults on purpose."""

import asyncio
import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msray.book import L2Book, SyncLimits
from msray.clock import SystemClock
from msray.errors import UnavailableError, UnknownNameError, UsageError
from msray.features import NAMES
from msray.feeds.listings import fetch_listings
from msray.feeds.live import WebSocketSource
from msray.feeds.outlet import Idle
from msray.feeds.polled import PolledSource
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.recorder import SequenceWatch
from msray.feeds.replay import drive, open_replay
from msray.feeds.stream import DataStreamer
from msray.market import DEPTH, REFRESH, SNAPSHOT, Instrument, Records
from msray.prediction import Arrived, DetectionConfig, LogEvent, Pipeline, Requested
from msray.prediction.engine import Rows
from msray.simulator.books import BookView
from msray.simulator.faults import FaultPlan
from msray.simulator.recording import RecordingSource
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from tests.feeds.made import frame_rows

IDS = ["binance_usdm:SYNUSDT", "binance_spot:SYNUSDT", "binance_coinm:SYNUSD_PERP"]


def synthetic(seconds: float, seed: int = 5) -> SyntheticSource:
    return SyntheticSource(IDS, seed, start_ns=1_767_225_600_000_000_000, seconds=seconds)


class BookWatch(SequenceWatch):
    """A sequence watch that builds the books as well."""

    def __init__(self, instruments: tuple[Instrument, ...]) -> None:
        super().__init__(instruments)
        self.books = {instrument.id: L2Book(instrument) for instrument in instruments}
        for name, sync in self.syncs.items():
            feed = sync.feed
            sync.feed = lambda records, feed=feed, name=name: self._folded(name, feed(records))  # type: ignore[method-assign, misc]

    def _folded(self, name: str, parts: object) -> object:
        for part in parts:  # type: ignore[attr-defined]
            self._fold(self.books[name], part)
            yield part

    @staticmethod
    def _fold(book: L2Book, part: Records) -> None:
        for message in part.messages:
            span = (int(message["begin"]), int(message["end"]))
            if message["kind"] in (SNAPSHOT, REFRESH):
                book.load(part.levels[span[0] : span[1]], int(message["first_id"]))
            elif message["kind"] == DEPTH:
                book.apply(part.levels, *span)


async def follow(stream: DataStreamer, watch: SequenceWatch, is_over: Callable[[], bool]) -> list[LogEvent]:
    """Drive a stream as a shard does, until it is over and half a second longer."""
    events: list[LogEvent] = []
    clock, loop, end_s = SystemClock(), asyncio.get_running_loop(), float("inf")
    async with stream, asyncio.timeout(50):
        async for event in stream:
            if not isinstance(event, Idle):
                watch.apply(event)
                events.append(event)
            for instrument_id in watch.wants_snapshots(clock.now_ns()):
                stream.request_snapshot(instrument_id)
            if end_s == float("inf") and is_over():
                end_s = loop.time() + 0.5
            if loop.time() > end_s:
                break
    return events


def played(simulator: Simulator) -> Callable[[], bool]:
    """Tells whether everything has been sent."""
    return asyncio.ensure_future(simulator.played()).done


def settings(**options: object) -> SimulatorSettings:
    return SimulatorSettings(**({"speed": 40.0} | options))  # type: ignore[arg-type]


@pytest.mark.parametrize("is_fast", [False, True], ids=["websockets", "picows"])
async def test_books_of_three_markets_sync_and_end_where_the_market_does(is_fast: bool, tmp_path: Path) -> None:
    async with Simulator(synthetic(60), settings()) as simulator:
        listed = await fetch_listings(IDS, endpoint=simulator.url)
        watch = BookWatch(listed.instruments)
        writer = RawLogWriter(tmp_path, listed.instruments, SystemClock(), metadata={"exchange_info": listed.documents})
        source = WebSocketSource(simulator.url, is_fast=is_fast, rng=random.Random(1))

        await follow(DataStreamer(listed.instruments, source, raw_log=writer), watch, played(simulator))

        truth = {listing.instrument.id: listing.book.view() for listing in simulator.listings}
    assert [one.id for one in listed.instruments] == IDS
    assert len(source.connections) == 4
    assert source.snapshot_problems == {}
    for name, sync in watch.syncs.items():
        assert (sync.state, sync.counts.gaps, sync.counts.snapshots) == ("synced", 0, 1), name
        view = truth[name]
        assert sync.book_id == view.update_id
        book = BookView(view.instrument, view.update_id, view.event_ns, watch.books[name].levels())
        assert book.cut(100).tolist() == view.cut(100).tolist()
    replayed = BookWatch(RawLog([tmp_path]).instruments)
    for event in RawLog([tmp_path]).events():
        replayed.apply(event)
    for name, book in watch.books.items():
        assert replayed.books[name].levels().tolist() == book.levels().tolist()
        assert replayed.syncs[name].counts == watch.syncs[name].counts
    assert RawLog([tmp_path]).metadata["exchange_info"].keys() == {one.partition(":")[0] for one in IDS}


async def test_faults_are_marked_and_healed(tmp_path: Path) -> None:
    plan = FaultPlan.parse(
        "gap=0.003,duplicate=0.01,reorder=0.003,disconnect=0.001,stale_snapshot=0.2,failed_snapshot=0.2,until_s=50"
    )
    async with Simulator(synthetic(3600), settings(speed=30.0, faults=plan, seed=3)) as simulator:
        listed = await fetch_listings(IDS, endpoint=simulator.url)
        watch = SequenceWatch(listed.instruments)
        writer = RawLogWriter(tmp_path, listed.instruments, SystemClock())
        source = WebSocketSource(simulator.url, rng=random.Random(1))

        await follow(
            DataStreamer(listed.instruments, source, raw_log=writer),
            watch,
            lambda: simulator.player.market_s > 60 and all(sync.is_synced for sync in watch.syncs.values()),
        )

        injected = dict(simulator.faults.counts)
    assert len(injected) >= 4, injected
    replayed = SequenceWatch(RawLog([tmp_path]).instruments)
    for event in RawLog([tmp_path]).events():
        replayed.apply(event)
    for name, sync in watch.syncs.items():
        assert sync.state == "synced", (name, injected)
        assert sync.counts == replayed.syncs[name].counts
    assert sum(sync.counts.gaps for sync in watch.syncs.values()) > 0


async def test_a_recording_through_one_socket_is_the_recording(data_dir: Path) -> None:
    path = data_dir / "binance_2023-04-04_usdm_spot" / "usdm" / "btcusdt_20230404.dat.gz"
    replay = open_replay([path])
    async with Simulator(RecordingSource([path]), settings(speed=200.0, one_socket=True)) as simulator:
        source = WebSocketSource(simulator.url, one_socket=True, rng=random.Random(1))
        watch = SequenceWatch(replay.instruments)

        events = await follow(DataStreamer(replay.instruments, source), watch, played(simulator))

    def messages(rows: list[tuple[str, int, int, bytes]]) -> list[bytes]:
        """The inner objects of depth messages and trades."""
        inner = [row[3].partition(b'"data":')[2].removesuffix(b"}") for row in rows]
        return [text for text in inner if text.startswith((b'{"e":"depthUpdate"', b'{"e":"trade"'))]

    assert messages(frame_rows(events)) == messages(frame_rows(list(replay.events())))
    sync = watch.syncs["binance_usdm:BTCUSDT"]
    assert (sync.state, sync.counts.gaps) == ("synced", 0)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_recorded_market_that_is_audited_is_the_recording_to_the_last_feature(data_dir: Path) -> None:
    paths = [data_dir / "binance_2024-08-08_multi_venue"]
    replay, again = open_replay(paths), open_replay(paths)
    played_rows, replayed_rows = Kept(), Kept()
    async with Simulator(RecordingSource(paths), settings(speed=20.0, one_socket=True)) as simulator:
        source = WebSocketSource(simulator.url, one_socket=True, rng=random.Random(1))
        live = Pipeline(replay.instruments, DetectionConfig(), limits=OFTEN, sink=played_rows.of)

        events = await follow(DataStreamer(replay.instruments, source), live, played(simulator))

    drive(again, Pipeline(again.instruments, DetectionConfig(), sink=replayed_rows.of))
    asked = [event.instrument for event in events if isinstance(event, Requested)]
    assert all(asked.count(one.id) >= 2 for one in replay.instruments)
    assert sum(lane.sync.counts.audits_unusable for lane in live.lanes.values()) >= 5
    assert played_rows.digests() == replayed_rows.digests()


OFTEN = SyncLimits(audit_every_ns=11_000_000_000, renew_every_ns=11_000_000_000)


class Kept:
    """Row sinks of a pipeline that keep digests of all they were given but latencies, however it came in batches."""

    def __init__(self) -> None:
        self._of: dict[str, list[Any]] = {}

    def of(self, instrument: str) -> Callable[[Rows], None]:
        columns = self._of[instrument] = [hashlib.sha256() for _ in range(3)]

        def keep(rows: Rows) -> None:
            told = rows.messages["last_id"], rows.bests, np.delete(rows.values, NAMES.index("feed_latency_ms"), axis=1)
            for digest, column in zip(columns, told, strict=True):
                digest.update(column.tobytes())

        return keep

    def digests(self) -> dict[str, list[str]]:
        return {name: [column.hexdigest() for column in columns] for name, columns in self._of.items()}


async def test_a_polled_market_brings_a_snapshot_and_then_what_has_changed(tmp_path: Path) -> None:
    async with Simulator(synthetic(60), settings(waits=False)) as simulator:
        listed = await fetch_listings(IDS, endpoint=simulator.url)
        async with DataStreamer(listed.instruments, PolledSource(0.1, simulator.url)) as stream:
            events = []
            async with asyncio.timeout(20):
                async for event in stream:
                    events.append(event)
                    if sum(isinstance(one, Arrived) for one in events) == 9:
                        break

    rows = frame_rows(events)  # type: ignore[arg-type]
    assert {(row[0], row[1]) for row in rows} == {(name.partition(":")[0], 0) for name in IDS}
    firsts = {row[0]: row for row in reversed(rows)}.values()
    assert all((b'"lastUpdateId"' in row[3]) == (row in firsts) for row in rows)
    assert all((b'"depthUpdate"' in row[3]) != (row in firsts) for row in rows)
    assert sum(isinstance(one, Requested) for one in events) == 3


async def test_an_unknown_symbol_comes_with_its_nearest(tmp_path: Path) -> None:
    async with Simulator(synthetic(60), settings(waits=False)) as simulator:
        with pytest.raises(UnknownNameError, match="SYNUSD") as caught:
            await fetch_listings(["binance_usdm:SYNUSD"], endpoint=simulator.url)

    assert "SYNUSDT" in caught.value.hint


@pytest.mark.parametrize("ids", [[], ["BTCUSDT"], ["nowhere:BTCUSDT"], ["binance_spot:A", "binance_spot:A"]])
async def test_instruments_that_are_none_are_refused_before_anything_is_asked(ids: list[str]) -> None:
    with pytest.raises(UsageError):
        await fetch_listings(ids, endpoint="http://127.0.0.1:9")


async def test_a_place_where_nobody_is_cannot_be_reached() -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await fetch_listings(IDS, endpoint="http://127.0.0.1:9")


async def test_an_endpoint_that_is_no_address_ends_the_stream_with_the_reason() -> None:
    instrument = Instrument(venue="binance_spot", symbol="A", price_decimals=1, size_decimals=0, tick=1, grid=1)

    with pytest.raises(UsageError, match="endpoint must look like"):
        async with DataStreamer([instrument], WebSocketSource("nonsense")) as stream:
            async for _ in stream:
                pass
