"""Page-Hinkley, both ways: CUSUM for a series whose level is not known beforehand."""

from msray.detectors.base import SectionDetector, settle
from msray.detectors.iid import PAGE_HINKLEY, PAGE_HINKLEY_DELTA, arl0_at, threshold_at
from msray.detectors.kernels_members import PAGE_HINKLEY as MODE
from msray.detectors.section import Section


class PageHinkley(SectionDetector):
    """Cumulative deviations from the running mean, less an allowance of a quarter of a standard deviation.

    The mean runs since the start or the last alarm and includes the newest value. The statistic is the height of the
    cumulative sum above its minimum, or of the sum of negated values above its own, whichever is larger; the change is
    placed after that minimum.

    Parameters
    ----------
    arl0
        Expected values between false alarms, of values with standard deviation 1. Either this or ``threshold``.
    threshold
        Height of the alarm, in standard deviations.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Page (1954); Hinkley (1971), "Inference about the change-point from cumulative sum tests".

    Examples
    --------
    >>> import numpy as np
    >>> detector = PageHinkley(arl0=1000)
    >>> quiet = np.random.default_rng(1).normal(size=200)
    >>> detector.update_many(quiet), detector.update_many(quiet[:40] + 2.0)[:1]
    (array([], dtype=int64), array([4]))
    """

    def __init__(self, *, arl0: float | None = None, threshold: float | None = None) -> None:
        height, length = settle(
            arl0,
            threshold,
            threshold_of=lambda arl0: threshold_at(PAGE_HINKLEY, arl0),
            arl0_of=lambda h: arl0_at(PAGE_HINKLEY, h),
        )
        super().__init__(Section(mode=MODE, threshold=height, delta=PAGE_HINKLEY_DELTA), length)
