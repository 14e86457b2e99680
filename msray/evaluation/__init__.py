"""What detections are worth, against what is known to be true."""

from msray.evaluation.change_points import DelayScore, MarginScore, covering, f1_with_margin, score_delays
from msray.evaluation.classification import ClassificationReport, ClassScore, ProbabilityScore, classification_report
from msray.evaluation.directional import DirectionalAccuracy, DirectionScore, directional_accuracy
from msray.evaluation.intervals import wilson_interval
from msray.evaluation.lead_time import LeadTimes, RandomAlarms, score_lead_time
from msray.evaluation.planted import Alarm, PlantedChange, PlantedScore, score_planted
from msray.evaluation.ranking import Curve, PrecisionAtK, RankingReport, precision_at_k, ranking_report
from msray.evaluation.reliability import ReliabilityDiagram, reliability_diagram
from msray.evaluation.watched import Watched

__all__ = [
    "Alarm",
    "ClassScore",
    "ClassificationReport",
    "Curve",
    "DelayScore",
    "DirectionScore",
    "DirectionalAccuracy",
    "LeadTimes",
    "MarginScore",
    "PlantedChange",
    "PlantedScore",
    "PrecisionAtK",
    "ProbabilityScore",
    "RandomAlarms",
    "RankingReport",
    "ReliabilityDiagram",
    "Watched",
    "classification_report",
    "covering",
    "directional_accuracy",
    "f1_with_margin",
    "precision_at_k",
    "ranking_report",
    "reliability_diagram",
    "score_delays",
    "score_lead_time",
    "score_planted",
    "wilson_interval",
]
