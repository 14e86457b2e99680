"""Rows to learn from, of what was recorded: one replay through the engine that also runs live."""

from collections.abc import Callable, Sequence

from msray.feeds.replay import Replay, drive
from msray.prediction import DetectionConfig, Pipeline
from msray.training.rows import RowRecorder, TrainingRows


def read_training_rows(
    replay: Replay,
    features: Sequence[str],
    *,
    until_ns: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, TrainingRows]:
    """Replay everything once and keep its rows.

    Parameters
    ----------
    replay
        What was recorded.
    features
        Names of the columns.
    until_ns, progress
        See :func:`~msray.feeds.replay.drive`.

    Returns
    -------
    dict[str, TrainingRows]
        By instrument id, in the order of the replay.
    """
    recorders = {instrument.id: RowRecorder(features) for instrument in replay.instruments}
    pipeline = Pipeline(replay.instruments, DetectionConfig(), sink=lambda name: recorders[name])
    drive(replay, pipeline, until_ns=until_ns, progress=progress)
    return {name: recorder.take() for name, recorder in recorders.items()}
