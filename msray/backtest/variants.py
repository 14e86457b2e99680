"""A configuration and those beside it: what would have come out had the exits been chosen otherwise.

Whoever looks at one backtest could have looked at its neighbours. How much better the best of them looks than it is can
only be judged from all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import MOST_WIDTH, BacktestConfig
from msray.backtest.result import BacktestResult, binned_returns
from msray.evaluation import BacktestOverfitting, deflated_sharpe_ratio, measure_performance
from msray.evaluation import probability_of_backtest_overfitting as overfitting_of

FACTORS = (0.5, 1.0, 2.0)
"""By which profit target, stop and holding time are multiplied."""
BINS = 160
"""Pieces of equal length into which the time of a backtest is cut, a return each."""
BLOCKS = 8


def neighbours(config: BacktestConfig, factors: Sequence[float] = FACTORS) -> list[BacktestConfig]:
    """All other combinations of multiplied exits that are in their range.

    Examples
    --------
    >>> len(neighbours(BacktestConfig()))
    26
    """
    found = []
    for profit, stop, holding in product(factors, repeat=3):
        exits = {
            "profit_target_pct": config.profit_target_pct * profit,
            "stop_loss_pct": config.stop_loss_pct * stop,
            "max_holding_seconds": config.max_holding_seconds * holding,
        }
        other = config.model_copy(update=exits)
        if other != config and max(other.profit_target_pct, other.stop_loss_pct) <= MOST_WIDTH:
            found.append(other)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """A backtest among all that were tried.

    Attributes
    ----------
    count
        How many there are, this one included.
    best_net_return
        Of the best of them; what one would have been tempted to show.
    deflated_sharpe
        Probability that this one's Sharpe ratio is more than the luckiest of as many worthless ones would have; NaN
        where its equity never moved. Worthless ones differ by chance alone: where trials differ by more, because some
        of them are better, that is not held against the one that is judged.
    overfitting
        What becomes of the trial that is best in half of the time; None where none of them ever traded.
    """

    count: int
    best_net_return: float
    deflated_sharpe: float
    overfitting: BacktestOverfitting | None


def judge_trials(chosen: BacktestResult, others: Sequence[BacktestResult], begin_ns: int, end_ns: int) -> Trials:
    """Judge a backtest by all that were tried beside it.

    Parameters
    ----------
    chosen, others
        On the same tapes.
    begin_ns, end_ns
        The time they cover.
    """
    results = [chosen, *others]
    returns = np.column_stack([binned_returns(result, begin_ns, end_ns, BINS) for result in results])
    moved = returns.std(axis=0) > 0
    ratios = np.divide(returns.mean(axis=0), returns.std(axis=0, ddof=1), out=np.zeros(len(results)), where=moved)
    return Trials(
        count=len(results),
        best_net_return=max(result.net_return for result in results),
        deflated_sharpe=_deflated(returns[:, 0], ratios) if moved[0] else float("nan"),
        overfitting=overfitting_of(returns, BLOCKS) if moved.sum() > 1 else None,
    )


def _deflated(returns: NDArray[np.float64], ratios: NDArray[np.float64]) -> float:
    figures = measure_performance(1.0 + np.append(0.0, np.cumsum(returns)))
    by_chance = 1.0 / (len(returns) - 1)
    return deflated_sharpe_ratio(
        float(ratios[0]),
        len(returns),
        trials=len(ratios),
        variance=min(float(ratios.var(ddof=1)), by_chance) if len(ratios) > 1 else by_chance,
        skewness=figures.skewness,
        kurtosis=figures.kurtosis,
    )
