"""``RealTimePredictor`` as its users write it."""

import asyncio
import os
import time
from pathlib import Path

import pytest
import ray
from pydantic import ValidationError

from msray import PredictorConfig, RealTimePredictor
from msray.api.state import InstrumentSnapshot
from msray.errors import UsageError
from msray.on_ray.environment import free_port
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from tests.end_to_end.running import family

IDS = ["binance_usdm:AAAUSDT", "binance_usdm:BOTHUSDT", "binance_spot:BOTHUSDT"]


def simulator() -> Simulator:
    source = SyntheticSource(IDS, 5, start_ns=time.time_ns() // 1_000_000 * 1_000_000)
    return Simulator(source, SimulatorSettings(waits=False))


@pytest.mark.ray
@pytest.mark.timeout(200)
async def test_it_starts_watches_and_stops(tmp_path: Path) -> None:
    seen: list[InstrumentSnapshot] = []
    async with simulator() as market:
        config = PredictorConfig(
            symbol="AAAUSDT",
            data_source_type="websocket",
            data_source_url=market.url,
            prediction_interval=0.2,
            enable_monitoring=True,
            api_port=free_port(8700),
            state_dir=tmp_path,
        )
        predictor = RealTimePredictor(config, on_update=seen.append)
        running = asyncio.create_task(predictor.start())
        while len(seen) < 5 and not running.done():
            await asyncio.sleep(0.1)
        predictor.stop()
        await running

    assert {one.instrument for one in seen} == {"binance_usdm:AAAUSDT"}
    assert seen[-1].state == "synced"
    assert seen[-1].update_id > seen[0].update_id
    assert (tmp_path / "ledger.db").exists()


async def test_a_symbol_of_several_venues_is_refused_with_the_candidates(tmp_path: Path) -> None:
    async with simulator() as market:
        predictor = RealTimePredictor(
            PredictorConfig(symbol="BOTHUSDT", data_source_url=market.url, state_dir=tmp_path)
        )

        with pytest.raises(UsageError) as refused:
            await predictor.start()

    assert refused.value.hint == "binance_spot:BOTHUSDT, binance_usdm:BOTHUSDT"


async def test_a_symbol_of_no_venue_is_refused(tmp_path: Path) -> None:
    async with simulator() as market:
        predictor = RealTimePredictor(
            PredictorConfig(symbol="NOPEUSDT", data_source_url=market.url, state_dir=tmp_path)
        )

        with pytest.raises(UsageError):
            await predictor.start()


def test_what_is_out_of_range_is_named() -> None:
    with pytest.raises(ValidationError, match="prediction_interval"):
        PredictorConfig(symbol="X", prediction_interval=0)
    with pytest.raises(ValidationError, match="data_source_type"):
        PredictorConfig(symbol="X", data_source_type="carrier pigeon")  # type: ignore[arg-type]


@pytest.mark.ray
@pytest.mark.timeout(200)
async def test_one_that_is_cancelled_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    before = set(family(os.getpid()))
    async with simulator() as market:
        config = PredictorConfig(
            symbol="AAAUSDT", data_source_url=market.url, enable_monitoring=False, state_dir=tmp_path
        )
        running = asyncio.create_task(RealTimePredictor(config).start())
        while not (tmp_path / "ledger.db").exists() and not running.done():
            await asyncio.sleep(0.02)

        running.cancel()
        await asyncio.wait([running])

    assert running.cancelled()
    assert not ray.is_initialized()
    assert set(family(os.getpid())) <= before
