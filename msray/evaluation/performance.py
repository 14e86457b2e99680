"""What a strategy earned, at what risk: the figures that users of backtesting engines know, defined one by one.

Shares are fractions: 0.05 is 5 %. What is undefined is NaN: a ratio whose denominator is 0, a deviation of fewer than
two values, an annual figure where nobody said how many observations a year has, and whatever needs returns where equity
was 0 or less before its last point.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import MOST_NS, checked_number, checked_numbers, checked_times
from msray.errors import UsageError

Floats = NDArray[np.float64]

YEAR_NS = 365 * 86_400 * 1_000_000_000
"""Markets that never close have years of 365 days."""
_ROUNDING = 1e-12
_RETURN_ROUNDING = 1e-15
"""Returns come from the ratio of two floats, whatever their size."""
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The largest loss from a peak.

    Attributes
    ----------
    depth
        As a share of the peak; above 1 where equity fell below 0, 0 where it never fell.
    peak, bottom, end
        Points of equity at which the loss began, was largest, and was made good (or the last point); all 0 without one.
    seconds
        From peak to end; NaN without times.
    """

    depth: float
    peak: int
    bottom: int
    end: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeReport:
    """What single trades brought.

    Attributes
    ----------
    count
        Trades.
    hit_rate
        Share that won; those that brought nothing did not.
    profit_factor
        Sum won over sum lost.
    expectancy
        Mean result, in the unit of the results.
    expectancy_ratio
        ``(1 + mean win / mean loss) * hit_rate - 1``.
    sqn
        System quality number: mean over standard deviation (n - 1), times the square root of the count.
    """

    count: int
    hit_rate: float
    profit_factor: float
    expectancy: float
    expectancy_ratio: float
    sqn: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceReport:
    """Figures of one equity curve.

    Attributes
    ----------
    observations
        Returns: points of equity less one.
    per_year
        Observations a year, by which the annual figures are made; NaN if unknown.
    total_return
        Last over first equity, less 1.
    annual_return
        The same, compounded to a year; infinity where that is beyond a float.
    volatility
        Standard deviation of returns (n - 1).
    sharpe
        Mean return over volatility, nothing taken off for a riskless rate.
    sortino
        Mean return over the root of the mean square of returns below 0 (the others count as 0).
    skewness, kurtosis
        Of the returns, by moments; 3 for normal ones. What :func:`~msray.evaluation.probabilistic_sharpe_ratio` takes.
    drawdown
        The largest.
    trades
        About closed trades; without any given, each observation's return is one.
    """

    observations: int
    per_year: float
    total_return: float
    annual_return: float
    volatility: float
    sharpe: float
    sortino: float
    skewness: float
    kurtosis: float
    drawdown: Drawdown
    trades: TradeReport

    @property
    def annual_volatility(self) -> float:
        """Volatility times the square root of ``per_year``."""
        return self.volatility * math.sqrt(self.per_year)

    @property
    def annual_sharpe(self) -> float:
        """Sharpe ratio times the square root of ``per_year``: as if returns were independent."""
        return self.sharpe * math.sqrt(self.per_year)

    @property
    def annual_sortino(self) -> float:
        """Sortino ratio times the square root of ``per_year``."""
        return self.sortino * math.sqrt(self.per_year)

    @property
    def calmar(self) -> float:
        """Annual return over the depth of the drawdown."""
        return _ratio(self.annual_return, self.drawdown.depth)


def measure_performance(
    equity: ArrayLike,
    *,
    times_ns: ArrayLike | None = None,
    per_year: float | None = None,
    trades: ArrayLike | None = None,
) -> PerformanceReport:
    """Judge an equity curve.

    Parameters
    ----------
    equity
        What the account was worth, evenly spaced in time, in any unit; shape (n + 1,), n at least 1, the first above 0.
        Returns become equity by :func:`compound_returns`.
    times_ns
        Time of each point, ns since 1970; integers, none before the one before, the last after the first.
    per_year
        Observations a year; by default n over the years (of 365 days) from the first to the last time.
    trades
        Result of each closed trade, fees taken off, in any unit.

    Raises
    ------
    UsageError
        If a parameter is out of range, or shapes do not fit.

    Notes
    -----
    Sortino and van der Meer (1991), "Downside risk"; Young (1991), "Calmar ratio: a smoother tool". Freqtrade's annual
    ratios hold the profit of a day against the deviation of a trade's; these do not.

    Examples
    --------
    >>> report = measure_performance([100.0, 110.0, 99.0, 121.0], per_year=365)
    >>> round(report.total_return, 6), round(report.drawdown.depth, 6), report.drawdown.end
    (0.21, 0.1, 3)
    """
    curve = checked_numbers("equity", equity)
    if len(curve) < 2 or curve[0] <= 0.0:
        raise UsageError(f"equity must have at least 2 points and begin above 0, got {curve.tolist()[:2]}")
    times = None if times_ns is None else _times(times_ns, len(curve))
    count = len(curve) - 1
    yearly = _per_year(per_year, times, count)
    returns = np.diff(curve) / curve[:-1] if (curve[:-1] > 0.0).all() else np.empty(0)
    mean, volatility, shortfall, skewness, kurtosis = _moments(returns, _RETURN_ROUNDING)
    growth = float(curve[-1]) / float(curve[0])
    return PerformanceReport(
        observations=count,
        per_year=yearly,
        total_return=growth - 1.0,
        annual_return=_compounded(growth, yearly / count),
        volatility=volatility,
        sharpe=_ratio(mean, volatility),
        sortino=_ratio(mean, shortfall),
        skewness=skewness,
        kurtosis=kurtosis,
        drawdown=_drawdown(curve, times),
        trades=measure_trades(returns if trades is None else trades),
    )


def measure_trades(trades: ArrayLike) -> TradeReport:
    """Judge trades one by one.

    Parameters
    ----------
    trades
        What each brought, in any unit; shape (n,), finite.

    Raises
    ------
    UsageError
        If ``trades`` has another shape, or one is not finite.

    Examples
    --------
    >>> report = measure_trades([3.0, -1.0, -1.0, 2.0])
    >>> report.hit_rate, report.profit_factor, report.expectancy, report.expectancy_ratio
    (0.5, 2.5, 0.75, 0.75)
    """
    results = checked_numbers("trades", trades)
    won, lost = results[results > 0.0], -results[results < 0.0]
    mean, deviation, *_ = _moments(results, _ROUNDING * float(np.abs(results).max(initial=0.0)))
    hit_rate = _ratio(len(won), len(results))
    mean_win = float(won.mean()) if len(won) else 0.0
    return TradeReport(
        count=len(results),
        hit_rate=hit_rate,
        profit_factor=_ratio(float(won.sum()), float(lost.sum())),
        expectancy=mean,
        expectancy_ratio=(1.0 + _ratio(mean_win * len(lost), float(lost.sum()))) * hit_rate - 1.0,
        sqn=_ratio(mean, deviation) * math.sqrt(len(results)),
    )


def compound_returns(returns: ArrayLike, *, start: float = 1.0) -> Floats:
    """Equity that begins at ``start`` and earns these returns one after the other.

    Parameters
    ----------
    returns
        Each as a share of the equity before it, -1 or more; shape (n,).
    start
        First equity, above 0.

    Returns
    -------
    ndarray
        float64 of shape (n + 1,).

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Examples
    --------
    >>> compound_returns([0.5, -0.5], start=100.0)
    array([100., 150.,  75.])
    """
    shares = checked_numbers("returns", returns, least=-1)
    if len(shares) == 0:
        raise UsageError("returns must have at least 1 row, got none")
    first = checked_number("start", start, above=0)
    return np.cumprod(np.concatenate([[first], 1.0 + shares]))


def _moments(values: Floats, rounding: float) -> tuple[float, float, float, float, float]:
    """Mean, deviation, root mean square of those below 0, skewness, kurtosis; a deviation of ``rounding`` is none."""
    nan = math.nan
    if len(values) == 0:
        return nan, nan, nan, nan, nan
    mean, shortfall = float(values.mean()), math.sqrt(float((np.minimum(values, 0.0) ** 2).mean()))
    if len(values) == 1:
        return mean, nan, shortfall, nan, nan
    deviation = float(values.std(ddof=1))
    if deviation <= rounding:
        return mean, 0.0, shortfall, nan, nan
    z = (values - mean) / values.std()
    return mean, deviation, shortfall, float((z**3).mean()), float((z**4).mean())


def _drawdown(curve: Floats, times: NDArray[np.int64] | None) -> Drawdown:
    highs = np.maximum.accumulate(curve)
    depths = (highs - curve) / highs
    bottom = int(depths.argmax())
    peak = int(np.flatnonzero(curve[: bottom + 1] == highs[bottom])[-1])
    made_good = np.flatnonzero(curve[bottom:] >= highs[bottom])
    end = bottom + int(made_good[0]) if len(made_good) else len(curve) - 1
    seconds = math.nan if times is None else int(times[end] - times[peak]) / 1e9
    return Drawdown(depth=float(depths[bottom]), peak=peak, bottom=bottom, end=end, seconds=seconds)


def _times(times_ns: ArrayLike, points: int) -> NDArray[np.int64]:
    times = checked_times("times_ns", times_ns, rows=points, least=-MOST_NS)
    if times[-1] == times[0]:
        raise UsageError(f"times_ns must rise from the first to the last point, got {times[0]} throughout")
    return times


def _per_year(per_year: float | None, times: NDArray[np.int64] | None, observations: int) -> float:
    if per_year is not None:
        return checked_number("per_year", per_year, above=0)
    return math.nan if times is None else observations * YEAR_NS / int(times[-1] - times[0])


def _compounded(growth: float, power: float) -> float:
    """``growth ** power - 1``."""
    if growth <= 0.0 or math.isnan(power):
        return -1.0 if growth == 0.0 else math.nan
    exponent = math.log(growth) * power
    return math.expm1(exponent) if exponent < _LARGEST_EXPONENT else math.inf


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan
