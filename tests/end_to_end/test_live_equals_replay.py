"""The raw log of live runs replays to their signals, kills and all; a recording gives its own through a simulator."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from msray.backtest import BacktestConfig, BacktestingEngine, SignalFollower
from msray.backtest.config import LatencyConfig
from msray.cli.app import main
from msray.cli.replay import words_for
from msray.clock import SystemClock
from msray.feeds.listings import fetch_listings
from msray.feeds.recovery import unsettled
from msray.feeds.replay import drive, open_replay
from msray.feeds.tapes import read_tapes
from msray.market import UNCALIBRATED, Instrument, Signal
from msray.on_ray.shard_plan import ShardPlan
from msray.prediction import CalibrationConfig, DetectionConfig, Pipeline
from msray.prediction.warm_up import warm_up
from msray.simulator.faults import FaultPlan
from msray.simulator.recording import RecordingSource
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from msray.store.calibrations import load_calibrations, save_calibrations
from msray.store.ledger_store import LedgerStore
from tests.on_ray.shards import Ledger, running
from tests.prediction.made import WATCHES

IDS = ("binance_usdm:AUSDT", "binance_spot:BUSDT")
SPEED = 80.0
WORDS = DetectionConfig(bar_ms=100, arl0=20, watches=WATCHES, calibration=CalibrationConfig(bars=100, delay_bars=300))
"""Calibrated from the 40th second of an epoch, half a second at this speed; the bars are there after ten."""
LONG_DELAY = WORDS.model_copy(update={"calibration": CalibrationConfig(bars=100, delay_bars=10_000)})
"""A calibration is kept long before it is in force."""


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    store = LedgerStore(f"{tmp_path}/ledger.db", clock=SystemClock())
    yield Ledger(store)
    store.close()


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """No shard has to wait for a compiler while its market goes on."""
    warm_up()


def a_plan(instruments: Sequence[Instrument], endpoint: str, folder: Path, **changes: object) -> ShardPlan:
    fields = {"name": "shard-0", "detection": WORDS, "raw_log": folder, "one_socket": True} | changes
    return ShardPlan(instruments=tuple(instruments), endpoint=endpoint, **fields)  # type: ignore[arg-type]


def market(seconds: float) -> SyntheticSource:
    return SyntheticSource(list(IDS), 5, start_ns=1_767_225_600_000_000_000, seconds=seconds)


def simulator(seconds: float = 3600.0, **options: object) -> Simulator:
    settings = {"speed": SPEED, "one_socket": True} | options
    return Simulator(market(seconds), SimulatorSettings(**settings))  # type: ignore[arg-type]


def replayed(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Ids that ``msray replay FOLDER`` finds."""
    file = tmp_path / "again.parquet"
    assert main(["replay", str(folder), "--signals", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["data"]
    found: list[str] = pl.read_parquet(file)["signal_id"].to_list()
    assert document["signals"] == len(found)
    return found


def check(ledger: Ledger, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[Signal]:
    """The ledger and a replay have the same ids, each once."""
    stored = ledger.signals()
    ids = [signal.signal_id for signal in stored]
    again = replayed(folder / "shard-0", tmp_path, capsys)
    assert len(set(again)) == len(again)
    assert sorted(ids) == sorted(again)
    return stored


async def test_a_run_that_was_stopped_has_stored_all_that_its_log_gives(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with simulator() as market:
        listed = await fetch_listings(IDS, endpoint=market.url)
        async with running(a_plan(listed.instruments, market.url, tmp_path / "log"), ledger) as one:
            await one.until(lambda: len(ledger.signals()) >= 20)
            await one.stop()

    stored = check(ledger, tmp_path / "log", tmp_path, capsys)
    assert {signal.instrument for signal in stored} == set(IDS)
    assert unsettled(tmp_path / "log" / "shard-0") == {}


@pytest.mark.parametrize("moment", ["before any bar", "calibrations kept", "signals on their way"])
async def test_a_kill_in_the_middle_loses_and_doubles_nothing(
    moment: str, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with simulator() as market:
        listed = await fetch_listings(IDS, endpoint=market.url)
        delay = LONG_DELAY if moment == "calibrations kept" else WORDS
        plan = a_plan(listed.instruments, market.url, tmp_path / "log", detection=delay)
        async with running(plan, ledger) as one:
            if moment == "before any bar":
                await one.until(lambda: market.player.market_s > 3)
            elif moment == "calibrations kept":
                await one.until(lambda: len(ledger.kept) == len(IDS))
            else:
                await one.until(lambda: len(ledger.signals()) >= 5)
                ledger.pause_s = 30.0
                await one.until(lambda: one.shard.update().status.signals_waiting >= 3)
            await one.kill()
        ledger.pause_s = 0.0
        before = ledger.signals()
        (session,) = unsettled(tmp_path / "log" / "shard-0")

        async with running(plan, ledger) as other:
            wanted = len(before) + 20
            await other.until(lambda: len(ledger.signals()) >= wanted)
            await other.stop()

    assert not [text for text in other.problems if "gone through" in text]
    stored = check(ledger, tmp_path / "log", tmp_path, capsys)
    assert stored[: len(before)] == before
    assert unsettled(tmp_path / "log" / "shard-0") == {}, f"run {session} was gone through again"
    if moment == "calibrations kept":
        digests = {signal.calibration for signal in stored} - {UNCALIBRATED}
        assert digests, "the second run had them from its first bar"


async def test_faults_and_two_kills_change_nothing(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = FaultPlan.parse("gap=0.0005,duplicate=0.01,reorder=0.0005,disconnect=0.0002,stale_snapshot=0.2")
    async with simulator(faults=plan, seed=2) as market:
        listed = await fetch_listings(IDS, endpoint=market.url)
        for run in range(3):
            async with running(a_plan(listed.instruments, market.url, tmp_path / "log"), ledger) as one:
                wanted = len(ledger.signals()) + 3
                await one.until(lambda wanted=wanted: len(ledger.signals()) >= wanted)  # type: ignore[misc]
                if run == 2:
                    await one.stop()

    check(ledger, tmp_path / "log", tmp_path, capsys)
    assert sum(market.faults.counts.values()) > 5


async def test_a_recording_through_the_simulator_gives_the_signals_of_its_replay(
    data_dir: Path, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data_dir / "binance_2024-08-08_multi_venue"
    paths = [folder / "usdm" / "btcusdt_20240808.gz", folder / "spot" / "ethusdt_20240808.gz"]
    words = WORDS.model_copy(update={"calibration": CalibrationConfig(bars=600, delay_bars=0)})
    file = tmp_path / "calibration.json"
    quiet = open_replay(paths)
    learning = Pipeline(quiet.instruments, words)
    drive(quiet, learning)
    save_calibrations(file, [lane.engine.calibration for lane in learning.lanes.values() if lane.engine.calibration])
    known, again = load_calibrations(file), open_replay(paths)
    wanted = drive(again, Pipeline(again.instruments, words, calibrations=known)).signals

    async with Simulator(RecordingSource(paths), SimulatorSettings(speed=100.0, one_socket=True)) as market:
        listed = await fetch_listings([one.id for one in again.instruments], endpoint=market.url)
        options = {"detection": words, "calibrations": tuple(known.values())}
        plan = a_plan(listed.instruments, market.url, tmp_path / "log", **options)
        async with running(plan, ledger) as one:
            played = asyncio.ensure_future(market.played())
            await one.until(played.done)
            await market.drain()
            await asyncio.sleep(0.2)
            await one.stop()

    assert len(wanted) >= 50
    assert UNCALIBRATED not in {signal.calibration for signal in wanted}
    stored = check(ledger, tmp_path / "log", tmp_path, capsys)
    assert {signal.signal_id for signal in stored} == {signal.signal_id for signal in wanted}
    assert len(stored) == len(wanted)


async def test_paper_trading_gives_what_a_backtest_over_its_raw_log_gives(ledger: Ledger, tmp_path: Path) -> None:
    config = BacktestConfig(
        profit_target_pct=0.0004,
        stop_loss_pct=0.0004,
        max_holding_seconds=0.3,
        position_size_pct=0.01,
        fee_rate=0.0001,
        latency=LatencyConfig(entry_ms=1.0, response_ms=1.0, jitter_ms=1.0),
        max_feed_delay_s=0.05,
    )
    async with simulator() as market:
        listed = await fetch_listings(IDS, endpoint=market.url)
        plan = a_plan(listed.instruments, market.url, tmp_path / "log", paper=config)
        async with running(plan, ledger) as one:
            await one.until(lambda: (paper := one.shard.update().status.paper) is not None and paper.trades >= 5)
            await one.stop()
            live = one.shard.update().status.paper

    opened = open_replay([tmp_path / "log" / "shard-0"])
    words, known = words_for(opened, None, None)
    engine = BacktestingEngine(config, SignalFollower(config))
    again = engine.run(read_tapes(opened, words, calibrations=known))

    assert live is not None
    assert (live.orders, live.fills, live.trades) == (again.orders, len(again.fills), len(again.trades))
    assert live.equity == again.final_equity
    assert live.positions == {one.id: one.size(engine.desk.position(one.id)) for one in again.instruments}
