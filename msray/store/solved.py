"""Calibrations that this machine has computed: a replay of the same bars with the same words finds them."""

import contextlib
from pathlib import Path

from msray.compiled import PACKAGE, cache_folder
from msray.detectors import Calibration
from msray.errors import ConfigError
from msray.prediction import CalibrationTask
from msray.store.durable import write_over

_WORDS = ("calibration.py", "config.py")
MOST = 4096
"""Files; about a kilobyte for each watch."""


class SolvedCalibrations:
    """One file each, named by what it was made from, beside the compiled kernels; the oldest go.

    What cannot be read is not there, and what cannot be written is computed again: nothing depends on them. As with
    kernels, what earlier versions kept stays in a folder of theirs.
    """

    def __init__(self, folder: Path | None = None) -> None:
        sources = [*PACKAGE.glob("detectors/*.py"), *(PACKAGE / "prediction" / name for name in _WORDS)]
        self._folder = folder or cache_folder("calibrations", *sources)

    def find(self, task: CalibrationTask) -> Calibration | None:
        """See :class:`~msray.prediction.solver.Solved`."""
        with contextlib.suppress(OSError, ConfigError):
            return Calibration.from_json(self._path(task).read_bytes())
        return None

    def keep(self, task: CalibrationTask, calibration: Calibration) -> None:
        """See :class:`~msray.prediction.solver.Solved`."""
        with contextlib.suppress(OSError):
            write_over(self._path(task), calibration.to_json().encode())
            files = list(self._folder.glob("*.json"))
            if len(files) > MOST:
                for file in sorted(files, key=lambda one: one.stat().st_mtime)[: MOST // 4]:
                    file.unlink(missing_ok=True)

    def _path(self, task: CalibrationTask) -> Path:
        return self._folder / f"{task.digest}.json"
