"""The stream as a whole: with a source that does as it is told, and with markets that a pipeline can sync on."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from msray.errors import UnavailableError, UsageError
from msray.feeds.outlet import Idle, Outlet
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.recorded import RecordedSource
from msray.feeds.recorder import Recorder, SequenceWatch
from msray.feeds.replay import open_replay
from msray.feeds.stream import DataStreamer
from msray.feeds.synthetic import SyntheticSource
from msray.market import Instrument
from msray.prediction import Disconnected, LogEvent, Requested
from tests.feeds.clocks import ManualClock, settle
from tests.feeds.made import arrived, frame_rows, plain
from tests.instruments import ETH, SPOT, USDM
from tests.waiting import until

COINM = Instrument(venue="binance_coinm", symbol="SYNUSD_PERP", price_decimals=1, size_decimals=0, tick=1, grid=1)
MARKETS = (
    Instrument(venue="binance_usdm", symbol="SYNUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1),
    Instrument(venue="binance_spot", symbol="SYNUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1),
    Instrument(venue="binance_usdm", symbol="SYN2USDT", price_decimals=1, size_decimals=3, tick=1, grid=1),
    COINM,
)


class ToldSource:
    """Emits what a test says, when it says it."""

    def __init__(self) -> None:
        self.outlet: Outlet | None = None
        self.requested: list[tuple[str, int]] = []
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_over = False

    async def run(self, instruments: Sequence[Instrument], outlet: Outlet) -> None:
        self.outlet = outlet
        try:
            await self.end
        finally:
            self.is_over = True

    def emit(self, event: LogEvent) -> None:
        assert self.outlet is not None, "it does not run yet"
        self.outlet.emit(event)

    def request_snapshot(self, instrument_id: str, priority: int) -> None:
        self.requested.append((instrument_id, priority))


async def test_it_begins_with_nothing_known_and_hands_on_in_order() -> None:
    clock, source = ManualClock(), ToldSource()
    stream = DataStreamer([USDM, SPOT], source, clock=clock)

    first = await anext(stream)
    await settle()
    for event in (arrived("binance_usdm", [b"x"]), Requested(USDM.id, 2)):
        source.emit(event)

    assert first == Disconnected((USDM.id, SPOT.id), clock.now_ns())
    assert [plain(await anext(stream))[0] for _ in range(2)] == ["arrived", "requested"]  # type: ignore[arg-type]
    await stream.aclose()
    assert source.is_over


async def test_what_came_before_it_was_closed_can_still_be_taken(tmp_path: Path) -> None:
    """All of it is in the log, so all of it has to be folded."""
    clock, source = ManualClock(), ToldSource()
    stream = DataStreamer([USDM], source, raw_log=RawLogWriter(tmp_path, [USDM], clock), clock=clock)
    await anext(stream)
    await settle()
    for number in range(3):
        source.emit(Requested(USDM.id, number))

    await stream.aclose()

    assert [event async for event in stream] == [Requested(USDM.id, number) for number in range(3)]
    assert len(list(RawLog([tmp_path]).events())) == 2 + 3
    await stream.aclose()


async def test_it_wakes_up_where_nothing_comes() -> None:
    clock, source = ManualClock(), ToldSource()
    async with DataStreamer([USDM], source, clock=clock) as stream:
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await settle()
        assert not waiting.done()

        await clock.advance(0.2)

        assert waiting.result() == Idle(clock.now_ns())


async def test_it_ends_with_its_source_once_everything_was_taken() -> None:
    source = ToldSource()
    async with DataStreamer([USDM], source, clock=ManualClock()) as stream:
        await anext(stream)
        await settle()
        source.emit(Requested(USDM.id, 1))
        source.end.set_result(None)
        await settle()

        assert [event async for event in stream] == [Requested(USDM.id, 1)]


async def test_what_the_source_raises_comes_out_behind_what_it_brought() -> None:
    source = ToldSource()
    async with DataStreamer([USDM], source, clock=ManualClock()) as stream:
        await anext(stream)
        await settle()
        source.emit(Requested(USDM.id, 1))
        source.end.set_exception(UnavailableError("no connection is left"))
        await settle()

        assert await anext(stream) == Requested(USDM.id, 1)
        with pytest.raises(UnavailableError, match="no connection is left"):
            await anext(stream)


async def test_requests_go_to_the_source() -> None:
    source = ToldSource()
    async with DataStreamer([USDM], source, clock=ManualClock()) as stream:
        stream.request_snapshot(USDM.id, priority=3)

    assert source.requested == [(USDM.id, 3)]


async def test_the_log_is_brought_to_the_disk_every_second_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, source, synced = ManualClock(), ToldSource(), []
    writer = RawLogWriter(tmp_path, (USDM,), clock)
    monkeypatch.setattr(writer, "sync", lambda: synced.append(clock.monotonic_ns()))
    async with DataStreamer([USDM], source, raw_log=writer, clock=clock) as stream:
        await anext(stream)
        for _ in range(3):
            await clock.advance(1.0)
            await until(lambda: synced[-1:] == [clock.monotonic_ns()])  # in another thread

    assert synced == [1_000_000_000, 2_000_000_000, 3_000_000_000]
    RawLogWriter(tmp_path, (USDM,), clock).close()  # nobody holds the folder any more


async def test_a_disk_that_fails_is_told_and_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, source = ManualClock(), ToldSource()
    writer = RawLogWriter(tmp_path, (USDM,), clock)

    def fail() -> None:
        raise UnavailableError("raw log cannot be written: Input/output error")

    monkeypatch.setattr(writer, "sync", fail)
    async with DataStreamer([USDM], source, raw_log=writer, clock=clock) as stream:
        await anext(stream)
        await clock.advance(1.0)
        await until(lambda: stream.log_problem)

        assert "Input/output error" in stream.log_problem
        events = []
        while not events or not isinstance(events[-1], Disconnected):
            events.append(await anext(stream))


# -------------------------------------------------------------------- synthetic and recorded markets


async def collected(stream: DataStreamer, watch: SequenceWatch, clock: ManualClock) -> list[LogEvent]:
    """Drive a stream as a shard does."""
    events: list[LogEvent] = []
    async with stream:
        async for event in stream:
            if isinstance(event, Idle):
                continue
            watch.apply(event)
            events.append(event)
            for instrument_id in watch.wants_snapshots(clock.now_ns()):
                stream.request_snapshot(instrument_id)
    return events


class RunningClock(ManualClock):
    """Every sleep is over at once, and the time it took has passed."""

    async def sleep(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1e9)
        await asyncio.sleep(0)


async def test_synthetic_markets_sync_and_what_was_logged_replays_to_the_same(tmp_path: Path) -> None:
    clock = ManualClock()
    source = SyntheticSource(11, speed=0, seconds=20, clock=RunningClock())
    writer = RawLogWriter(tmp_path, MARKETS, clock)
    live = SequenceWatch(MARKETS)

    events = await collected(DataStreamer(MARKETS, source, raw_log=writer, clock=clock), live, clock)
    log = RawLog([tmp_path])
    replayed = SequenceWatch(log.instruments)
    back = list(log.events(most_frames=1))[1:]
    for event in back:
        replayed.apply(event)

    assert [plain(event) for event in back] == [plain(event) for event in events]
    for name, sync in live.syncs.items():
        assert (sync.state, sync.counts.gaps, sync.counts.snapshots) == ("synced", 0, 1), name
        assert (sync.book_id, sync.counts) == (replayed.syncs[name].book_id, replayed.syncs[name].counts)
    assert not live.refused
    kinds = {b'"depthUpdate"' in row[3] for row in frame_rows(events)}
    assert kinds == {True, False}


async def test_a_synthetic_market_keeps_the_speed_that_was_asked_for() -> None:
    clock = RunningClock()
    source = SyntheticSource(1, speed=4.0, seconds=10, clock=clock)
    outlet = Outlet([MARKETS[0].id], clock)

    await source.run(MARKETS[:1], outlet)

    assert 2.4e9 <= clock.monotonic_ns() <= 2.5e9
    with pytest.raises(UsageError, match="speed must be 0"):
        SyntheticSource(1, speed=-1.0)


async def test_a_recording_streams_as_it_replays(tmp_path: Path, data_dir: Path) -> None:
    path = data_dir / "binance_2023-04-04_usdm_spot" / "usdm" / "btcusdt_20230404.dat.gz"
    replay, clock = open_replay([path]), ManualClock()
    watch = SequenceWatch(replay.instruments)
    source = RecordedSource(open_replay([path]), speed=1000.0, clock=RunningClock())

    events = await collected(DataStreamer(replay.instruments, source, clock=clock), watch, clock)

    assert frame_rows(events) == frame_rows(list(replay.events()))
    sync = watch.syncs["binance_usdm:BTCUSDT"]
    assert (sync.state, sync.counts.snapshots, sync.counts.gaps) == ("synced", 1, 0)


async def test_a_recorded_stream_of_other_instruments_is_refused(tmp_path: Path) -> None:
    RawLogWriter(tmp_path, (USDM,), ManualClock()).close()
    source = RecordedSource(open_replay([tmp_path]))

    with pytest.raises(UsageError, match="must be those of its recording"):
        async with DataStreamer([ETH], source, clock=ManualClock()) as stream:
            async for _ in stream:
                pass


async def test_a_recorder_stops_when_its_time_is_over_and_counts(tmp_path: Path) -> None:
    clock = RunningClock()
    source = SyntheticSource(3, speed=1.0, clock=clock)
    writer = RawLogWriter(tmp_path, MARKETS[:2], clock)
    told: list[int] = []

    async with DataStreamer(MARKETS[:2], source, raw_log=writer, clock=clock) as stream:
        recorder = Recorder(stream, clock)
        await recorder.run(seconds=30.0, progress=lambda recorded: told.append(recorded.events))

    recorded = recorder.recorded
    assert recorded.events == told[-1] > 20
    assert set(recorded.states.values()) == {"synced"}
    assert set(recorded.snapshots.values()) == {1}
    assert RawLog([tmp_path]).instruments == MARKETS[:2]
    assert len(frame_rows(list(RawLog([tmp_path]).events()))) >= recorded.frames


async def test_a_stream_nobody_reads_holds_a_bounded_backlog() -> None:
    clock = RunningClock()
    source = SyntheticSource(3, speed=0, clock=clock)
    outlet = Outlet([one.id for one in MARKETS], clock)

    running = asyncio.create_task(source.run(MARKETS, outlet))
    for _ in range(3000):
        await asyncio.sleep(0)
    backlog = len(outlet)
    await settle()

    assert len(outlet) == backlog
    assert outlet.is_full
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
