"""Average run length of Page's CUSUM: how many values pass, on average, before it alarms.

All lengths are in values, all heights in standard deviations of one value. Values are independent and normal with
deviation 1; ``mean`` 0 is the quiet case, whose run length is called ARL0: the expected values between false alarms.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError

LEAST_ARL0, MOST_ARL0 = 10.0, 1e9
_LEAST_ALLOWANCE, _MOST_ALLOWANCE = 0.1, 5.0
_SQRT_2 = math.sqrt(2.0)
_SQRT_2PI = math.sqrt(2.0 * math.pi)
_SIEGMUND_OVERSHOOT = 1.166
_LARGEST_EXPONENT = 700.0


def check_arl0(arl0: float) -> float:
    """Return ``arl0`` if it lies between LEAST_ARL0 and MOST_ARL0.

    Raises
    ------
    UsageError
        If it does not, or is not a number.
    """
    if not LEAST_ARL0 <= arl0 <= MOST_ARL0:
        raise UsageError(f"arl0 must lie between {LEAST_ARL0:g} and {MOST_ARL0:g}, got {arl0}")
    return float(arl0)


def one_sided_arl(*, k: float, h: float, mean: float = 0.0, start: float = 0.0) -> float:
    """Run length of the upper side, exact up to quadrature.

    Parameters
    ----------
    k
        Allowance taken off each value.
    h
        Threshold; positive.
    mean
        True mean of the values.
    start
        Where the recursion begins, ``0 <= start <= h``.

    Returns
    -------
    float
        Expected number of values up to and including the alarm.

    Notes
    -----
    ``L(s) = 1 + L(0) Phi(k - s - mean) + integral of L(x) phi(x + k - s - mean) over 0..h``, solved at Gauss-Legendre
    nodes (Nystroem); Page (1954), Brook and Evans (1972).

    Examples
    --------
    >>> round(one_sided_arl(k=0.5, h=3.0), 1)
    117.6
    """
    nodes, weights = _legendre(max(60, math.ceil(4.0 * h)))
    x = 0.5 * h * (nodes + 1.0)
    drift = k - mean
    points = np.append(x, start)
    density = np.exp(-0.5 * (x[None, :] + drift - points[:, None]) ** 2) * (0.5 * h * weights) / _SQRT_2PI
    restart = np.array([_normal_cdf(drift - s) for s in points])
    unknowns = len(x) + 1
    # Unknowns: L at the nodes, then L(0); its own equation is that of a start at 0.
    system = np.eye(unknowns)
    system[:-1, :-1] -= density[:-1]
    system[:-1, -1] -= restart[:-1]
    system[-1, :-1] -= np.exp(-0.5 * (x + drift) ** 2) * (0.5 * h * weights) / _SQRT_2PI
    system[-1, -1] -= _normal_cdf(drift)
    lengths = np.linalg.solve(system, np.ones(unknowns))
    return float(1.0 + density[-1] @ lengths[:-1] + restart[-1] * lengths[-1])


def two_sided_arl(*, k: float, h: float, mean: float = 0.0, start: float = 0.0) -> float:
    """Run length of both sides watched together; parameters as in :func:`one_sided_arl`.

    Notes
    -----
    Without a head start ``1 / L = 1 / L_up + 1 / L_down``; with one, Lucas and Crosier (1982).

    Examples
    --------
    >>> round(two_sided_arl(k=0.5, h=5.0), 2)
    465.44
    """
    up = one_sided_arl(k=k, h=h, mean=mean)
    down = up if mean == 0.0 else one_sided_arl(k=k, h=h, mean=-mean)
    if start == 0.0:
        return up * down / (up + down)
    up_started = one_sided_arl(k=k, h=h, mean=mean, start=start)
    down_started = up_started if mean == 0.0 else one_sided_arl(k=k, h=h, mean=-mean, start=start)
    return (up_started * down + up * down_started - up * down) / (up + down)


def siegmund_arl(*, k: float, h: float, mean: float = 0.0) -> float:
    """Siegmund's closed form for one side, within 1 % where the drift ``mean - k`` is small; Siegmund (1985).

    Examples
    --------
    >>> round(siegmund_arl(k=0.5, h=4.0) / 2, 2)
    169.05
    """
    drift = mean - k
    height = h + _SIEGMUND_OVERSHOOT
    if drift == 0.0:
        return height * height
    exponent = -2.0 * drift * height
    if exponent > _LARGEST_EXPONENT:
        return math.inf
    return (math.exp(exponent) - exponent - 1.0) / (2.0 * drift * drift)


def quiet_arl(*, k: float, h: float, start: float = 0.0) -> float:
    """ARL0 of a two-sided CUSUM, of any height: exact up to 1e12 values, then Siegmund's closed form.

    Examples
    --------
    >>> round(quiet_arl(k=0.5, h=4.0), 2), quiet_arl(k=0.5, h=1e6)
    (167.68, inf)
    """
    closed = siegmund_arl(k=k, h=h) / 2.0
    return closed if closed > 1e12 else two_sided_arl(k=k, h=h, start=start)


@lru_cache(maxsize=256)
def solve_threshold(arl0: float, *, k: float, start: float = 0.0) -> float:
    """Threshold of a two-sided CUSUM for an expected number of values between false alarms.

    Parameters
    ----------
    arl0
        LEAST_ARL0 to MOST_ARL0 values.
    k
        Allowance, 0.1 to 5: half the shift to be found fastest, in standard deviations.
    start
        Head start of both sides; below the threshold.

    Returns
    -------
    float
        The h at which :func:`two_sided_arl` is ``arl0``, to a relative 1e-9.

    Raises
    ------
    UsageError
        If a parameter is out of range, or no threshold above ``start`` gives so short a run length.

    Examples
    --------
    >>> round(solve_threshold(370.0, k=0.5), 2)
    4.77
    """
    check_arl0(arl0)
    check_allowance("k", k)
    target = math.log(arl0)
    low = max(start, 1e-6)
    least = two_sided_arl(k=k, h=low, start=start)
    if least > arl0:
        raise UsageError(f"arl0 must be above {least:.4g} for k={k} and head_start={start}, got {arl0}")
    high = low + 1.0
    while math.log(siegmund_arl(k=k, h=high) / 2.0) < target + 0.5:
        high *= 1.3
    return _root(lambda h: math.log(two_sided_arl(k=k, h=h, start=start)) - target, low, high)


def check_allowance(name: str, value: float) -> float:
    """Return an allowance if it lies between 0.1 and 5.

    Raises
    ------
    UsageError
        If it does not; ``name`` is the parameter's name.
    """
    if not _LEAST_ALLOWANCE <= value <= _MOST_ALLOWANCE:
        raise UsageError(f"{name} must lie between {_LEAST_ALLOWANCE} and {_MOST_ALLOWANCE}, got {value}")
    return float(value)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an almost straight, rising function is 0: false position with the Illinois rule."""
    at_low, at_high = function(low), function(high)
    side = 0
    for _ in range(100):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        value = function(middle)
        if abs(value) < 1e-11 or high - low < 1e-11 * high:
            break
        if value < 0.0:
            low, at_low = middle, value
            at_high *= 0.5 if side < 0 else 1.0
            side = -1
        else:
            high, at_high = middle, value
            at_low *= 0.5 if side > 0 else 1.0
            side = 1
    return middle


@lru_cache(maxsize=64)
def _legendre(nodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, weights = np.polynomial.legendre.leggauss(nodes)
    return x, weights


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / _SQRT_2)
