"""A calibration in the making: it depends on its bars and on where they come from, and on nothing else."""

import numpy as np
import pytest

from msray.detectors import Calibration
from msray.prediction import CalibrationConfig, CalibrationTask, DetectionConfig, WatchConfig

WORDS = DetectionConfig(
    bar_ms=100,
    arl0=20,
    watches=(
        WatchConfig(name="a", feature="imbalance_l5", detector="cusum"),
        WatchConfig(name="b", feature="imbalance_l5", detector="cusum"),
    ),
)


def task(**changes: object) -> CalibrationTask:
    values = np.tile(np.random.default_rng(3).normal(size=60), (2, 1))
    fields = {"instrument": "test:A", "detection": WORDS, "epoch_id": 5, "first_bar": 1000, "last_bar": 1059}
    return CalibrationTask(**({"values": values} | fields | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def solved() -> Calibration:
    return task().solve()


def test_it_says_whose_it_is_and_which_bars_it_is_from(solved: Calibration) -> None:
    assert (solved.instrument, solved.words_digest, solved.bars) == ("test:A", WORDS.words_digest(), 60)
    assert (solved.first_ns, solved.last_ns) == (100_000_000_000, 106_000_000_000)


def test_watches_share_the_false_alarms_evenly(solved: Calibration) -> None:
    assert {name: watch.arl0 for name, watch in solved.watches.items()} == {"a": 40.0, "b": 40.0}


def test_each_watch_is_simulated_by_itself(solved: Calibration) -> None:
    assert solved.watches["a"].seed != solved.watches["b"].seed
    assert solved.watches["a"].phi == solved.watches["b"].phi, "the bars are the same"


def test_solving_again_gives_the_same_digest(solved: Calibration) -> None:
    assert task().solve().digest == solved.digest


@pytest.mark.parametrize(
    "change",
    [
        {"instrument": "test:B"},
        {"detection": WORDS.model_copy(update={"arl0": 21.0})},
        {"epoch_id": 6},
        {"first_bar": 999},
        {"last_bar": 1060},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_seed_is_of_where_the_bars_come_from(change: dict[str, object]) -> None:
    assert task(**change).seed != task().seed


def test_the_seed_is_not_of_the_bars_nor_of_what_calibrates_them() -> None:
    how = WORDS.model_copy(update={"calibration": CalibrationConfig(delay_bars=7)})

    assert task(values=np.zeros((2, 60))).seed == task(detection=how).seed == task().seed


def test_bars_that_did_not_move_make_a_watch_that_never_alarms() -> None:
    still = task(values=np.ones((2, 60))).solve()

    assert all(watch.degenerate for watch in still.watches.values())
    assert Calibration.from_json(still.to_json()) == still


def test_bars_that_are_not_known_are_left_out() -> None:
    values = task().values.copy()
    values[:, ::10] = np.nan

    found = task(values=values).solve()

    assert {(watch.bars, watch.skipped) for watch in found.watches.values()} == {(54, 6)}
