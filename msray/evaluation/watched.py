"""What one instrument did while it was watched."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_spans, checked_whole, refuse_rows
from msray.errors import UsageError
from msray.evaluation.kernels_lead_time import match_alarms

Times = NDArray[np.int64]


class Watched:
    """Events and alarms of one instrument, and the times at which there could be any.

    Parameters
    ----------
    onset_ns, alarm_ns
        When its events began and when its alarms came, whole nanoseconds in any order; each inside one of the periods.
    periods
        What was watched, m rows of begin and end: ``begin <= time < end``. They do not overlap; what lies between them,
        a gap of the recording or a night, is nobody's time.

    Raises
    ------
    UsageError
        If times are no integers or outside the periods, or the periods are empty, overlap or begin before 0.

    Examples
    --------
    >>> watched = Watched(onset_ns=[50], alarm_ns=[30, 45], periods=[(0, 40), (45, 60)])
    >>> watched.watched_ns
    55
    """

    def __init__(self, *, onset_ns: ArrayLike, alarm_ns: ArrayLike, periods: ArrayLike) -> None:
        self._periods = _periods(periods)
        self._passed_ns = np.append(0, np.cumsum(self._periods[:, 1] - self._periods[:, 0]))
        onsets = self._inside("onset_ns", onset_ns)
        self._place = np.argsort(onsets, kind="stable")
        self._onset_ns = onsets[self._place]
        self.alarm_ns = np.sort(self._inside("alarm_ns", alarm_ns))

    @property
    def watched_ns(self) -> int:
        """Length of all periods."""
        return int(self._passed_ns[-1])

    def leads(self, alarm_ns: Times, horizon_ns: int, minimum_lead_ns: int) -> Times:
        """Lead of each event, in the order given, -1 where ascending ``alarm_ns`` miss it."""
        ascending, out = np.empty_like(self._onset_ns), np.empty_like(self._onset_ns)
        match_alarms(self._onset_ns, alarm_ns, horizon_ns, minimum_lead_ns, ascending)
        out[self._place] = ascending
        return out

    def random_alarms(self, rng: np.random.Generator) -> Times:
        """As many alarms as there were, each anywhere in the periods, ascending."""
        after_ns = np.sort(rng.integers(self.watched_ns, size=len(self.alarm_ns)))
        period = np.searchsorted(self._passed_ns, after_ns, side="right") - 1
        alarms: Times = self._periods[period, 0] + (after_ns - self._passed_ns[period])
        return alarms

    def _inside(self, name: str, times: ArrayLike) -> Times:
        array = checked_whole(name, times)
        period = np.searchsorted(self._periods[:, 0], array, side="right") - 1
        outside = (period < 0) | (array >= self._periods[period, 1])
        refuse_rows(name, array, outside, "lie in the periods (begin <= time < end)")
        return array


def _periods(given: ArrayLike) -> Times:
    periods = checked_spans("periods", given, at_least_one=True)
    periods = periods[np.argsort(periods[:, 0])]
    before = np.append(0, periods[:-1, 1])
    is_wrong = (periods[:, 0] < before) | (periods[:, 1] <= periods[:, 0])
    if is_wrong.any():
        begin, end = periods[np.argmax(is_wrong)]
        raise UsageError(
            "periods must end after they begin and not overlap, "
            f"got {begin} to {end} after one that ends at {before[np.argmax(is_wrong)]}"
        )
    return periods
