"""Labels of rows for several horizons, with thresholds that only training rows have a say in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.labels import (
    HorizonLabels,
    later_mean_over_last_mean,
    later_mid_over_mid,
    next_mean_over_last_mean,
    next_mean_over_mid,
)
from msray.models.classes import FLAT, NO_LABEL
from msray.training.config import LabelConfig
from msray.training.rows import TrainingRows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """Relative changes that labels are made of, a column a horizon.

    Attributes
    ----------
    change
        ``(n, h)`` float64; NaN where the horizon is not complete within the row's stretch.
    end_row
        ``(n, h)`` int64: the last row that each looks at; the row itself where there is no change.
    """

    change: NDArray[np.float64]
    end_row: NDArray[np.int64]


def changes(rows: TrainingRows, config: LabelConfig) -> Changes:
    """The change behind each row and horizon."""
    shape = (len(rows), len(config.horizons))
    change, end_row = np.full(shape, np.nan), np.repeat(np.arange(len(rows))[:, None], shape[1], axis=1)
    for begin, end in zip(rows.starts.tolist(), rows.ends.tolist(), strict=True):
        for column, k in enumerate(config.horizons):
            found = _FAMILIES[config.family](rows.mid[begin:end], k, config.smoothing)
            change[begin + found.row, column] = found.change
            end_row[begin + found.row, column] = begin + found.end_row
    return Changes(change=change, end_row=end_row)


def fit_thresholds(found: Changes, begin: int, end: int, config: LabelConfig) -> tuple[float, ...]:
    """Thresholds of all horizons, from changes that lie within the rows ``begin`` to ``end`` alone.

    Raises
    ------
    UsageError
        If a horizon has no change there.
    """
    if config.threshold_pct is not None:
        return (config.threshold_pct,) * len(config.horizons)
    thresholds = []
    for column, k in enumerate(config.horizons):
        inside = found.end_row[begin:end, column] < end
        known = np.abs(found.change[begin:end, column][inside & np.isfinite(found.change[begin:end, column])])
        if len(known) == 0:
            raise UsageError(f"rows to learn from must be more than the horizon, {k}, got {end - begin}")
        thresholds.append(float(np.quantile(known, 1 / 3)))
    return tuple(thresholds)


def classes(found: Changes, thresholds: tuple[float, ...]) -> NDArray[np.int64]:
    """``(n, h)`` int64: :data:`DOWN`, :data:`FLAT`, :data:`UP`, or :data:`NO_LABEL`."""
    threshold = np.array(thresholds)
    made = FLAT + (found.change > threshold).astype(np.int64) - (found.change < -threshold)
    return np.where(np.isfinite(found.change), made, NO_LABEL)


_FAMILIES: Mapping[str, Callable[[NDArray[np.int64], int, int], HorizonLabels]] = {
    "next_mean_over_mid": lambda mid, k, _: next_mean_over_mid(mid, k, threshold_pct=0.0),
    "later_mid_over_mid": lambda mid, k, _: later_mid_over_mid(mid, k, threshold_pct=0.0),
    "next_mean_over_last_mean": lambda mid, k, _: next_mean_over_last_mean(mid, k, threshold_pct=0.0),
    "later_mean_over_last_mean": lambda mid, k, smoothing: later_mean_over_last_mean(
        mid, k, smoothing=smoothing, threshold_pct=0.0
    ),
}
