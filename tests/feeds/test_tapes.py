"""Tapes keep the feature columns that are asked for, whatever their family."""

from pathlib import Path

import numpy as np

from msray.features import NETWORK_COLUMNS, FeatureEngineering, column
from msray.feeds.replay import open_replay
from msray.feeds.tapes import read_tapes
from msray.prediction import CalibrationConfig, DetectionConfig

WORDS = DetectionConfig(calibration=CalibrationConfig(bars=100_000))


def test_a_tape_keeps_the_levels_beside_columns_of_the_row(data_dir: Path) -> None:
    paths = [data_dir / "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"]

    (tape,) = read_tapes(open_replay(paths), WORDS, features=NETWORK_COLUMNS)

    table = FeatureEngineering(tape.instrument, NETWORK_COLUMNS).transform(tape.records)
    assert tape.columns == tuple(column(name) for name in NETWORK_COLUMNS)
    assert tape.values.shape == (len(tape.row_message), 71)
    assert np.array_equal(np.ascontiguousarray(table.values).view(np.int64), tape.values.view(np.int64))
