"""Calibrations that were computed before."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msray.detectors import Calibration
from msray.prediction import CalibrationTask, DetectionConfig, SpotSolver, WatchConfig
from msray.store import solved
from msray.store.solved import SolvedCalibrations

WORDS = DetectionConfig(bar_ms=1000, arl0=100, watches=(WatchConfig(name="x", feature="imbalance_l5"),))
TASK = CalibrationTask(
    instrument="binance_usdm:BTCUSDT",
    detection=WORDS,
    epoch_id=7,
    first_bar=100,
    last_bar=159,
    values=np.random.default_rng(1).normal(size=(1, 60)),
)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[CalibrationTask]:
    """Those that were not remembered."""
    found, solve = [], CalibrationTask.solve

    def noted(task: CalibrationTask, *each: Any) -> Calibration:
        found.append(task)
        return solve(task, *each)

    monkeypatch.setattr(CalibrationTask, "solve", noted)
    return found


def test_the_same_bars_are_computed_once_and_give_the_same(tmp_path: Path, computed: list[CalibrationTask]) -> None:
    first = SpotSolver(SolvedCalibrations(tmp_path)).finish(TASK)

    again = SpotSolver(SolvedCalibrations(tmp_path)).finish(replace(TASK, values=TASK.values.copy()))

    assert again == first == SpotSolver().finish(TASK)
    assert len(computed) == 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"values": np.nextafter(TASK.values, 9.0)},
        {"values": TASK.values[:, ::-1]},
        {"instrument": "binance_usdm:ETHUSDT"},
        {"epoch_id": 8},
        {"first_bar": 101, "last_bar": 160},
        {"detection": WORDS.model_copy(update={"arl0": 101.0})},
    ],
)
def test_whatever_decides_makes_another(tmp_path: Path, computed: list[CalibrationTask], other: dict[str, Any]) -> None:
    solver = SpotSolver(SolvedCalibrations(tmp_path))
    solver.finish(TASK)

    solver.finish(replace(TASK, **other))

    assert len(computed) == 2


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\x00"])
def test_what_is_damaged_is_computed_again(tmp_path: Path, computed: list[CalibrationTask], damage: bytes) -> None:
    solver = SpotSolver(SolvedCalibrations(tmp_path))
    first = solver.finish(TASK)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)

    assert solver.finish(TASK) == first
    assert len(computed) == 2
    assert solver.finish(TASK) == first
    assert len(computed) == 2


def test_a_folder_that_is_gone_costs_time_alone(tmp_path: Path, computed: list[CalibrationTask]) -> None:
    solver = SpotSolver(SolvedCalibrations(tmp_path / "gone"))

    assert solver.finish(TASK) == solver.finish(TASK)
    assert len(computed) == 2


def test_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solved, "MOST", 8)
    kept, calibration = SolvedCalibrations(tmp_path), TASK.solve()
    tasks = [replace(TASK, epoch_id=number) for number in range(9)]

    for task in tasks:
        kept.keep(task, calibration)
        # Files of one clock tick are of one age.
        os.utime(tmp_path / f"{task.digest}.json", (task.epoch_id, task.epoch_id))

    assert [kept.find(task) is not None for task in tasks] == [False] * 2 + [True] * 7
