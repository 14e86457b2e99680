"""Detectors of changes, set by their false-alarm rate, and the watches that run them on bars."""

from msray.detectors.base import Detector
from msray.detectors.bootstrap import calibrate
from msray.detectors.calibration import Calibration, WatchCalibration
from msray.detectors.cusum import CUSUM
from msray.detectors.ensemble import Ensemble
from msray.detectors.focus import FOCuS
from msray.detectors.page_hinkley import PageHinkley
from msray.detectors.rate import seen_rate
from msray.detectors.section import DETECTORS
from msray.detectors.watch import new_watch, reset_watch

__all__ = [
    "CUSUM",
    "DETECTORS",
    "Calibration",
    "Detector",
    "Ensemble",
    "FOCuS",
    "PageHinkley",
    "WatchCalibration",
    "calibrate",
    "new_watch",
    "reset_watch",
    "seen_rate",
]
