"""Rules without a network: what every model has to be better than, on the same rows."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from msray.extras import from_extra
from msray.models.classes import DOWN, FLAT, NO_LABEL, UP
from msray.models.network import MOST_WIDTHS
from msray.training.config import LabelConfig
from msray.training.rows import TrainingRows
from msray.training.scaling import fit_scale

MOST_ROWS = 100_000
"""So many rows are learned from by ``logistic``, evenly taken, where there are more."""
FIVE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "imbalance at the best prices": (("imbalance_l1",), ("bid_size_log_l1", "ask_size_log_l1")),
    "imbalance behind them": (("imbalance_l5",), ("imbalance_l10",), ("imbalance_l3",), ("imbalance_weighted",)),
    "microprice": (("microprice_offset_bps",),),
    "order flow": (("ofi_log_l1_10_rows",), ("ofi_log_l1_50_rows",), ("ofi_ew_1s",), ("ofi_log_l1",), ("ofi_l1",)),
    "mid over its mean": (("mid_deviation_bps_10_rows",), ("mid_deviation_bps_50_rows",), ("zscore_60s",)),
}
"""What ``logistic`` looks at: of each, the first choice whose features all are there; what has none is left out."""

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


def logistic(
    rows: TrainingRows, config: LabelConfig, thresholds: tuple[float, ...], learned: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Multinomial logistic regression on :data:`FIVE` features, scaled as networks scale theirs, a fit a horizon.

    Where fewer than two classes came, it is :func:`majority`.
    """
    with from_extra("models", "the floor logistic"):
        from sklearn.linear_model import LogisticRegression

    seen, said = _five(rows, learned), majority(rows, config, thresholds, learned)
    for column, labels in enumerate(learned.T):
        known = np.flatnonzero(labels != NO_LABEL)
        some = known[:: max(1, -(-len(known) // MOST_ROWS))]
        if len(np.unique(labels[some])) > 1:
            said[:, column] = LogisticRegression(max_iter=1_000).fit(seen[some], labels[some]).predict(seen)
    return said


FLOORS: Mapping[str, Rule] = {
    "majority": majority,
    "persistence": persistence,
    "mean_reversion": mean_reversion,
    "imbalance": imbalance,
    "logistic": logistic,
}
"""By name; ``imbalance`` and ``logistic`` need one of :data:`~msray.training.config.IMBALANCES` among the features."""

LEARNING = ("majority", "logistic")
"""Those of them that learn."""


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


def _five(rows: TrainingRows, learned: NDArray[np.int64]) -> NDArray[np.float64]:
    """``(n, c)`` features of :data:`FIVE`, measured as is usual in rows that may be learned from."""
    there = set(rows.names)
    names = [name for choices in FIVE.values() for name in next((one for one in choices if there.issuperset(one)), ())]
    values = rows.values[:, [rows.names.index(name) for name in names]]
    center, width = fit_scale(values[(learned != NO_LABEL).any(axis=1)])
    scaled = (values.astype(np.float64) - center) / width
    return np.nan_to_num(scaled, nan=0.0).clip(-MOST_WIDTHS, MOST_WIDTHS)
