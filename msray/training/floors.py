"""Rules without a network: what every model has to be better than, on the same rows."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from msray.models.classes import DOWN, FLAT, NO_LABEL, UP
from msray.training.labels import LabelConfig
from msray.training.rows import TrainingRows

Rule = Callable[[TrainingRows, LabelConfig, tuple[float, ...], NDArray[np.int64]], NDArray[np.int64]]
"""From rows, what is to be predicted, its thresholds, and the labels that may be learned from ``(n, h)`` to classes."""


def majority(
    rows: TrainingRows, config: LabelConfig, thresholds: tuple[float, ...], learned: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Always the class that was commonest among what is learned from."""
    commonest = [np.bincount(column[column != NO_LABEL], minlength=3).argmax() for column in learned.T]
    return np.tile(np.array(commonest, np.int64), (len(rows), 1))


def persistence(
    rows: TrainingRows, config: LabelConfig, thresholds: tuple[float, ...], learned: NDArray[np.int64]
) -> NDArray[np.int64]:
    """What has just happened goes on: the mid over its mean of the last ``k`` rows, with the label's own threshold.

    Where a label compares with a past mean, this is the part of it that is known before.
    """
    return np.column_stack(
        [
            _class_of(_deviation(rows, config.smoothing if _is_smoothed(config) else k), threshold)
            for k, threshold in zip(config.horizons, thresholds, strict=True)
        ]
    )


def mean_reversion(
    rows: TrainingRows, config: LabelConfig, thresholds: tuple[float, ...], learned: NDArray[np.int64]
) -> NDArray[np.int64]:
    """What has just happened is undone: the opposite of :func:`persistence`."""
    return UP - persistence(rows, config, thresholds, learned)


def imbalance(
    rows: TrainingRows, config: LabelConfig, thresholds: tuple[float, ...], learned: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Up where more is bid than offered at the best prices, down where less."""
    if "imbalance_l1" in rows.names:
        more = rows.values[:, rows.names.index("imbalance_l1")]
    else:
        bid, ask = (rows.values[:, rows.names.index(f"{side}_size_log_l1")] for side in ("bid", "ask"))
        more = bid - ask
    sign = np.nan_to_num(np.sign(more)).astype(np.int64)
    return np.repeat(FLAT + sign[:, None], len(config.horizons), axis=1)


IMBALANCES = ({"imbalance_l1"}, {"bid_size_log_l1", "ask_size_log_l1"})
"""Features that tell what is bid and offered at the best prices: one of these sets is enough."""
FLOORS: Mapping[str, Rule] = {
    "majority": majority,
    "persistence": persistence,
    "mean_reversion": mean_reversion,
    "imbalance": imbalance,
}
"""By name; ``imbalance`` needs one of :data:`IMBALANCES` among the features."""


def _is_smoothed(config: LabelConfig) -> bool:
    return config.family == "later_mean_over_last_mean"


def _deviation(rows: TrainingRows, k: int) -> NDArray[np.float64]:
    """The mid over the mean of the last ``k``, or of as many as there are in the stretch, less 1."""
    sums = np.concatenate([[0], np.cumsum(rows.mid - rows.mid[:1])]) if len(rows) else np.zeros(1)
    count = np.minimum(rows.since + 1, k)
    at = np.arange(len(rows)) + 1
    mean = (sums[at] - sums[at - count]) / count + (rows.mid[0] if len(rows) else 0)
    return rows.mid / mean - 1.0


def _class_of(change: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    return np.where(change > threshold, UP, np.where(change < -threshold, DOWN, FLAT))
