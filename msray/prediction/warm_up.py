"""Compiles every kernel of the live path once, so that no event waits for the compiler."""

import numpy as np

from msray.detectors import calibrate
from msray.market import Instrument
from msray.prediction.config import CalibrationConfig, DetectionConfig, WatchConfig
from msray.prediction.log import Arrived
from msray.prediction.pipeline import Pipeline
from msray.venues import Frames

_INSTRUMENT = Instrument(
    venue="binance_spot", symbol="WARMUP", price_decimals=2, size_decimals=8, tick=1, grid=1, is_inferred=True
)


def warm_up() -> None:
    """Run a few messages through a pipeline, and a small calibration; seconds with an empty cache, else a fraction."""
    words = DetectionConfig(
        bar_ms=1000,
        arl0=100,
        watches=(WatchConfig(name="x", feature="imbalance_l5"),),
        calibration=CalibrationConfig(bars=50, first_bar=1_000_000),
    )
    pipeline = Pipeline([_INSTRUMENT], words)
    snapshot = b'{"lastUpdateId":1,"bids":[["10.00","1.00000000"]],"asks":[["10.02","1.00000000"]]}'
    messages = [snapshot]
    for i in range(2, 6):
        depth = f'{{"e":"depthUpdate","E":{i * 1000},"s":"WARMUP","U":{i},"u":{i},"b":[["10.01","{i}.00000000"]],"a":[]}}'
        trade = f'{{"e":"trade","E":{i * 1000},"s":"WARMUP","t":{i},"p":"10.01","q":"1.00000000","T":{i},"m":true,"M":true}}'
        messages += [depth.encode(), trade.encode()]
    pipeline.apply(Arrived("binance_spot", Frames.of(messages, local_ns=1, hint=0)))
    bars = np.sin(np.arange(120.0) ** 2)
    calibrate(bars, detector="ensemble", arl0=100, seed=0, simulated_bars=1 << 16)
