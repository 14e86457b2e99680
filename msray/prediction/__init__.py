"""From records to signals: the pure fold of one instrument, and the chain around it that every driver uses.

The configuration is loaded at once, the compiled code with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.faces import lazily
from msray.prediction.config import CalibrationConfig, DetectionConfig, WatchConfig

if TYPE_CHECKING:
    from msray.prediction.calibration import CalibrationTask
    from msray.prediction.detection import check_calibration
    from msray.prediction.engine import LevelSink, LogSink, PredictionEngine, Rows, RowSink
    from msray.prediction.lane import Lane
    from msray.prediction.log import (
        Arrived,
        Began,
        Disconnected,
        LogEvent,
        Replayed,
        Requested,
        log_metadata,
        read_log_metadata,
    )
    from msray.prediction.pipeline import Pipeline
    from msray.prediction.solver import Solver, ThreadSolver

__all__ = [
    "Arrived",
    "Began",
    "CalibrationConfig",
    "CalibrationTask",
    "DetectionConfig",
    "Disconnected",
    "Lane",
    "LevelSink",
    "LogEvent",
    "LogSink",
    "Pipeline",
    "PredictionEngine",
    "Replayed",
    "Requested",
    "RowSink",
    "Rows",
    "Solver",
    "ThreadSolver",
    "WatchConfig",
    "check_calibration",
    "log_metadata",
    "read_log_metadata",
]

_PLACES = {
    "calibration": ("CalibrationTask",),
    "detection": ("check_calibration",),
    "engine": ("LevelSink", "LogSink", "PredictionEngine", "RowSink", "Rows"),
    "lane": ("Lane",),
    "log": (
        "Arrived",
        "Began",
        "Disconnected",
        "LogEvent",
        "Replayed",
        "Requested",
        "log_metadata",
        "read_log_metadata",
    ),
    "pipeline": ("Pipeline",),
    "solver": ("Solver", "ThreadSolver"),
}

__getattr__ = lazily(__name__, {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names})
