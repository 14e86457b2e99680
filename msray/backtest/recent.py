"""``RecentMarket``: what a market maker has seen of late - how much the mid moves, how deep trades reach."""

import math
from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from msray.backtest.config import SECOND
from msray.backtest.quoting import DEPTHS_TICKS, Intensity, fit_counts
from msray.errors import UsageError

_MOST_WEIGHT = 1e150
_MOST_HALF_LIVES = 300.0
"""Of one observation; before the last so many, nothing counts any more."""
_FIT_EVERY_NS = SECOND
_LEAST_SHARE = 0.01
"""Of all arrivals, that makes a depth one that trades still reach."""


class RecentMarket:
    """Volatility and intensity of the past, of which less counts the longer ago it is.

    Parameters
    ----------
    half_life_s
        Seconds after which an observation counts half, positive.

    Raises
    ------
    UsageError
        If the half-life is not positive.

    Attributes
    ----------
    watched_ns
        Observed so far.
    intensity
        Fitted anew each second while trades reach several depths; None before they do.

    Examples
    --------
    >>> recent = RecentMarket(half_life_s=60.0)
    >>> for change in (1.0, -1.0, 1.0, -1.0):
    ...     recent.observe(250_000_000, change)
    >>> round(recent.volatility_ticks, 9)
    2.0
    """

    def __init__(self, half_life_s: float) -> None:
        if not 0.0 < half_life_s < math.inf:
            raise UsageError(f"half_life_s must be positive, got {half_life_s}")
        self.watched_ns = 0
        self.intensity: Intensity | None = None
        self._half_life_s = half_life_s
        self._fitted_ns = 0
        # The newest observation has the largest weight, so that nothing else need be touched.
        self._weight = 1.0
        self._seconds = self._squares = 0.0
        self._counts = [0.0] * (len(DEPTHS_TICKS) + 1)

    @property
    def volatility_ticks(self) -> float:
        """Root of the mean squared change of the mid in a second, in ticks; NaN before anything was observed."""
        return math.sqrt(self._squares / self._seconds) if self._seconds else math.nan

    def observe(self, elapsed_ns: int, mid_change_ticks: float, reaches_ticks: Iterable[float] = ()) -> None:
        """Take up what happened since the last observation.

        Parameters
        ----------
        elapsed_ns
            How long that is, positive.
        mid_change_ticks
            Of the mid.
        reaches_ticks
            Of the trades on either side, how far the farthest was from the mid before; an order at that depth would
            have traded once.
        """
        seconds = elapsed_ns / SECOND
        self.watched_ns += elapsed_ns
        self._weight *= 2.0 ** min(seconds / self._half_life_s, _MOST_HALF_LIVES)
        if self._weight > _MOST_WEIGHT:
            self._rescale()
        self._seconds += self._weight * seconds
        self._squares += self._weight * mid_change_ticks * mid_change_ticks
        for reach in reaches_ticks:
            self._counts[bisect_right(DEPTHS_TICKS, reach)] += self._weight
        if self.watched_ns >= self._fitted_ns + _FIT_EVERY_NS:
            self._fit()

    def _fit(self) -> None:
        self._fitted_ns = self.watched_ns
        counts = np.array(self._counts[1:]) / self._weight
        if np.count_nonzero(counts > _LEAST_SHARE * counts.sum()) > 1:
            self.intensity = fit_counts(counts, watched_s=2.0 * self._seconds / self._weight)

    def _rescale(self) -> None:
        """Keep the weights finite; their ratios are all that matters."""
        self._seconds /= self._weight
        self._squares /= self._weight
        self._counts = [count / self._weight for count in self._counts]
        self._weight = 1.0
