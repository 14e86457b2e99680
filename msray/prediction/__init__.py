"""From records to signals: the pure fold of one instrument, and the chain around it that every driver uses.

The configuration is loaded at once, the compiled code with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.faces import lazily
from msray.prediction.config import CalibrationConfig, DetectionConfig, PredictConfig, WatchConfig

if TYPE_CHECKING:
    from msray.prediction.calibration import CalibrationTask
    from msray.prediction.detection import check_calibration
    from msray.prediction.engine import LevelSink, LogSink, PredictionEngine, Rows, RowSink
    from msray.prediction.forecaster import Forecaster, check_horizon
    from msray.prediction.forecasts import Forecasting, Forecasts, Question, shared_sink
    from msray.prediction.lane import Lane
    from msray.prediction.log import (
        Arrived,
        Began,
        Disconnected,
        Dropping,
        LogEvent,
        ModelChanged,
        ModelName,
        Replayed,
        Requested,
        log_metadata,
        read_log_metadata,
        read_log_models,
    )
    from msray.prediction.pipeline import Pipeline
    from msray.prediction.runner import Answers, Runner
    from msray.prediction.served import ServedMember, ServedModel
    from msray.prediction.solver import Solver, SpotSolver, ThreadSolver

__all__ = [
    "Answers",
    "Arrived",
    "Began",
    "CalibrationConfig",
    "CalibrationTask",
    "DetectionConfig",
    "Disconnected",
    "Dropping",
    "Forecaster",
    "Forecasting",
    "Forecasts",
    "Lane",
    "LevelSink",
    "LogEvent",
    "LogSink",
    "ModelChanged",
    "ModelName",
    "Pipeline",
    "PredictConfig",
    "PredictionEngine",
    "Question",
    "Replayed",
    "Requested",
    "RowSink",
    "Rows",
    "Runner",
    "ServedMember",
    "ServedModel",
    "Solver",
    "SpotSolver",
    "ThreadSolver",
    "WatchConfig",
    "check_calibration",
    "check_horizon",
    "log_metadata",
    "read_log_metadata",
    "read_log_models",
    "shared_sink",
]

_PLACES = {
    "calibration": ("CalibrationTask",),
    "detection": ("check_calibration",),
    "engine": ("LevelSink", "LogSink", "PredictionEngine", "RowSink", "Rows"),
    "forecaster": ("Forecaster", "check_horizon"),
    "forecasts": ("Forecasting", "Forecasts", "Question", "shared_sink"),
    "lane": ("Lane",),
    "log": (
        "Arrived",
        "Began",
        "Disconnected",
        "Dropping",
        "LogEvent",
        "ModelChanged",
        "ModelName",
        "Replayed",
        "Requested",
        "log_metadata",
        "read_log_metadata",
        "read_log_models",
    ),
    "pipeline": ("Pipeline",),
    "runner": ("Answers", "Runner"),
    "served": ("ServedMember", "ServedModel"),
    "solver": ("Solver", "SpotSolver", "ThreadSolver"),
}

__getattr__ = lazily(__name__, {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names})
