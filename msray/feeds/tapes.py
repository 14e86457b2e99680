"""Tapes of what was recorded: one replay, and a backtest has all it needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from msray.backtest import Learned, Tape, TapeRecorder
from msray.detectors import Calibration
from msray.features import column
from msray.feeds.replay import Replay, drive
from msray.prediction import CalibrationTask, DetectionConfig, Pipeline, Solver, SpotSolver


def read_tapes(
    replay: Replay,
    detection: DetectionConfig,
    *,
    calibrations: Mapping[str, Calibration] | None = None,
    solver: Solver | None = None,
    features: Sequence[str] = (),
    until_ns: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Tape]:
    """Replay everything once and take it down.

    Parameters
    ----------
    replay
        What was recorded.
    detection, calibrations
        The user's words, and the calibrations in force from the start, by instrument id.
    solver
        Computes calibrations; by default each on the spot.
    features
        Names of the feature columns to keep beside the best prices, those of the levels family included.
    until_ns, progress
        See :func:`~msray.feeds.replay.drive`.

    Returns
    -------
    list[Tape]
        One an instrument, in their order.
    """
    columns = [column(name) for name in features]
    recorders = {instrument.id: TapeRecorder(instrument, columns) for instrument in replay.instruments}
    noting = _NotingSolver(calibrations or {}, solver or SpotSolver())
    pipeline = Pipeline(
        replay.instruments,
        detection,
        calibrations=calibrations,
        solver=noting,
        sink=lambda name: recorders[name].rows,
        log=lambda name: recorders[name].folded,
    )
    drive(replay, pipeline, until_ns=until_ns, progress=progress)
    return [
        replace(recorder.take(), learned=tuple(noting.learned.get(name, ()))) for name, recorder in recorders.items()
    ]


class _NotingSolver:
    """Notes what calibrations were learned from.

    Parameters
    ----------
    known
        Those that are in force from the beginning.
    solver
        Computes the others.
    """

    def __init__(self, known: Mapping[str, Calibration], solver: Solver) -> None:
        self._solver = solver
        self.learned = {
            name: [Learned(begin_ns=one.first_ns, end_ns=one.last_ns, applied_ns=0)] for name, one in known.items()
        }

    def begin(self, task: CalibrationTask) -> None:
        """See :meth:`~msray.prediction.Solver.begin`."""
        self._solver.begin(task)

    def finish(self, task: CalibrationTask) -> Calibration:
        """See :meth:`~msray.prediction.Solver.finish`."""
        found, words = self._solver.finish(task), task.detection
        applied_ns = found.last_ns + words.calibration.delay_bars * words.bar_ms * 1_000_000
        noted = Learned(begin_ns=found.first_ns, end_ns=found.last_ns, applied_ns=applied_ns)
        self.learned.setdefault(task.instrument, []).append(noted)
        return found
