"""Compiles every kernel of the live path once, so that no event waits for the compiler."""

from functools import cache

import numpy as np

from msray.detectors import calibrate
from msray.market import Instrument
from msray.prediction.config import CalibrationConfig, DetectionConfig, WatchConfig
from msray.prediction.log import Arrived
from msray.prediction.pipeline import Pipeline
from msray.venues import Frames

_INSTRUMENT = Instrument(
    venue="binance_spot", symbol="WARMUP", price_decimals=3, size_decimals=8, tick=10, grid=10, is_inferred=True
)


@cache
def warm_up() -> None:
    """Run all kinds of messages and a small calibration: about a minute with an empty cache, else a second, once."""
    words = DetectionConfig(
        bar_ms=1000,
        arl0=100,
        watches=(WatchConfig(name="x", feature="imbalance_l5"),),
        calibration=CalibrationConfig(bars=60, first_bar=1_000_000),
    )
    pipeline = Pipeline([_INSTRUMENT], words)
    prices = [f"10.0{i}0" for i in range(2, 6)] + ["10.055"]  # the last one is off the grid
    messages = [_snapshot(1)]
    for i, price in enumerate(prices, 2):
        messages += [_depth(i, price, str(i)), _trade(i)]
    messages += [_snapshot(len(prices) + 1), _depth(100, "10.000", "1")]  # an audit, then a gap
    pipeline.apply(Arrived("binance_spot", Frames.of(messages, local_ns=1, hint=0)))
    bars = np.sin(np.arange(120.0) ** 2)
    calibrate(bars, detector="ensemble", arl0=100, seed=0, simulated_bars=1 << 16)


def _snapshot(last_id: int) -> bytes:
    levels = '"bids":[["10.000","1.00000000"]],"asks":[["10.090","1.00000000"]]'
    return f'{{"lastUpdateId":{last_id},{levels}}}'.encode()


def _depth(at: int, price: str, size: str) -> bytes:
    head = f'{{"e":"depthUpdate","E":{at * 1000},"s":"WARMUP","U":{at},"u":{at},'
    return f'{head}"b":[["{price}","{size}.00000000"]],"a":[]}}'.encode()


def _trade(at: int) -> bytes:
    head = f'{{"e":"trade","E":{at * 1000},"s":"WARMUP","t":{at},"p":"10.010","q":"1.00000000",'
    return f'{head}"T":{at},"m":true,"M":true}}'.encode()
