"""What detections are worth, against what is known to be true; and how far a result can be believed."""

from msray.evaluation.bootstrap import (
    BootstrapInterval,
    automatic_mean_block,
    stationary_bootstrap_interval,
    stationary_rows,
)
from msray.evaluation.change_points import DelayScore, MarginScore, covering, f1_with_margin, score_delays
from msray.evaluation.classification import ClassificationReport, ClassScore, ProbabilityScore, classification_report
from msray.evaluation.directional import DirectionalAccuracy, DirectionScore, directional_accuracy
from msray.evaluation.intervals import wilson_interval
from msray.evaluation.lead_time import LeadTimes, RandomAlarms, score_lead_time
from msray.evaluation.overfitting import BacktestOverfitting, probability_of_backtest_overfitting
from msray.evaluation.performance import (
    Drawdown,
    PerformanceReport,
    TradeReport,
    compound_returns,
    measure_performance,
    measure_trades,
)
from msray.evaluation.planted import Alarm, PlantedChange, PlantedScore, score_planted
from msray.evaluation.prediction_folds import FoldReport, FoldScore, evaluate_folds
from msray.evaluation.prediction_report import JudgedFigure, PredictionReport, evaluate_predictions
from msray.evaluation.predictions import Predictions
from msray.evaluation.purged_cv import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward, Role, SplitDescription
from msray.evaluation.ranking import Curve, PrecisionAtK, RankingReport, precision_at_k, ranking_report
from msray.evaluation.reliability import ReliabilityDiagram, reliability_diagram
from msray.evaluation.sharpe import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)
from msray.evaluation.split_audit import SplitAudit, audit_splits
from msray.evaluation.watched import Watched

__all__ = [
    "Alarm",
    "BacktestOverfitting",
    "BootstrapInterval",
    "ClassScore",
    "ClassificationReport",
    "CombinatorialPurgedCV",
    "Curve",
    "DelayScore",
    "DirectionScore",
    "DirectionalAccuracy",
    "Drawdown",
    "FoldReport",
    "FoldScore",
    "JudgedFigure",
    "LeadTimes",
    "MarginScore",
    "PerformanceReport",
    "PlantedChange",
    "PlantedScore",
    "PrecisionAtK",
    "PredictionReport",
    "Predictions",
    "ProbabilityScore",
    "PurgedKFold",
    "PurgedWalkForward",
    "RandomAlarms",
    "RankingReport",
    "ReliabilityDiagram",
    "Role",
    "SplitAudit",
    "SplitDescription",
    "TradeReport",
    "Watched",
    "audit_splits",
    "automatic_mean_block",
    "classification_report",
    "compound_returns",
    "covering",
    "deflated_sharpe_ratio",
    "directional_accuracy",
    "evaluate_folds",
    "evaluate_predictions",
    "expected_maximum_sharpe",
    "f1_with_margin",
    "measure_performance",
    "measure_trades",
    "minimum_track_record_length",
    "precision_at_k",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "ranking_report",
    "reliability_diagram",
    "score_delays",
    "score_lead_time",
    "score_planted",
    "stationary_bootstrap_interval",
    "stationary_rows",
    "wilson_interval",
]
