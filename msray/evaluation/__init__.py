"""What detections are worth, against what is known to be true; and how far a result can be believed."""

from msray.evaluation.planted import Alarm, PlantedChange, PlantedScore, score_planted, wilson_interval
from msray.evaluation.purged_cv import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward, Role, SplitDescription
from msray.evaluation.split_audit import SplitAudit, audit_splits

__all__ = [
    "Alarm",
    "CombinatorialPurgedCV",
    "PlantedChange",
    "PlantedScore",
    "PurgedKFold",
    "PurgedWalkForward",
    "Role",
    "SplitAudit",
    "SplitDescription",
    "audit_splits",
    "score_planted",
    "wilson_interval",
]
