"""Volatility as it is known at an event: what barriers may be multiples of."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_duration_ns, checked_whole
from msray.labels import kernels as k
from msray.labels.prices import Prices


def volatility_target(
    prices: Prices,
    at_ns: ArrayLike,
    *,
    half_life_s: float,
    horizon_s: float = 300.0,
    sample_s: float = 1.0,
) -> NDArray[np.float64]:
    """Standard deviation of the mid's return over a horizon, estimated from what was before each event.

    Parameters
    ----------
    prices
        Their mid is looked at each ``sample_s`` of exchange time: at whole multiples of it since 1970, whenever the
        data begins. Shorter steps see more of the mid's flicker, which adds up to more than the price moves.
    at_ns
        Times of the events, in any order.
    half_life_s
        A return counts half after so many seconds.
    horizon_s
        The estimate is for so many seconds.

    Returns
    -------
    ndarray
        ``float64``, a fraction of the price for each event. NaN where less than a half-life of prices is known since
        the data, or its last gap, began.

    Raises
    ------
    UsageError
        If a number of seconds is not 1e-9 to 1e8, or times are not whole nanoseconds.

    Notes
    -----
    ``sqrt(horizon / sample * mean of squared log returns)``, each weighted by ``2 ** (-age / half_life)``; no mean
    return is taken off. Only rows up to the last sampling time at or before the event count.

    Examples
    --------
    >>> second = 1_000_000_000
    >>> mid = 100.0 * 1.001 ** (np.arange(60) % 2)
    >>> prices = Prices.of_quotes(np.arange(60) * second, mid, mid)
    >>> volatility_target(prices, [10 * second, 59 * second], half_life_s=20.0, horizon_s=100.0).round(6)
    array([     nan, 0.009995])
    """
    times = checked_whole("at_ns", at_ns)
    half_life_ns, horizon_ns, sample_ns = (
        checked_duration_ns(name, value)
        for name, value in (("half_life_s", half_life_s), ("horizon_s", horizon_s), ("sample_s", sample_s))
    )
    if not len(prices):
        return np.full(len(times), np.nan)
    mid, (row, sampled_ns) = prices.mid, _sampled(prices, sample_ns)
    epoch = np.cumsum(np.isnan(mid))
    returns = np.diff(np.log(mid[row]), prepend=np.nan)
    is_first = np.isnan(returns) | (np.diff(epoch[row], prepend=-1) > 0)
    since_ns = sampled_ns[np.maximum.accumulate(np.where(is_first, np.arange(len(row)), 0))]
    keep = np.where(is_first, 0.0, _left(np.diff(sampled_ns, prepend=0), half_life_ns))
    squares = np.empty(len(row))
    k.decayed_sums(keep, np.where(is_first, 0.0, returns * returns), squares)

    known_ns = times // sample_ns * sample_ns
    last, now = np.searchsorted(sampled_ns, known_ns, side="right") - 1, prices.row_at(times)
    age_ns = known_ns - since_ns[last]
    is_priced = (last >= 0) & ~np.isnan(mid[row[last]])  # the sample may be where a gap begins
    is_known = is_priced & (now >= 0) & (epoch[now] == epoch[row[last]]) & (age_ns >= half_life_ns)
    sums = squares[last] * _left(known_ns - sampled_ns[last], half_life_ns)
    # Those of all steps since the first: one without a new row has a return of 0.
    weights = _gone(age_ns, half_life_ns) / _gone(sample_ns, half_life_ns)
    return np.sqrt(sums / np.where(is_known, weights, np.nan) * (horizon_ns / sample_ns))


def _sampled(prices: Prices, sample_ns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The last row up to each sampling time before which there is a new one, and these times."""
    sampled_ns = -(-prices.at_ns // sample_ns) * sample_ns
    row = np.flatnonzero(np.append(sampled_ns[1:] != sampled_ns[:-1], True))
    return row, sampled_ns[row]


def _left(age_ns: NDArray[np.int64], half_life_ns: int) -> NDArray[np.float64]:
    """What is left of a weight; all of it, where the age is negative."""
    return np.asarray(np.exp2(np.maximum(age_ns, 0) / -half_life_ns))


def _gone(age_ns: NDArray[np.int64] | int, half_life_ns: int) -> NDArray[np.float64]:
    """What is gone of it, exact where that is little."""
    return np.asarray(-np.expm1(np.maximum(age_ns, 0) * (-math.log(2.0) / half_life_ns)))
