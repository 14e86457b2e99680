"""A shard as a plain class: what it does about its own past, and when it has to stop."""

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from msray.backtest import BacktestConfig, Desk, SignalFollower
from msray.clock import SystemClock
from msray.errors import UsageError
from msray.feeds import segment
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.recovery import signals_again, unsettled
from msray.market import Instrument, Signal
from msray.on_ray.holder import holder
from msray.on_ray.paper import Paper
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.shard_report import STATES, unpack
from msray.prediction import Requested
from msray.prediction.warm_up import warm_up
from msray.simulator.faults import FaultPlan
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from msray.store.ledger_records import LeaseLostError
from msray.store.ledger_store import LedgerStore
from tests.feeds.clocks import ManualClock
from tests.feeds.runs import live, market
from tests.on_ray.shards import Ledger, Running, running
from tests.prediction.made import CALIBRATED, NEVER_CALIBRATED

TODAY = Instrument(venue="binance_usdm", symbol="TODAYUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1)
"""Not one of those that the runs before watched."""
OTHER = replace(TODAY, symbol="OTHERUSDT")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    store = LedgerStore(f"{tmp_path}/ledger.db", clock=SystemClock())
    yield Ledger(store)
    store.close()


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    source = SyntheticSource([TODAY.id], 1, start_ns=1_767_225_600_000_000_000, seconds=3600.0)
    async with Simulator(source, SimulatorSettings(speed=10.0, one_socket=True)) as simulator:
        yield simulator.url


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """No shard has to wait for a compiler while its market goes on."""
    warm_up()


def plan(endpoint: str, folder: Path | None, instruments: Sequence[Instrument] = (TODAY,)) -> ShardPlan:
    return ShardPlan(
        name="shard-0",
        instruments=tuple(instruments),
        detection=NEVER_CALIBRATED,
        endpoint=endpoint,
        one_socket=True,
        raw_log=folder,
    )


def problems(one: Running) -> list[str]:
    """Those that are not about connections."""
    return [text for text in one.problems if not text.startswith("ws://")]


async def test_signals_of_instruments_that_others_have_today_are_found_again_too(
    endpoint: str, ledger: Ledger, tmp_path: Path
) -> None:
    folder = tmp_path / "shard-0"
    runs = [live(folder, market()), live(folder, market(), now_ns=1_767_300_000_000_000_000)]

    async with running(plan(endpoint, tmp_path), ledger) as one:
        await one.until(lambda: len(unsettled(folder)) == 1)
        await one.stop()

    assert {signal.signal_id for signal in ledger.signals()} >= {name for run in runs for name in run.signals()}
    assert unsettled(folder) == {}
    assert problems(one) == []


async def test_finding_again_waits_for_a_ledger_that_is_not_there(
    endpoint: str, ledger: Ledger, tmp_path: Path
) -> None:
    run = live(tmp_path / "shard-0", market())
    ledger.failures = 2

    async with running(plan(endpoint, tmp_path), ledger) as one:
        await one.until(lambda: len(unsettled(tmp_path / "shard-0")) == 1)
        await one.stop()

    assert {signal.signal_id for signal in ledger.signals()} >= set(run.signals())


async def test_a_run_that_cannot_be_gone_through_is_told_and_not_settled(
    endpoint: str, ledger: Ledger, tmp_path: Path
) -> None:
    folder = tmp_path / "shard-0"
    RawLogWriter(folder, [TODAY], ManualClock(), metadata={"detection": {"later_version": 1}}).close()
    (session,) = unsettled(folder)
    run = live(folder, market(), now_ns=1_767_300_000_000_000_000)

    async with running(plan(endpoint, tmp_path), ledger) as one:
        await one.until(lambda: bool(problems(one)) and run.session not in unsettled(folder))
        await one.stop()

    assert list(unsettled(folder)) == [session]
    assert len(problems(one)) == 1
    assert f"run {session} could not be gone through again" in problems(one)[0]
    assert {signal.signal_id for signal in ledger.signals()} >= set(run.signals())


async def test_a_calibration_for_other_words_is_let_be(endpoint: str, ledger: Ledger, tmp_path: Path) -> None:
    words = CALIBRATED.model_copy(update={"arl0": 21.0})
    calibration = next(iter(live(tmp_path / "elsewhere", market(), words=words).calibrations.values()))
    other = replace(calibration, instrument=TODAY.id)
    ledger.keep_calibration(other)

    async with running(plan(endpoint, tmp_path), ledger) as one:
        await one.until(lambda: any(shown.state == "synced" for shown in one.shard.snapshots()))
        await one.stop()

    metadata = RawLog([tmp_path / "shard-0"]).metadata
    assert metadata["calibrations"] == []
    assert problems(one) == []


async def test_who_lost_its_lease_stops_and_says_so(
    endpoint: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.on_ray.feed_shard.LEASE_S", 0.3)
    async with running(plan(endpoint, tmp_path), ledger) as one:
        await one.until(lambda: any(shown.state == "synced" for shown in one.shard.snapshots()))

        await ledger.lease([TODAY.id], "somebody else", 30.0)

        with pytest.raises(LeaseLostError):
            await asyncio.wait_for(asyncio.shield(one.task), 20)
    assert len(unsettled(tmp_path / "shard-0")) == 1, "the next one looks again"


async def test_leases_are_given_back_by_who_stops_in_good_order_and_kept_by_who_is_killed(
    endpoint: str, ledger: Ledger, tmp_path: Path
) -> None:
    async def held_after(is_killed: bool) -> dict[str, str]:
        async with running(plan(endpoint, tmp_path), ledger) as one:
            await one.until(lambda: any(shown.state == "synced" for shown in one.shard.snapshots()))
            await (one.kill() if is_killed else one.stop())
        return ledger.store_of.ledger.holders([TODAY.id])

    assert await held_after(is_killed=True) == {TODAY.id: holder("shard-0", socket.gethostname(), os.getpid())}
    assert await held_after(is_killed=False) == {}


async def test_a_ledger_that_is_away_for_a_while_ends_nothing(
    endpoint: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.on_ray.feed_shard.LEASE_S", 0.3)
    ledger.refused_renewals = 3

    async with running(plan(endpoint, tmp_path), ledger) as one:
        await one.until(lambda: ledger.refused_renewals == 0 and len(one.updates) > 5)
        await one.stop()

    assert len({update.status.started_ns for update in one.updates if update.status.started_ns}) == 1


def states(one: Running, instrument: Instrument) -> list[str]:
    """What was shown of an instrument, a word for each change."""
    books = (unpack(book) for update in one.updates for book in update.instruments)
    return [state for state, _ in itertools.groupby(book.state for book in books if book.instrument == instrument.id)]


async def test_a_halted_instrument_is_shown_so_and_gets_no_snapshot_until_it_trades_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    source = SyntheticSource([TODAY.id, OTHER.id], 1, start_ns=1_767_225_600_000_000_000, seconds=3600.0)
    faults = FaultPlan.parse(f"t=20s:halt@{TODAY.id},halt_s=110,t=30s:disconnect@{OTHER.id}")
    settings = SimulatorSettings(speed=10.0, one_socket=True, faults=faults)
    async with Simulator(source, settings) as simulator:
        work = plan(simulator.url, tmp_path, [TODAY, OTHER])
        async with running(work, ledger, silence_s=1.0) as one:
            await one.until(lambda: "halted" in states(one, TODAY))
            halted = one.updates[-1]
            await one.until(lambda: simulator.player.market_s > 100)
            lane = one.shard._lanes[TODAY.id]
            assert lane.sync.wants_snapshot(SystemClock().now_ns()), "its book was lost while it was silent"
            assert states(one, TODAY)[-1] == "halted"
            await one.until(lambda: states(one, TODAY)[-1] == "synced")
            await one.stop()

    assert states(one, TODAY)[1:-1].count("halted") == 1
    assert "halted" not in states(one, OTHER)
    (shown,) = [each for each in map(unpack, halted.instruments) if each.instrument == TODAY.id]
    assert (shown.bids, shown.asks) == ((), ())
    figures = halted.sample["microstructure_book_state"]
    assert {state: figures[TODAY.id, state] for state in STATES} == {
        "halted": (1.0,),
        "synced": (0.0,),
        "unsynced": (0.0,),
    }
    segments = segment.segment_paths(tmp_path / "shard-0")
    asked = [event for event in RawLog(segments).events() if isinstance(event, Requested)]
    assert [event.instrument for event in asked].count(TODAY.id) == 2, "at first, and when it traded again"
    again = [signal.signal_id for signals in signals_again(segments) for signal in signals]
    assert again
    assert sorted(again) == sorted(signal.signal_id for signal in ledger.signals())


async def test_an_instrument_that_does_not_trade_at_the_start_is_shown_so(ledger: Ledger) -> None:
    source = SyntheticSource([TODAY.id, OTHER.id], 1, start_ns=1_767_225_600_000_000_000, seconds=3600.0)
    faults = FaultPlan.parse(f"t=0s:halt@{TODAY.id},halt_s=1e6")
    async with (
        Simulator(source, SimulatorSettings(speed=10.0, one_socket=True, faults=faults)) as simulator,
        running(plan(simulator.url, None, [TODAY, OTHER]), ledger, silence_s=1.0) as one,
    ):
        await one.until(lambda: states(one, TODAY)[-1:] == ["halted"] and states(one, OTHER)[-1:] == ["synced"])
        await one.stop()

    assert states(one, TODAY) == ["unsynced", "halted"]


async def test_without_a_raw_log_it_runs_and_stops(endpoint: str, ledger: Ledger, tmp_path: Path) -> None:
    async with running(plan(endpoint, None), ledger) as one:
        await one.until(lambda: any(shown.state == "synced" for shown in one.shard.snapshots()))
        await one.stop()

    assert segment.segment_paths(tmp_path) == []
    assert unpack(one.updates[-1].instruments[0]).state == "synced"


async def test_a_raw_log_that_somebody_else_writes_is_refused(endpoint: str, ledger: Ledger, tmp_path: Path) -> None:
    writer = RawLogWriter(tmp_path / "shard-0", [TODAY], ManualClock())

    async with running(plan(endpoint, tmp_path), ledger) as one:
        with pytest.raises(UsageError, match="being written by another process"):
            await asyncio.wait_for(asyncio.shield(one.task), 20)
    with contextlib.suppress(OSError):
        writer.close()


class Failing(SignalFollower):
    """Raises when the first signal has come."""

    def on_signal(self, signal: Signal, desk: Desk) -> None:
        raise RuntimeError("a strategy of one's own")


async def test_paper_trading_that_fails_ends_alone_and_is_seen(
    endpoint: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("msray.on_ray.feed_shard.SignalFollower", Failing)
    trading = replace(plan(endpoint, tmp_path), paper=BacktestConfig(max_feed_delay_s=0.05))

    async with running(trading, ledger) as one:
        await one.until(lambda: one.updates and (paper := one.updates[-1].status.paper) and paper.failed)
        found = len(ledger.signals())
        await one.until(lambda: len(ledger.signals()) > found + 3)
        await one.stop()

    last = one.updates[-1]
    reason = "RuntimeError: a strategy of one's own (on_signal, line "
    assert last.status.paper is not None
    assert last.status.paper.failed.startswith(reason)
    assert last.status.paper.equity == 10_000.0
    assert [text for text in problems(one) if text.startswith(f"paper trading has ended: {reason}")]
    assert last.sample["microstructure_paper_failed"] == {(): (1.0,)}
    assert last.sample["microstructure_paper_halted"] == {(): (0.0,)}
    (logged,) = [record for record in caplog.records if record.name == "msray.on_ray.paper"]
    assert "a strategy of one's own" in str(logged.exc_info)
    assert unsettled(tmp_path / "shard-0") == {}


async def test_what_was_found_is_published_before_paper_trading_is_brought_to_its_end(
    endpoint: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(Paper, "finish", lambda self: told.append(len(one.updates)))

    async with running(replace(plan(endpoint, tmp_path), paper=BacktestConfig()), ledger) as one:
        await one.until(lambda: len(ledger.signals()) > 3)
        await one.stop()

    assert one.updates[told[0] - 1].status.signals_stored == len(ledger.signals())
    assert len(one.updates) == told[0] + 1
