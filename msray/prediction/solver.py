"""Who computes a calibration, and when: on the spot in a replay, on a thread behind the loop of a live shard."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from msray.detectors import Calibration
from msray.prediction.calibration import CalibrationTask


class Solver(Protocol):
    """Told when the last bar of a calibration is closed, asked when the first bar that it judges is."""

    def begin(self, task: CalibrationTask) -> None:
        """The bars are complete."""

    def finish(self, task: CalibrationTask) -> Calibration:
        """The calibration of these bars; waits for it if need be."""


class Solved(Protocol):
    """Calibrations that were computed before."""

    def find(self, task: CalibrationTask) -> Calibration | None:
        """That of these bars, if it is there."""

    def keep(self, task: CalibrationTask, calibration: Calibration) -> None:
        """It may be asked for again."""


class SpotSolver:
    """Computes a calibration when it is asked for, if it was not computed before.

    Parameters
    ----------
    solved
        What was; None knows of none.
    threads
        That calibrate the watches of an instrument side by side.
    """

    def __init__(self, solved: Solved | None = None, *, threads: int = 1) -> None:
        self._solved = solved
        self._threads = threads

    def begin(self, task: CalibrationTask) -> None:
        """Nothing to do yet."""

    def finish(self, task: CalibrationTask) -> Calibration:
        """See :meth:`Solver.finish`."""
        found = self._solved.find(task) if self._solved else None
        if found is None:
            found = self._solve(task)
            if self._solved:
                self._solved.keep(task, found)
        return found

    def _solve(self, task: CalibrationTask) -> Calibration:
        if self._threads == 1:
            return task.solve()
        with ThreadPoolExecutor(self._threads) as threads:
            return task.solve(threads.map)


class ThreadSolver:
    """Computes calibrations on a thread of its own; the kernels leave the interpreter to others.

    Parameters
    ----------
    keep
        Called on that thread with each calibration before anybody gets it: to store it for the next start.
    """

    def __init__(self, keep: Callable[[Calibration], None]) -> None:
        self._keep = keep
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="calibration")
        self._begun: dict[str, tuple[bytes, Future[Calibration]]] = {}

    def begin(self, task: CalibrationTask) -> None:
        """See :meth:`Solver.begin`; what the instrument began before, in an epoch that ended, is given up."""
        if task.instrument in self._begun:
            self._begun[task.instrument][1].cancel()
        self._begun[task.instrument] = task.seed, self._thread.submit(self._solve, task)

    def finish(self, task: CalibrationTask) -> Calibration:
        """See :meth:`Solver.finish`; raises what computing or keeping it raised."""
        if task.instrument not in self._begun or self._begun[task.instrument][0] != task.seed:
            self.begin(task)
        return self._begun.pop(task.instrument)[1].result()

    def close(self) -> None:
        """Forget what is not computed yet."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _solve(self, task: CalibrationTask) -> Calibration:
        calibration = task.solve()
        self._keep(calibration)
        return calibration
