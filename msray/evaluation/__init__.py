"""What detections are worth, against what is known to be true; and how far a result can be believed."""

from msray.evaluation.overfitting import BacktestOverfitting, probability_of_backtest_overfitting
from msray.evaluation.planted import Alarm, PlantedChange, PlantedScore, score_planted, wilson_interval
from msray.evaluation.purged_cv import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward, Role, SplitDescription
from msray.evaluation.sharpe import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)
from msray.evaluation.split_audit import SplitAudit, audit_splits

__all__ = [
    "Alarm",
    "BacktestOverfitting",
    "CombinatorialPurgedCV",
    "PlantedChange",
    "PlantedScore",
    "PurgedKFold",
    "PurgedWalkForward",
    "Role",
    "SplitAudit",
    "SplitDescription",
    "audit_splits",
    "deflated_sharpe_ratio",
    "expected_maximum_sharpe",
    "minimum_track_record_length",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "score_planted",
    "wilson_interval",
]
