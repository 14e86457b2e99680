"""What detections are worth, against what is known to be true."""

from msray.evaluation.planted import Alarm, PlantedChange, PlantedScore, score_planted, wilson_interval

__all__ = ["Alarm", "PlantedChange", "PlantedScore", "score_planted", "wilson_interval"]
