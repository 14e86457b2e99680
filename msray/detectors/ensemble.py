"""The ensemble: CUSUM, Page-Hinkley and FOCuS on one series, weighed by what each would be sure of alone."""

from collections.abc import Mapping

from msray.detectors import kernels_members as k
from msray.detectors.base import SectionDetector, settle
from msray.detectors.iid import ENSEMBLE, arl0_at, threshold_at
from msray.detectors.section import UNBOUNDED, Section
from msray.stats import float_bits


class Ensemble(SectionDetector):
    """The logarithm of the mean of the members' evidences.

    The evidence of a member is the ARL0 of a threshold set at its present statistic: what a user would have had to
    accept to see it alarm now. Averaging such numbers keeps their meaning, taking the largest does not. CUSUM learns
    the level it starts from as the others do, so the ensemble follows a series to its new level. Direction, change and
    size of an alarm come from the member with the largest share.

    Parameters
    ----------
    arl0
        Expected values between false alarms, of values with standard deviation 1. Either this or ``threshold``.
    threshold
        Statistic of the alarm, on the scale of log ARL0.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Shin, Ramdas and Rinaldo (2022), "E-detectors", for averages against maxima.

    Examples
    --------
    >>> import numpy as np
    >>> detector = Ensemble(arl0=1000)
    >>> values = np.random.default_rng(1).normal(size=400)
    >>> values[300:] += 2.0
    >>> detector.update_many(values)
    array([304])
    """

    def __init__(self, *, arl0: float | None = None, threshold: float | None = None) -> None:
        height, length = settle(
            arl0,
            threshold,
            threshold_of=lambda arl0: threshold_at(ENSEMBLE, arl0),
            arl0_of=lambda h: arl0_at(ENSEMBLE, h),
        )
        super().__init__(Section(mode=k.ENSEMBLE, threshold=height, memory=UNBOUNDED), length)

    @property
    def shares(self) -> Mapping[str, float]:
        """What each member contributes to the statistic; sums to 1."""
        k.describe(self._arena, 0)
        shares = float_bits(self._arena)[k.SHARES : k.SHARES + len(k.MEMBERS)]
        return dict(zip(k.MEMBERS, map(float, shares), strict=True))
