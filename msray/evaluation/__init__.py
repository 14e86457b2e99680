"""What detections are worth, against what is known to be true."""

from msray.evaluation.intervals import wilson_interval
from msray.evaluation.planted import Alarm, PlantedChange, PlantedScore, score_planted

__all__ = ["Alarm", "PlantedChange", "PlantedScore", "score_planted", "wilson_interval"]
