"""How far a backtest can be believed: it is one of all that were tried on the same recordings.

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
WHOLE = 0.75
"""Share of the time that a trial was tried on, from which on its record counts as a whole one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How far what was chosen of many can be believed.

    Attributes
    ----------
    different
        How many of the trials differ in anything: one that does what another did is no further try.
    deflated_sharpe
        Probability that this one's Sharpe ratio is more than the luckiest of as many worthless ones would have; NaN
        where its equity never moved. Worthless ones differ by chance alone: where trials differ by more, because some
        of them are better, that is not held against the one that is judged.
    overfitting
        What becomes of the trial that is best in half of the time; None where all did the same.
    """

    different: int
    deflated_sharpe: float
    overfitting: BacktestOverfitting | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """A backtest among all that were tried.

    Attributes
    ----------
    net_returns
        Of those that were run beside it, this one's first.
    earlier
        How many others were tried on the same recordings before.
    judgement
        Of all of them.
    """

    net_returns: tuple[float, ...]
    earlier: int
    judgement: Judgement

    @property
    def count(self) -> int:
        """How many there are, this one included."""
        return len(self.net_returns) + self.earlier

    @property
    def best_net_return(self) -> float:
        """Of the best of those beside it; what one would have been tempted to show."""
        return max(self.net_returns)

    @property
    def different(self) -> int:
        """See :class:`Judgement`."""
        return self.judgement.different

    @property
    def deflated_sharpe(self) -> float:
        """See :class:`Judgement`."""
        return self.judgement.deflated_sharpe

    @property
    def overfitting(self) -> BacktestOverfitting | None:
        """See :class:`Judgement`."""
        return self.judgement.overfitting


def judge_trials(
    chosen: BacktestResult,
    others: Sequence[BacktestResult],
    begin_ns: int,
    end_ns: int,
    *,
    earlier: Sequence[NDArray[np.float64]] = (),
) -> Trials:
    """Judge a backtest by all that were tried beside it.

    Parameters
    ----------
    chosen, others
        On the same tapes.
    begin_ns, end_ns
        The time they cover.
    earlier
        Returns in the :data:`BINS` pieces of that time of what else was tried on the same recordings; NaN where it was
        not.
    """
    results = [chosen, *others]
    returns = [binned_returns(result, begin_ns, end_ns, BINS) for result in results]
    return Trials(
        net_returns=tuple(result.net_return for result in results),
        earlier=len(earlier),
        judgement=judge_returns(np.column_stack([*returns, *earlier])),
    )


def judge_returns(returns: NDArray[np.float64]) -> Judgement:
    """Judge the first of some trials by their returns.

    Parameters
    ----------
    returns
        ``(n, trials)``: of pieces of time, NaN where a trial was not tried. What is judged is the time of the first.

    Notes
    -----
    A trial that was given up early counts in the deflated Sharpe ratio, by the returns that it has. Whoever picks the
    best of whole records never picks it, so the probability of overfitting, which repeats that choice on halves of the
    time, is over the trials that were tried on ``WHOLE`` of the time, and over the time that these share.
    """
    first = returns[~np.isnan(returns[:, 0])]
    some = first[:, np.count_nonzero(~np.isnan(first), axis=0) > 1]
    different = np.unique(np.where(np.isnan(some), np.inf, some), axis=1)  # NaN would be different from NaN
    known = np.isfinite(different)
    whole = np.count_nonzero(known, axis=0) >= WHOLE * len(known)
    shared = np.unique(different[known[:, whole].all(axis=1)][:, whole], axis=1)
    return Judgement(
        different=different.shape[1],
        deflated_sharpe=_deflated(first[:, 0], _ratios(different, known)) if first[:, 0].std() > 0 else float("nan"),
        overfitting=overfitting_of(shared, BLOCKS) if shared.shape[1] > 1 and len(shared) >= 2 * BLOCKS else None,
    )


def _ratios(returns: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sharpe ratio of each column where it is known, 0 where it never moved."""
    mean = returns.mean(axis=0, where=known)
    deviation = returns.std(axis=0, ddof=1, where=known)
    return np.asarray(np.divide(mean, deviation, out=np.zeros(len(mean)), where=deviation > 0))


def _deflated(returns: NDArray[np.float64], ratios: NDArray[np.float64]) -> float:
    """Deflated Sharpe ratio of a series among trials of these ratios."""
    by_chance = 1.0 / (len(returns) - 1)
    standard = (returns - returns.mean()) / returns.std()
    return deflated_sharpe_ratio(
        float(_ratios(returns[:, None], np.ones((len(returns), 1), bool))[0]),
        len(returns),
        trials=len(ratios),
        variance=min(float(ratios.var(ddof=1)), by_chance) if len(ratios) > 1 else by_chance,
        skewness=float((standard**3).mean()),
        kurtosis=float((standard**4).mean()),
    )
