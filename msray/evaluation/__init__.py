"""What detections are worth, against what is known to be true."""

from msray.evaluation.intervals import wilson_interval
from msray.evaluation.planted import Alarm, PlantedChange, PlantedScore, score_planted
from msray.evaluation.ranking import Curve, PrecisionAtK, RankingReport, precision_at_k, ranking_report

__all__ = [
    "Alarm",
    "Curve",
    "PlantedChange",
    "PlantedScore",
    "PrecisionAtK",
    "RankingReport",
    "precision_at_k",
    "ranking_report",
    "score_planted",
    "wilson_interval",
]
