"""Rows to learn from, of what was recorded: one replay through the engine that also runs live."""

from collections.abc import Callable, Sequence

from msray.features import column, has_levels
from msray.feeds.replay import Replay, drive
from msray.prediction import DetectionConfig, LevelSink, Pipeline, RowSink
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
        Names of the columns; levels are computed where one of them is asked for.
    until_ns, progress
        See :func:`~msray.feeds.replay.drive`.

    Returns
    -------
    dict[str, TrainingRows]
        By instrument id, in the order of the replay.
    """
    recorders = {instrument.id: RowRecorder(features) for instrument in replay.instruments}
    needs_levels = has_levels([column(name) for name in features])

    def sink(name: str) -> RowSink:
        return LevelSink(recorders[name]) if needs_levels else recorders[name]

    pipeline = Pipeline(replay.instruments, DetectionConfig().unwatched(), sink=sink)
    drive(replay, pipeline, until_ns=until_ns, progress=progress)
    return {name: recorder.take() for name, recorder in recorders.items()}
