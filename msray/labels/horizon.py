"""Fixed-horizon labels: a mid or a mean of mids, over an earlier one.

Each function is named for what it compares. Horizons are counted in rows of the mid given: FI-2010 has a row each ten
events, so its "k = 10 events" is one row. A window never reaches over an end of the data; where days or epochs are
joined, label each on its own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_array, checked_count, checked_fraction, checked_numbers, checked_times
from msray.errors import UsageError
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 1_000_000
_FLOAT_BITS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HorizonLabels:
    """Labels of the rows whose windows are complete; an entry a label in each array.

    Attributes
    ----------
    row
        ``int64``: which row is labelled. Rows too near to the begin or the end of the data have no label.
    end_row
        ``int64``: the last row that the label looks at.
    label
        ``int8``: 1 up, -1 down, 0 neither.
    change
        ``float64``: the relative change that was compared with the threshold. To choose a threshold, look at the
        changes of the training rows alone: one that is taken from all rows has seen the test.
    """

    row: NDArray[np.int64]
    end_row: NDArray[np.int64]
    label: NDArray[np.int8]
    change: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def spans(self, at_ns: ArrayLike) -> NDArray[np.int64]:
        """Begin and end of each label, ``int64`` of two columns, given the time of each row of the mid."""
        times = checked_times("at_ns", at_ns)
        if len(self) and len(times) <= self.end_row[-1]:
            raise UsageError(f"at_ns must have a time for each row of the mid, got {len(times)}")
        return np.column_stack([times[self.row], times[self.end_row]])

    def to_pandas(self) -> "pd.DataFrame":
        """One row a label: ``row, end_row, label, change``."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame({"row": self.row, "end_row": self.end_row, "label": self.label, "change": self.change})


def later_mid_over_mid(mid: ArrayLike, k: int, *, threshold_pct: float) -> HorizonLabels:
    """The mid ``k`` rows later, over the current one; see :func:`next_mean_over_mid` for the rest.

    Examples
    --------
    >>> later_mid_over_mid([100, 100, 101, 100], k=1, threshold_pct=0.0).label
    array([ 0,  1, -1], dtype=int8)
    """
    return _compared(mid, past=1, future=1, horizon=k, threshold_pct=threshold_pct)


def next_mean_over_mid(mid: ArrayLike, k: int, *, threshold_pct: float) -> HorizonLabels:
    """The mean of the next ``k`` mids, over the current one: the labels of FI-2010.

    Parameters
    ----------
    mid
        Mid prices, positive. Integers (bid and ask in ticks, added) are exact. Floats are rounded to about 1e-12 of the
        first, so that sums of them are exact too; a change of no more than that rounding is none.
    k
        1 to 1,000,000 rows.
    threshold_pct
        A change above it is up, one below its negative down; a fraction, 0 to below 0.5.

    Raises
    ------
    UsageError
        If a mid is NaN, infinite or not positive, or a number is out of range.

    Notes
    -----
    Ntakaris et al. (2018), "Benchmark dataset for mid-price forecasting of limit order book data"; also equation 3 of
    Zhang, Zohren and Roberts (2019). One noisy current mid is compared with a mean, so the way back to the mean is part
    of the label. Nobody is known to have made the labels in the files of FI-2010 again from its prices.

    Examples
    --------
    >>> labels = next_mean_over_mid([100, 101, 102, 100], k=2, threshold_pct=0.001)
    >>> labels.row, labels.end_row, labels.label, labels.change
    (array([0, 1]), array([2, 3]), array([1, 0], dtype=int8), array([0.015, 0.   ]))
    """
    return _compared(mid, past=1, future=k, horizon=k, threshold_pct=threshold_pct)


def next_mean_over_last_mean(mid: ArrayLike, k: int, *, threshold_pct: float) -> HorizonLabels:
    """The mean of the next ``k`` mids, over that of the last ``k`` with the current one: the labels of DeepLOB.

    The rest is as in :func:`next_mean_over_mid`.

    Notes
    -----
    Equation 4 of Zhang, Zohren and Roberts (2019), "DeepLOB". What the label compares with is known before: the
    current mid over the last mean, without any model, predicts it well. Report that rule beside a model.

    Examples
    --------
    >>> next_mean_over_last_mean([100, 100, 101, 101], k=2, threshold_pct=0.001).change
    array([0.01])
    """
    return _compared(mid, past=k, future=k, horizon=k, threshold_pct=threshold_pct)


def later_mean_over_last_mean(mid: ArrayLike, k: int, *, smoothing: int, threshold_pct: float) -> HorizonLabels:
    """The mean of ``smoothing`` mids up to ``k`` rows later, over that of as many up to now: the labels of TLOB.

    The rest is as in :func:`next_mean_over_mid`; ``smoothing`` is 1 to ``k``, or both windows would share rows. With
    ``smoothing`` 1 it is :func:`later_mid_over_mid`, with ``k`` it is :func:`next_mean_over_last_mean`.

    Notes
    -----
    Berti and Kasneci (2025), "TLOB". Its code sets the threshold to half the mean absolute change of the rows that are
    labelled, those of the test included; here it is given.

    Examples
    --------
    >>> later_mean_over_last_mean([100, 100, 102, 101, 101], k=3, smoothing=2, threshold_pct=0.001).change
    array([0.01])
    """
    checked_count("k", k, 1, MOST_ROWS)
    checked_count("smoothing", smoothing, 1, k)
    return _compared(mid, past=smoothing, future=smoothing, horizon=k, threshold_pct=threshold_pct)


def _compared(mid: ArrayLike, *, past: int, future: int, horizon: int, threshold_pct: float) -> HorizonLabels:
    """Mean of ``future`` mids that end ``horizon`` rows later, over that of the ``past`` ones; ``past`` divides it."""
    checked_count("k", horizon, 1, MOST_ROWS)
    checked_fraction("threshold_pct", threshold_pct, least=0)
    units, is_rounded = _units(mid, future)
    row = np.arange(past - 1, max(len(units) - horizon, past - 1))
    # The sum of all may wrap around; that of a window, which is what is left of it, does not.
    sums = np.concatenate([[0], np.cumsum(units)])
    before = (sums[row + 1] - sums[row + 1 - past]) * (future // past)
    after = sums[row + horizon + 1] - sums[row + horizon + 1 - future]
    change = (after - before) / before
    # Two equal means of floats may be apart by half a unit a row and side, which is nothing.
    least = threshold_pct + (future / before if is_rounded else 0.0)
    label = (change > least).astype(np.int8) - (change < -least)
    return HorizonLabels(row=row, end_row=row + horizon, label=label.astype(np.int8), change=change)


def _units(mid: ArrayLike, window: int) -> tuple[NDArray[np.int64], bool]:
    """The mids as integers, so small that the sum of a window is one too, and whether they had to be rounded."""
    array = checked_array("mid", mid)
    prices = checked_numbers("mid", array, above=0)
    is_rounded = len(prices) > 0 and array.dtype.kind == "f"
    if is_rounded and prices.min() < prices[0] * 1e-6:
        raise UsageError(f"mid must not fall below a millionth of the first, got {prices.min()} and {prices[0]}")
    scaled = np.ldexp(prices, _FLOAT_BITS - np.frexp(prices[0])[1]) if is_rounded else prices
    if scaled.max(initial=0.0) * window >= 2.0**62:
        raise UsageError(f"mid must not be so large, or grow so much, got {prices[0]} to {prices.max()}")
    return (np.rint(scaled) if is_rounded else array).astype(np.int64), is_rounded
