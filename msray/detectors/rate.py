"""The false-alarm rate that was seen, with its interval, to be put beside the one that was promised."""

import math
from collections.abc import Callable

from msray.errors import UsageError


def seen_rate(alarms: int, bars: int, *, confidence: float = 0.9) -> tuple[float, tuple[float, float]]:
    """Alarms a bar, and an interval that holds the true rate with at least this confidence.

    Parameters
    ----------
    alarms
        Alarms seen, at least 0.
    bars
        Bars watched, at least 1.
    confidence
        Above 0, below 1.

    Returns
    -------
    tuple
        Rate and (low, high), all in alarms a bar.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Exact for Poisson counts: Garwood (1936), "Fiducial limits for the Poisson distribution".

    Examples
    --------
    >>> rate, (low, high) = seen_rate(10, 1000, confidence=0.95)
    >>> rate, round(low, 6), round(high, 6)
    (0.01, 0.004795, 0.01839)
    """
    if alarms < 0:
        raise UsageError(f"alarms must be at least 0, got {alarms}")
    if bars < 1:
        raise UsageError(f"bars must be at least 1, got {bars}")
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence must lie between 0 and 1, got {confidence}")
    tail = 0.5 * (1.0 - confidence)
    low = 0.0 if alarms == 0 else _falls_to(lambda mean: _at_most(alarms - 1, mean), 1.0 - tail, alarms)
    high = _falls_to(lambda mean: _at_most(alarms, mean), tail, alarms)
    return alarms / bars, (low / bars, high / bars)


def _at_most(count: int, mean: float) -> float:
    """Probability of at most ``count`` events where ``mean`` are expected, summed from its largest term down."""
    if mean == 0.0:
        return 1.0
    mode = min(count, int(mean))
    peak = math.exp(mode * math.log(mean) - mean - math.lgamma(mode + 1.0))
    total, term = 0.0, peak
    for i in range(mode, -1, -1):
        total += term
        if term < 1e-17 * total:
            break
        term *= i / mean
    term = peak
    for i in range(mode + 1, count + 1):
        term *= mean / i
        total += term
        if term < 1e-17 * total:
            break
    return min(total, 1.0)


def _falls_to(function: Callable[[float], float], level: float, count: int) -> float:
    low, high = 0.0, count + 40.0 + 40.0 * math.sqrt(count + 1.0)
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        if function(middle) > level:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
