"""What detections are worth, against what is known to be true; and how far a result can be believed."""

from msray.evaluation.bootstrap import (
    BootstrapInterval,
    automatic_mean_block,
    stationary_bootstrap_interval,
    stationary_rows,
)
from msray.evaluation.overfitting import BacktestOverfitting, probability_of_backtest_overfitting
from msray.evaluation.performance import (
    Drawdown,
    PerformanceReport,
    TradeReport,
    compound_returns,
    measure_performance,
    measure_trades,
)
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
    "BootstrapInterval",
    "CombinatorialPurgedCV",
    "Drawdown",
    "PerformanceReport",
    "PlantedChange",
    "PlantedScore",
    "PurgedKFold",
    "PurgedWalkForward",
    "Role",
    "SplitAudit",
    "SplitDescription",
    "TradeReport",
    "audit_splits",
    "automatic_mean_block",
    "compound_returns",
    "deflated_sharpe_ratio",
    "expected_maximum_sharpe",
    "measure_performance",
    "measure_trades",
    "minimum_track_record_length",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "score_planted",
    "stationary_bootstrap_interval",
    "stationary_rows",
    "wilson_interval",
]
