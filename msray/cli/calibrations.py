"""Which calibrations of a file are meant, and who computes those of none."""

import os
from collections.abc import Collection
from pathlib import Path

from msray.detectors import Calibration
from msray.errors import ConfigError
from msray.prediction import DetectionConfig, SpotSolver, check_calibration
from msray.store.calibrations import load_calibrations
from msray.store.solved import SolvedCalibrations


def calibrations_for(file: Path, instruments: Collection[str], words: DetectionConfig) -> dict[str, Calibration]:
    """Those of these instruments.

    Raises
    ------
    ConfigError
        If the file cannot be read, has none of them, or was made for other words.
    """
    known = {name: one for name, one in load_calibrations(file).items() if name in instruments}
    if not known:
        raise ConfigError(f"{file} has no calibration of {', '.join(sorted(instruments))}")
    for name, calibration in known.items():
        check_calibration(calibration, name, words)
    return known


def remembering() -> SpotSolver:
    """Computes a calibration on all processors, if no replay of the same bars has on this machine."""
    return SpotSolver(SolvedCalibrations(), threads=os.cpu_count() or 1)
