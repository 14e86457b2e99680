"""Where a market maker quotes: the formulas of Avellaneda and Stoikov, and of Gueant, Lehalle and Fernandez-Tapia.

One set of units: prices in ticks, times in seconds, sizes in orders of the maker's one size. Any other unit of price
will do, as long as all parameters share it.

=====================  =====================  ==================================================================
parameter              unit                   meaning
=====================  =====================  ==================================================================
``gamma``              1 / (tick order)       aversion to risk: utility is ``-exp(-gamma wealth)``
``volatility_ticks``   tick / sqrt(s)         standard deviation of the mid's change in a second
``arrivals_per_s``     1 / s                  the papers' A: what would trade with an order at the mid, a side
``decay_per_tick``     1 / tick               the papers' k: trades a second at a depth are ``A exp(-k depth)``
=====================  =====================  ==================================================================
"""

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.errors import UsageError

Number = TypeVar("Number", float, NDArray[np.float64])

DEPTHS_TICKS = (0.5, 1.0, 1.5, *(c * 2.0**e for e in range(1, 16) for c in (1.0, 1.5)))
"""Depths at which the intensity is fitted: every half tick (a mid can lie between two ticks), then ever farther."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """How many trades a second an order at a depth would meet: ``arrivals_per_s * exp(-decay_per_tick * depth)``."""

    arrivals_per_s: float
    decay_per_tick: float

    def __post_init__(self) -> None:
        _check_positive("arrivals_per_s", self.arrivals_per_s)
        _check_positive("decay_per_tick", self.decay_per_tick)


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Two quotes about a mid.

    Attributes
    ----------
    half_spread_ticks
        From the middle of the quotes to each of them.
    skew_ticks
        By which both lie lower for each order that is held.
    """

    half_spread_ticks: float
    skew_ticks: float


def reservation_price(
    mid_ticks: Number, position_orders: Number, *, gamma: float, volatility_ticks: float, left_s: float
) -> Number:
    """Price at which a maker is indifferent between his position and one order more or less.

    Parameters
    ----------
    mid_ticks
        Middle of the market.
    position_orders
        Held, in orders; negative: sold short.
    gamma, volatility_ticks
        See the head of this file.
    left_s
        Seconds until the end of trading, ``T - t``, not negative.

    Returns
    -------
    float or array
        ``mid - position gamma volatility^2 left``, in ticks.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Avellaneda and Stoikov (2008), "High-frequency trading in a limit order book".

    Examples
    --------
    >>> reservation_price(100.0, 2.0, gamma=0.1, volatility_ticks=2.0, left_s=0.5)
    99.6
    """
    _check_risk(gamma, volatility_ticks)
    _check_left(left_s)
    return mid_ticks - position_orders * (gamma * volatility_ticks**2 * left_s)


def optimal_spread(*, gamma: float, volatility_ticks: float, decay_per_tick: float, left_s: float) -> float:
    """Spread between the two quotes, in ticks: ``gamma volatility^2 left + 2 / gamma log(1 + gamma / decay)``.

    Parameters and errors as in :func:`reservation_price`, source too; of the two terms the first pays for the risk of
    holding, the second for the chance not to trade.

    Examples
    --------
    >>> round(optimal_spread(gamma=0.1, volatility_ticks=2.0, decay_per_tick=1.5, left_s=1.0), 4)
    1.6908
    """
    _check_risk(gamma, volatility_ticks)
    _check_positive("decay_per_tick", decay_per_tick)
    _check_left(left_s)
    return gamma * volatility_ticks**2 * left_s + 2.0 / gamma * math.log1p(gamma / decay_per_tick)


def avellaneda_stoikov(*, gamma: float, volatility_ticks: float, decay_per_tick: float, left_s: float) -> Widths:
    """Half of :func:`optimal_spread`, and what an order held moves :func:`reservation_price` by.

    Examples
    --------
    >>> avellaneda_stoikov(gamma=0.1, volatility_ticks=2.0, decay_per_tick=1.5, left_s=1.0).skew_ticks
    0.4
    """
    spread = optimal_spread(
        gamma=gamma, volatility_ticks=volatility_ticks, decay_per_tick=decay_per_tick, left_s=left_s
    )
    return Widths(half_spread_ticks=spread / 2.0, skew_ticks=gamma * volatility_ticks**2 * left_s)


def glft_coefficients(
    intensity: Intensity, *, gamma: float, xi: float | None = None, order_size: float = 1.0
) -> tuple[float, float]:
    """The two numbers of the stationary quotes, which need not the volatility.

    Parameters
    ----------
    intensity
        Of the trades, in ticks and seconds.
    gamma
        Aversion to the risk of what is held.
    xi
        Aversion to the risk that a quote does not trade; left out: ``gamma``.
    order_size
        Size of each quote, in the unit that positions are counted in.

    Returns
    -------
    c1, c2
        ``c1`` in ticks, ``c2`` in sqrt(s) / order.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Gueant (2017), "Optimal market making", eq. 4.6 and 4.7; with ``a = xi order_size / k``
    ``c1 = log(1 + a) / (xi order_size)``, ``c2 = sqrt(gamma / (2 A order_size k) (1 + a)^(1 + 1 / a))``.

    Examples
    --------
    >>> c1, c2 = glft_coefficients(Intensity(arrivals_per_s=140.0, decay_per_tick=1.5), gamma=0.1)
    >>> round(c1, 6), round(c2, 7)
    (0.645385, 0.0258586)
    """
    xi = gamma if xi is None else xi
    for name, value in (("gamma", gamma), ("xi", xi), ("order_size", order_size)):
        _check_positive(name, value)
    k = intensity.decay_per_tick
    ratio = xi * order_size / k
    c1 = math.log1p(ratio) / (xi * order_size)
    power = math.exp((1.0 + 1.0 / ratio) * math.log1p(ratio))
    return c1, math.sqrt(gamma / (2.0 * intensity.arrivals_per_s * order_size * k) * power)


def glft(
    intensity: Intensity, *, gamma: float, volatility_ticks: float, xi: float | None = None, order_size: float = 1.0
) -> Widths:
    """Stationary quotes of a maker whose trading never ends; parameters as in :func:`glft_coefficients`.

    Examples
    --------
    >>> widths = glft(Intensity(arrivals_per_s=140.0, decay_per_tick=1.5), gamma=0.1, volatility_ticks=2.0)
    >>> round(widths.half_spread_ticks, 6), round(widths.skew_ticks, 7)
    (0.671244, 0.0517172)
    """
    _check_risk(gamma, volatility_ticks)
    c1, c2 = glft_coefficients(intensity, gamma=gamma, xi=xi, order_size=order_size)
    skew = volatility_ticks * c2
    return Widths(half_spread_ticks=c1 + order_size / 2.0 * skew, skew_ticks=skew)


def fit_intensity(reach_ticks: ArrayLike, *, watched_s: float) -> Intensity:
    """Intensity from how deep trades reached.

    Parameters
    ----------
    reach_ticks
        One an arrival: distance of its price from the mid before it, in ticks (not half ticks), not negative.
    watched_s
        Seconds that arrivals were counted in; twice as many where those of both sides are handed over together.

    Returns
    -------
    Intensity
        See :func:`fit_counts`.

    Raises
    ------
    UsageError
        If a reach is negative or no number, or all arrivals lie between the same two of :data:`DEPTHS_TICKS`.

    Examples
    --------
    Ten thousand seconds with an arrival each, exponential with a mean of 20 ticks:

    >>> reach = np.random.default_rng(1).exponential(20.0, 10_000)
    >>> fit = fit_intensity(reach, watched_s=10_000.0)
    >>> round(fit.arrivals_per_s, 2), round(1 / fit.decay_per_tick, 1)
    (1.0, 20.0)
    """
    reach = np.asarray(reach_ticks, np.float64)
    if not (reach >= 0.0).all():
        raise UsageError("reach_ticks must hold numbers of at least 0")
    counts = np.bincount(np.searchsorted(DEPTHS_TICKS, reach, side="right"), minlength=len(DEPTHS_TICKS) + 1)
    return fit_counts(counts[1:].astype(np.float64), watched_s=watched_s)


def fit_counts(counts: NDArray[np.float64], *, watched_s: float) -> Intensity:
    """Intensity from counts of arrivals that reached at least one of :data:`DEPTHS_TICKS`, but not the next.

    Parameters
    ----------
    counts
        As many as :data:`DEPTHS_TICKS`, whole or weighted, not negative.
    watched_s
        Seconds they were counted in.

    Returns
    -------
    Intensity
        Least squares of the logarithm of the arrivals a second that reached a depth, each depth weighted by their
        number: the logarithm of a count ``n`` has variance ``1 / n``.

    Raises
    ------
    UsageError
        If fewer than two depths differ in how many arrivals reached them.
    """
    _check_positive("watched_s", watched_s)
    reached = np.cumsum(counts[::-1])[::-1]
    is_seen = reached > 0.0
    n, depth = reached[is_seen], _DEPTHS[is_seen]
    if len(n) < 2 or n[0] == n[-1]:
        raise UsageError("arrivals must reach at least two different depths to show how their number falls")
    total = n.sum()
    logs = np.log(n) - math.log(watched_s)
    mean_depth, mean_log = n @ depth / total, n @ logs / total
    off = depth - mean_depth
    decay = -float(n @ (off * (logs - mean_log)) / (n @ (off * off)))
    return Intensity(arrivals_per_s=math.exp(mean_log + decay * mean_depth), decay_per_tick=decay)


def _check_positive(name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise UsageError(f"{name} must be positive, got {value}")


def _check_risk(gamma: float, volatility_ticks: float) -> None:
    _check_positive("gamma", gamma)
    if not 0.0 <= volatility_ticks < math.inf:
        raise UsageError(f"volatility_ticks must not be negative, got {volatility_ticks}")


def _check_left(left_s: Any) -> None:
    if not 0.0 <= left_s < math.inf:
        raise UsageError(f"left_s must not be negative, got {left_s}")


_DEPTHS = np.array(DEPTHS_TICKS)
