"""Tapes of what was recorded: one replay, and a backtest has all it needs."""

from collections.abc import Callable, Mapping, Sequence

from msray.backtest import Tape, TapeRecorder
from msray.detectors import Calibration
from msray.features import column
from msray.feeds.replay import Replay, drive
from msray.prediction import DetectionConfig, Pipeline


def read_tapes(
    replay: Replay,
    detection: DetectionConfig,
    *,
    calibrations: Mapping[str, Calibration] | None = None,
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
    pipeline = Pipeline(
        replay.instruments,
        detection,
        calibrations=calibrations,
        sink=lambda name: recorders[name].rows,
        log=lambda name: recorders[name].folded,
    )
    drive(replay, pipeline, until_ns=until_ns, progress=progress)
    return [recorder.take() for recorder in recorders.values()]
