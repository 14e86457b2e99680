"""Rows to learn from as files of arrays: how they come from the tasks that read them to whoever trains.

::

    rows/
        values.npy  mid.npy  event_ns.npy  starts.npy
        names.json
"""

import json
from pathlib import Path

import numpy as np

from msray.errors import UnavailableError
from msray.training.rows import TrainingRows

_ARRAYS = ("values", "mid", "event_ns", "starts")
_NAMES = "names.json"


def write_rows(folder: Path, rows: TrainingRows) -> None:
    """Write them into a new folder, within one that is there.

    Raises
    ------
    UnavailableError
        If it cannot be written, as on a full disk.
    """
    try:
        folder.mkdir()
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(rows, name))
        (folder / _NAMES).write_text(json.dumps(rows.names), encoding="utf-8")
    except OSError as error:
        raise UnavailableError(f"cannot write {folder}: {error.strerror or error}") from error


def map_rows(folder: Path) -> TrainingRows:
    """What :func:`write_rows` wrote, mapped into memory."""
    mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS}
    arrays = {name: np.asarray(array) for name, array in mapped.items()}  # as such, Ray hands them on without a copy
    return TrainingRows(names=tuple(json.loads((folder / _NAMES).read_text(encoding="utf-8"))), **arrays)
