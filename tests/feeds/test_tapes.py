"""Tapes keep the columns that are asked for, and say what their signals were learned from."""

from pathlib import Path

import numpy as np

from msray.backtest import Learned, Tape
from msray.detectors import Calibration
from msray.features import NETWORK_COLUMNS, FeatureEngineering, column
from msray.feeds.replay import open_replay
from msray.feeds.tapes import read_tapes
from msray.market import UNCALIBRATED
from msray.prediction import CalibrationConfig, CalibrationTask, DetectionConfig, WatchConfig

SECOND = 1_000_000_000
NAME = "binance_usdm:BTCUSDT"
WORDS = DetectionConfig(
    bar_ms=100,
    arl0=100,
    watches=(WatchConfig(name="imbalance", feature="imbalance_l5", detector="cusum"),),
    calibration=CalibrationConfig(bars=600, delay_bars=50),
)


def tape_of(data_dir: Path, known: Calibration | None = None) -> Tape:
    opened = open_replay([data_dir / "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"])
    (tape,) = read_tapes(opened, WORDS, calibrations={} if known is None else {NAME: known})
    return tape


def test_thresholds_that_were_learned_on_the_way_are_in_force_from_then_on(data_dir: Path) -> None:
    tape = tape_of(data_dir)

    (learned,) = tape.learned
    assert learned.end_ns - learned.begin_ns == 60 * SECOND
    assert learned.applied_ns - learned.end_ns == 5 * SECOND
    early = [one.event_ns for one in tape.signals if one.calibration == UNCALIBRATED]
    since = [one.event_ns for one in tape.signals if one.calibration != UNCALIBRATED]
    assert len(early) > 0
    assert max(early) < learned.applied_ns < min(since)


def test_thresholds_that_were_given_are_in_force_from_the_beginning(data_dir: Path) -> None:
    bars = np.random.default_rng(1).normal(size=(1, 600))
    known = CalibrationTask(
        instrument=NAME, detection=WORDS, epoch_id=1, first_bar=0, last_bar=599, values=bars
    ).solve()

    tape = tape_of(data_dir, known)

    assert tape.learned == (Learned(begin_ns=0, end_ns=60 * SECOND, applied_ns=0),)
    assert {one.calibration for one in tape.signals} == {known.digest}


def test_a_tape_keeps_the_levels_beside_columns_of_the_row(data_dir: Path) -> None:
    paths = [data_dir / "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"]

    (tape,) = read_tapes(
        open_replay(paths), DetectionConfig(calibration=CalibrationConfig(bars=100_000)), features=NETWORK_COLUMNS
    )

    table = FeatureEngineering(tape.instrument, NETWORK_COLUMNS).transform(tape.records)
    assert tape.columns == tuple(column(name) for name in NETWORK_COLUMNS)
    assert tape.values.shape == (len(tape.row_message), 71)
    assert np.array_equal(np.ascontiguousarray(table.values).view(np.int64), tape.values.view(np.int64))
