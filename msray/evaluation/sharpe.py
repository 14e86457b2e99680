"""How far a Sharpe ratio can be believed: for its length, its returns, and the trials it was picked from.

Ratios are per observation, and so is their variance over trials: an annual one is divided by the square root of the
observations a year, its variance by their number. Kurtosis is 3 for normal returns. Returns are taken for independent.
"""

import math
from statistics import NormalDist

from msray.arguments import MOST_NS, checked_count, checked_number
from msray.errors import UsageError

_NORMAL = NormalDist()
_EULER = 0.5772156649015329
_ROUNDING = 1e-12
_MOST = 10**6
"""Largest ratio and skewness; beyond it something else was meant, and squares would overflow."""


def probabilistic_sharpe_ratio(
    sharpe: float, observations: int, *, benchmark: float = 0.0, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio is above a benchmark.

    Parameters
    ----------
    sharpe
        Estimated from ``observations`` returns, per observation.
    observations
        At least 2.
    benchmark
        Sharpe ratio to beat, per observation.
    skewness, kurtosis
        Of the returns; kurtosis at least ``1 + skewness ** 2``, as any distribution's is.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier".

    Examples
    --------
    >>> round(probabilistic_sharpe_ratio(0.458, 24, skewness=-2.448, kurtosis=10.164), 4)
    0.9134
    """
    checked_count("observations", observations, 2, MOST_NS)
    ahead, spread = _ahead(sharpe, benchmark), _variance(sharpe, skewness, kurtosis)
    if spread == 0.0:
        return 0.5 if ahead == 0.0 else float(ahead > 0.0)
    return _NORMAL.cdf(ahead * math.sqrt((observations - 1) / spread))


def minimum_track_record_length(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Observations after which such a Sharpe ratio is above a benchmark with some confidence.

    Parameters
    ----------
    sharpe, benchmark, skewness, kurtosis
        As in :func:`probabilistic_sharpe_ratio`, which is ``confidence`` after so many observations.
    confidence
        Above 0.5, below 1.

    Returns
    -------
    float
        Observations; infinity where ``sharpe`` is not above ``benchmark``.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier".

    Examples
    --------
    >>> round(minimum_track_record_length(0.458, skewness=-2.448, kurtosis=10.164), 1)
    34.6
    """
    checked_number("confidence", confidence, above=0.5, below=1)
    ahead, spread = _ahead(sharpe, benchmark), _variance(sharpe, skewness, kurtosis)
    return 1.0 + spread * (_NORMAL.inv_cdf(confidence) / ahead) ** 2 if ahead > 0.0 else math.inf


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """Largest Sharpe ratio to expect of trials that are all worth nothing.

    Parameters
    ----------
    trials
        Number of independent ones, at least 1; need not be whole where it was estimated.
    variance
        Of the trials' Sharpe ratios, per observation.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio"; 2 % too large for 10 trials, and 0 for the fewest,
    where the approximation turns negative.

    Examples
    --------
    >>> round(expected_maximum_sharpe(100, 1.0), 3)
    2.531
    """
    checked_number("trials", trials, least=1, most=10**15)
    deviation = math.sqrt(checked_number("variance", variance, least=0))
    if trials == 1.0:
        return 0.0
    smallest = (1.0 - _EULER) * _NORMAL.inv_cdf(1.0 / trials) + _EULER * _NORMAL.inv_cdf(1.0 / (trials * math.e))
    return deviation * max(-smallest, 0.0)


def deflated_sharpe_ratio(
    sharpe: float,
    observations: int,
    *,
    trials: float,
    variance: float,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Probability that the best of many trials is worth more than the luckiest of as many worthless ones.

    Parameters
    ----------
    sharpe, observations, skewness, kurtosis
        Of the best trial, as in :func:`probabilistic_sharpe_ratio`.
    trials, variance
        Of all trials, as in :func:`expected_maximum_sharpe`.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio".

    Examples
    --------
    An annual ratio of 2.5 from five years of days, the best of 100 trials whose annual ratios have the variance 0.5:

    >>> best = 2.5 / math.sqrt(250)
    >>> round(deflated_sharpe_ratio(best, 1250, trials=100, variance=0.5 / 250, skewness=-3.0, kurtosis=10.0), 4)
    0.9004
    """
    benchmark = expected_maximum_sharpe(trials, variance)
    return probabilistic_sharpe_ratio(sharpe, observations, benchmark=benchmark, skewness=skewness, kurtosis=kurtosis)


def _ahead(sharpe: float, benchmark: float) -> float:
    checked_number("sharpe", sharpe, least=-_MOST, most=_MOST)
    return sharpe - checked_number("benchmark", benchmark, least=-_MOST, most=_MOST)


def _variance(sharpe: float, skewness: float, kurtosis: float) -> float:
    """Variance of an estimated Sharpe ratio, times the observations less one."""
    least = 1.0 + checked_number("skewness", skewness, least=-_MOST, most=_MOST) ** 2
    if checked_number("kurtosis", kurtosis, least=1, most=10 * _MOST**2) < least * (1.0 - _ROUNDING):
        raise UsageError(f"kurtosis must be at least 1 + skewness**2 = {least:g}, got {kurtosis}")
    return max(1.0 - skewness * sharpe + 0.25 * (kurtosis - 1.0) * sharpe * sharpe, 0.0)
