"""Page's two-sided CUSUM: the quickest detector of a shift whose size and starting level are known."""

from msray.detectors.arl import check_allowance, quiet_arl, solve_threshold
from msray.detectors.base import SectionDetector, settle
from msray.detectors.kernels_members import CUSUM as MODE
from msray.detectors.section import CUSUM_ALLOWANCE, Section
from msray.errors import UsageError


class CUSUM(SectionDetector):
    """Cumulative sums of standardised values (mean 0, deviation 1 in control), both ways.

    ``C+ = max(0, C+ + x - k)`` and ``C- = max(0, C- - x - k)``; it alarms when either exceeds the threshold. The change
    is placed after the last value at which that side was 0.

    Parameters
    ----------
    arl0
        Expected values between false alarms; the threshold is solved from it exactly. Either this or ``threshold``.
    k
        Allowance, 0.1 to 5: half the shift to be found fastest, in standard deviations.
    threshold
        Height of the alarm, in standard deviations.
    head_start
        Where both sides begin; half the threshold makes a fast initial response. At least 0, below the threshold.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Page (1954), "Continuous inspection schemes"; Lucas and Crosier (1982) for the head start.

    Examples
    --------
    >>> detector = CUSUM(arl0=465.44)
    >>> round(detector.threshold, 2)
    5.0
    >>> detector.update_many([0.1, -0.3, 0.2, 2.0, 2.1, 1.9, 2.2])
    array([6])
    >>> detector.direction, detector.change_age, round(detector.size, 2)
    (1, 4, 2.05)
    """

    def __init__(
        self,
        *,
        arl0: float | None = None,
        k: float = CUSUM_ALLOWANCE,
        threshold: float | None = None,
        head_start: float = 0.0,
    ) -> None:
        check_allowance("k", k)
        if not head_start >= 0.0:
            raise UsageError(f"head_start must be at least 0, got {head_start}")
        height, length = settle(
            arl0,
            threshold,
            threshold_of=lambda arl0: solve_threshold(arl0, k=k, start=head_start),
            arl0_of=lambda h: quiet_arl(k=k, h=h, start=min(head_start, h)),
        )
        if head_start >= height:
            raise UsageError(f"head_start must be below the threshold {height:g}, got {head_start}")
        super().__init__(Section(mode=MODE, threshold=height, cusum_k=k, head_start=head_start), length)
