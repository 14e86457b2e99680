"""How features are scaled: by what was usual in the rows that are learned from."""

import numpy as np
from numpy.typing import NDArray

_NORMAL = 1.4826
"""Deviation of a normal distribution, in units of its median distance from the median."""
_LEAST_SHARE = 0.2


def fit_scale(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Center and width of each feature, ``(c,)`` each, from rows ``(n, c)`` to learn from.

    The center is the median; the width is the upper quartile of the distance from it, which rare events do not move,
    but no less than a fifth of the deviation, for features that mostly stand still. A feature that never moves, or is
    never known, has width 1.
    """
    center, width = np.zeros(values.shape[1], np.float32), np.ones(values.shape[1], np.float32)
    for column in range(values.shape[1]):
        known = values[:, column][np.isfinite(values[:, column])].astype(np.float64)
        if len(known) == 0:
            continue
        center[column] = np.median(known)
        distance = np.abs(known - center[column])
        found = max(_NORMAL * float(np.quantile(distance, 0.75)) / 1.7, _LEAST_SHARE * float(known.std()))
        width[column] = found if found > 0 else 1.0
    return center, width
