"""FOCuS: the exact likelihood ratio of a change of mean, over every time and every size of change."""

import math

from msray.detectors.base import SectionDetector, settle
from msray.detectors.iid import FOCUS, FOCUS_KNOWN_MEAN, arl0_at, threshold_at
from msray.detectors.kernels_members import FOCUS as MODE
from msray.detectors.section import Section
from msray.errors import UsageError


class FOCuS(SectionDetector):
    """Generalised likelihood ratio of independent normal values with deviation 1; needs no tuning.

    With the mean before the change unknown, the statistic after n values is the maximum over t of ``t (n - t) / n *
    (mean after t - mean up to t)^2 / 2``; with it known, of ``(sum after t of x - mean)^2 / (2 (n - t))``. Only
    vertices of the convex hull of the cumulative sum can attain it: about log n of them. At most 64 a side are kept;
    where more are left (a drift without a break), one is forgotten for each new one, such that the rest stay spread
    over all ages, and the statistic may fall a little short.

    Parameters
    ----------
    arl0
        Expected values between false alarms. Either this or ``threshold``.
    threshold
        Log likelihood ratio of the alarm.
    known_mean
        Mean before the change; None if it is to be estimated.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Romano, Eckley, Fearnhead and Rigaill (2023), "Fast online changepoint detection via functional pruning CUSUM
    statistics", JMLR 24.

    Examples
    --------
    >>> detector = FOCuS(threshold=5.0)
    >>> detector.update_many([0.0, 0.1, -0.1, 0.0, 3.0, 3.1])
    array([5])
    >>> detector.direction, detector.change_age, round(detector.size, 2)
    (1, 2, 3.05)
    """

    def __init__(
        self, *, arl0: float | None = None, threshold: float | None = None, known_mean: float | None = None
    ) -> None:
        if known_mean is not None and not math.isfinite(known_mean):
            raise UsageError(f"known_mean must be finite, got {known_mean}")
        table = FOCUS if known_mean is None else FOCUS_KNOWN_MEAN
        height, length = settle(
            arl0,
            threshold,
            threshold_of=lambda arl0: threshold_at(table, arl0),
            arl0_of=lambda h: arl0_at(table, h),
        )
        super().__init__(Section(mode=MODE, threshold=height, known_mean=known_mean), length)
