"""Intervals for any statistic of one series whose values depend on each other: the stationary bootstrap."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_count, checked_number, checked_numbers
from msray.errors import UsageError

_SILENT_LAGS = 5
"""So many lags in a row without significant correlation, and the dependence is taken to have ended."""
_SIGNIFICANT = 2.0
_ROUNDING = 1e-24
_LONGEST = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapInterval:
    """A statistic and where it may lie.

    Attributes
    ----------
    estimate
        The statistic of the series itself.
    low, high
        Ends of the interval.
    level
        Share of series whose interval holds the true value, for long series.
    draws
        Resampled series.
    mean_block
        Mean length of their blocks.
    """

    estimate: float
    low: float
    high: float
    level: float
    draws: int
    mean_block: float


def stationary_bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], float],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
    mean_block: float | None = None,
) -> BootstrapInterval:
    """Percentile interval of a statistic, from series resampled in blocks of random length.

    Parameters
    ----------
    values
        The series, in order; shape (n,), n at least 2, finite.
    statistic
        Takes a series of the same length, gives a number.
    rng
        Source of randomness; the same state gives the same interval.
    level
        Above 0, below 1.
    draws
        10 to 10,000,000.
    mean_block
        Mean length of blocks, 1 (values are independent) to n; by default :func:`automatic_mean_block`.

    Raises
    ------
    UsageError
        If a parameter is out of range, or ``statistic`` gives NaN or infinity for the series or a resampled one.

    Notes
    -----
    Politis and Romano (1994), "The stationary bootstrap". With few blocks in the series the interval comes out
    somewhat too narrow.

    Examples
    --------
    >>> returns = np.random.default_rng(1).normal(0.1, 1.0, 1000)
    >>> found = stationary_bootstrap_interval(returns, np.mean, rng=np.random.default_rng(2))
    >>> found.low < 0.1 < found.high
    True
    """
    series = _series(values)
    checked_number("level", level, above=0, below=1)
    checked_count("draws", draws, 10, 10_000_000)
    if mean_block is None:
        mean_block = automatic_mean_block(series)
    checked_number("mean_block", mean_block, least=1, most=len(series))
    estimate = float(statistic(series))
    resampled = (series[stationary_rows(len(series), mean_block, rng)] for _ in range(draws))
    found = np.fromiter((statistic(one) for one in resampled), np.float64, draws)
    wrong = int((~np.isfinite(found)).sum())
    if wrong or not math.isfinite(estimate):
        raise UsageError(
            f"statistic must be finite, got {estimate} for the series and no finite number for {wrong} of {draws} "
            "resampled ones"
        )
    low, high = np.quantile(found, [0.5 - 0.5 * level, 0.5 + 0.5 * level], method="weibull").tolist()
    return BootstrapInterval(
        estimate=estimate, low=low, high=high, level=level, draws=draws, mean_block=float(mean_block)
    )


def stationary_rows(n: int, mean_block: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of one resampled series: blocks that begin anywhere, of geometric length, around the end of the series.

    Parameters
    ----------
    n
        Length of the series, at least 1.
    mean_block
        Mean length of blocks, at least 1.
    rng
        Source of randomness.

    Returns
    -------
    ndarray
        int64 of shape (n,).

    Raises
    ------
    UsageError
        If a parameter is out of range, or ``rng`` is no generator.

    Examples
    --------
    >>> stationary_rows(8, 4.0, np.random.default_rng(3))
    array([5, 5, 6, 7, 0, 1, 2, 0])
    """
    checked_count("n", n, 1, _LONGEST)
    checked_number("mean_block", mean_block, least=1)
    if not isinstance(rng, np.random.Generator):
        raise UsageError(f"rng must be a numpy Generator, got {type(rng).__name__}", hint="np.random.default_rng(seed)")
    is_first = rng.random(n) < 1.0 / mean_block
    is_first[0] = True
    firsts = np.flatnonzero(is_first)
    shifts = rng.integers(0, n, len(firsts)) - firsts
    return (np.arange(n) + np.repeat(shifts, np.diff(firsts, append=n))) % n


def automatic_mean_block(values: ArrayLike) -> float:
    """Mean block length at which the stationary bootstrap estimates the variance of a mean best.

    Parameters
    ----------
    values
        The series, in order; shape (n,), n at least 2, finite.

    Returns
    -------
    float
        1 to the smaller of ``3 * sqrt(n)`` and ``n / 3``; 1 for a series that does not vary.

    Raises
    ------
    UsageError
        If ``values`` has another shape, or one is not finite.

    Notes
    -----
    Politis and White (2004), "Automatic block-length selection for the dependent bootstrap", with the correction of
    Patton, Politis and White (2009). For an AR(1) with coefficient p it estimates ``(2 p / (1 - p * p)) ** (2 / 3) *
    n ** (1 / 3)``.

    Examples
    --------
    >>> automatic_mean_block(np.random.default_rng(1).normal(size=1000)) < 3.0
    True
    """
    series = _series(values)
    n = len(series)
    centred = series - series.mean()
    most = min(math.ceil(math.sqrt(n)) + _SILENT_LAGS, n - 1)
    transform = np.fft.rfft(centred, 1 << (n + most).bit_length())
    covariance = np.fft.irfft(np.abs(transform) ** 2)[: most + 1] / n
    if covariance[0] <= _ROUNDING * (series @ series) / n:
        return 1.0
    is_silent = np.abs(covariance[1:]) < covariance[0] * _SIGNIFICANT * math.sqrt(math.log10(n) / n)
    width = min(2 * max(_last_lag(is_silent), 1), most)
    lags = np.arange(1, width + 1)
    weighted = np.minimum(1.0, 2.0 * (1.0 - lags / width)) * covariance[1 : width + 1]
    spectrum = abs(float(covariance[0] + 2.0 * weighted.sum()))
    curvature = 2.0 * abs(float(lags @ weighted))
    best = (curvature / spectrum) ** (2.0 / 3.0) * n ** (1.0 / 3.0) if spectrum > 0.0 else math.inf
    return max(min(best, 3.0 * math.sqrt(n), n / 3.0), 1.0)


def _series(values: ArrayLike) -> NDArray[np.float64]:
    series = checked_numbers("values", values)
    if len(series) < 2:
        raise UsageError(f"values must have at least 2 rows, got {len(series)}")
    return series


def _last_lag(is_silent: NDArray[np.bool_]) -> int:
    """The last lag before the first run of silent ones; all of them where there is no such run."""
    silent = 0
    for lag, quiet in enumerate(is_silent.tolist(), start=1):
        silent = silent + 1 if quiet else 0
        if silent == _SILENT_LAGS:
            return lag - _SILENT_LAGS
    return len(is_silent)
