"""A configuration and those beside it: what would have come out had the exits been chosen otherwise.

Whoever looks at one backtest could have looked at its neighbours. How much better the best of them looks than it is can
only be judged from all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.backtest.result import BacktestResult, binned_returns
from msray.evaluation import BacktestOverfitting, deflated_sharpe_ratio
from msray.evaluation import probability_of_backtest_overfitting as overfitting_of

BINS = 160
"""Pieces of equal length into which the time of a backtest is cut, a return each."""
BLOCKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """A backtest among all that were tried.

    Attributes
    ----------
    net_returns
        Of all of them, this one's first.
    different
        How many of them differ in anything: one that does what another did is no further try.
    deflated_sharpe
        Probability that this one's Sharpe ratio is more than the luckiest of as many worthless ones would have; NaN
        where its equity never moved. Worthless ones differ by chance alone: where trials differ by more, because some
        of them are better, that is not held against the one that is judged.
    overfitting
        What becomes of the trial that is best in half of the time; None where all did the same.
    """

    net_returns: tuple[float, ...]
    different: int
    deflated_sharpe: float
    overfitting: BacktestOverfitting | None

    @property
    def count(self) -> int:
        """How many there are, this one included."""
        return len(self.net_returns)

    @property
    def best_net_return(self) -> float:
        """Of the best of them; what one would have been tempted to show."""
        return max(self.net_returns)


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
    different = np.unique(returns, axis=1)
    return Trials(
        net_returns=tuple(result.net_return for result in results),
        different=different.shape[1],
        deflated_sharpe=_deflated(returns[:, 0], _ratios(different)) if returns[:, 0].std() > 0 else float("nan"),
        overfitting=overfitting_of(different, BLOCKS) if different.shape[1] > 1 else None,
    )


def _ratios(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sharpe ratio of each column, 0 where it never moved."""
    mean, deviation = returns.mean(axis=0), returns.std(axis=0, ddof=1)
    return np.asarray(np.divide(mean, deviation, out=np.zeros(len(mean)), where=deviation > 0))


def _deflated(returns: NDArray[np.float64], ratios: NDArray[np.float64]) -> float:
    """Deflated Sharpe ratio of a series among trials of these ratios."""
    by_chance = 1.0 / (len(returns) - 1)
    standard = (returns - returns.mean()) / returns.std()
    return deflated_sharpe_ratio(
        float(_ratios(returns[:, None])[0]),
        len(returns),
        trials=len(ratios),
        variance=min(float(ratios.var(ddof=1)), by_chance) if len(ratios) > 1 else by_chance,
        skewness=float((standard**3).mean()),
        kurtosis=float((standard**4).mean()),
    )
