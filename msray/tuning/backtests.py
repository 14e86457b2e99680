"""Backtests as what is searched: a set of parameters is a configuration, a fold a window of recordings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from msray.backtest.result import BacktestResult, binned_returns
from msray.backtest.run import run_one
from msray.backtest.strategy import MakeStrategy
from msray.backtest.tape import Tape
from msray.tuning.assumed import Assumed
from msray.tuning.trials import FoldScore
from msray.tuning.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtests:
    """What is the same in all trials of a search.

    Attributes
    ----------
    base
        What is assumed unless a parameter says otherwise.
    strategy
        Makes a new one for a configuration.
    objective
        See :class:`~msray.tuning.TuneConfig`.
    """

    base: Assumed
    strategy: MakeStrategy
    objective: str

    def play(self, tapes: Sequence[Tape], window: Window, assumed: Assumed) -> tuple[BacktestResult, FoldScore]:
        """One backtest of a window, whose tapes these are."""
        result = run_one(tapes, assumed.backtest, self.strategy)
        first, behind = window.bins
        returns = binned_returns(result, window.begin_ns, window.end_ns, behind - first)
        score = result.net_return if self.objective == "net_return" else _sharpe(returns)
        return result, FoldScore(score=score, returns=tuple(returns.tolist()))


def _sharpe(returns: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return float(returns.mean()) / deviation if deviation > 0 else 0.0
