"""Who computes a calibration: the same one on the spot and on a thread, kept before anybody gets it."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from msray.detectors import Calibration
from msray.errors import UnavailableError
from msray.prediction import CalibrationTask, DetectionConfig, ThreadSolver, WatchConfig
from msray.prediction.solver import SpotSolver

WORDS = DetectionConfig(arl0=20, watches=(WatchConfig(name="x", feature="imbalance_l5", detector="cusum"),))
WAIT_S = 20.0


def task(epoch_id: int = 1, instrument: str = "test:A") -> CalibrationTask:
    values = np.random.default_rng(7).normal(size=(1, 60))
    return CalibrationTask(
        instrument=instrument, detection=WORDS, epoch_id=epoch_id, first_bar=100, last_bar=159, values=values
    )


class Shelf:
    """Where a solver keeps its calibrations; a gate holds its thread up."""

    def __init__(self) -> None:
        self.kept: list[tuple[Calibration, str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()

    def keep(self, calibration: Calibration) -> None:
        self.busy.set()
        assert self.gate.wait(WAIT_S)
        self.kept.append((calibration, threading.current_thread().name))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def solver(shelf: Shelf) -> Iterator[ThreadSolver]:
    made = ThreadSolver(shelf.keep)
    yield made
    shelf.gate.set()
    made.close()


def test_a_thread_computes_what_is_computed_on_the_spot(solver: ThreadSolver, shelf: Shelf) -> None:
    solver.begin(task())

    found = solver.finish(task())

    spot = SpotSolver()
    spot.begin(task())
    assert found == spot.finish(task())
    assert [one for one, _ in shelf.kept] == [found]
    assert shelf.kept[0][1].startswith("calibration"), "not on the caller's thread"


def test_watches_side_by_side_are_those_one_after_the_other() -> None:
    names = ("imbalance_l1", "imbalance_l5", "spread_ticks")
    words = WORDS.model_copy(update={"watches": tuple(WatchConfig(name=name, feature=name) for name in names)})
    several = replace(task(), detection=words, values=np.random.default_rng(7).normal(size=(3, 60)))

    found = SpotSolver(threads=3).finish(several)

    assert list(found.watches) == list(names)
    assert found == several.solve()


def test_begin_does_not_wait_and_finish_does(solver: ThreadSolver, shelf: Shelf) -> None:
    shelf.gate.clear()

    solver.begin(task())
    assert shelf.busy.wait(WAIT_S)
    assert shelf.kept == []
    shelf.gate.set()

    assert solver.finish(task()) == shelf.kept[0][0], "kept before anybody has it"


def test_finish_without_begin_begins(solver: ThreadSolver, shelf: Shelf) -> None:
    """As after a checkpoint that was restored between the two."""
    assert solver.finish(task()) == task().solve()
    assert len(shelf.kept) == 1


def test_what_an_earlier_epoch_began_is_not_what_this_one_gets(solver: ThreadSolver) -> None:
    solver.begin(task(epoch_id=1))

    found = solver.finish(task(epoch_id=2))

    assert found == task(epoch_id=2).solve()


def test_what_nobody_comes_for_is_given_up(solver: ThreadSolver, shelf: Shelf) -> None:
    shelf.gate.clear()
    solver.begin(task(instrument="test:B"))
    assert shelf.busy.wait(WAIT_S)

    for epoch_id in range(50):
        solver.begin(task(epoch_id))
    shelf.gate.set()
    solver.finish(task(49))
    solver.finish(task(instrument="test:B"))

    assert [one.instrument for one, _ in shelf.kept] == ["test:B", "test:A"]
    assert solver._begun == {}


def test_a_calibration_that_cannot_be_kept_is_not_had(shelf: Shelf) -> None:
    def refuse(_: Calibration) -> None:
        raise UnavailableError("the ledger cannot be written")

    solver = ThreadSolver(refuse)
    solver.begin(task())

    with pytest.raises(UnavailableError, match="cannot be written"):
        solver.finish(task())
    solver.close()


def test_close_does_not_wait_for_what_is_not_begun(shelf: Shelf) -> None:
    solver = ThreadSolver(shelf.keep)
    shelf.gate.clear()
    solver.begin(task(instrument="test:A"))
    assert shelf.busy.wait(WAIT_S)
    solver.begin(task(instrument="test:B"))

    solver.close()
    shelf.gate.set()
    solver._thread.shutdown(wait=True)

    assert [one.instrument for one, _ in shelf.kept] == ["test:A"]
