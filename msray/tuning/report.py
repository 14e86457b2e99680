"""``TuneReport``: what a search came to, judged on what no trial has seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msray.backtest.report import net_interval
from msray.backtest.result import BacktestResult
from msray.backtest.tape import Tape
from msray.backtest.variants import BINS, Judgement, judge_returns
from msray.evaluation import BootstrapInterval, stationary_bootstrap_interval
from msray.tuning.assumed import Assumed
from msray.tuning.backtests import Backtests
from msray.tuning.space import SearchSpace
from msray.tuning.trials import FoldScore, Optimization, Trial
from msray.tuning.windows import Cutter, Windows, detect, with_signals

if TYPE_CHECKING:
    import pandas as pd

SKILL = 0.95
"""Deflated Sharpe ratio from which on luck does not explain what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One configuration on the part that no trial has seen.

    Attributes
    ----------
    net_return
        After all costs, as a fraction of the capital.
    interval
        Of the closed trades' net return; None where there are too few.
    score
        By what the search judges, with the returns of the part's pieces of time.
    trades, orders
        Their numbers.
    fees
        Quote units.
    """

    net_return: float
    interval: BootstrapInterval | None
    score: FoldScore
    trades: int
    orders: int
    fees: float

    @classmethod
    def of(cls, result: BacktestResult, score: FoldScore) -> "HeldOut":
        """From what happened."""
        return cls(
            net_return=result.net_return,
            interval=net_interval(result),
            score=score,
            trades=len(result.trades),
            orders=result.orders,
            fees=result.fees,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneReport:
    """What came out.

    Attributes
    ----------
    strategy, objective
        What was searched, and by what it was judged.
    space
        What could be chosen.
    windows
        Folds and the part that is held out.
    search
        All trials.
    unchanged
        What was assumed before, on the same folds.
    chosen
        What did best on the folds, of all trials and of what was assumed before.
    base, best
        The configurations of both.
    before, after
        What was assumed before and what was chosen, on the part that is held out.
    difference
        What was chosen earned more there than what was assumed before, with its interval; None where neither changed
        its account, or both are one.
    judgement
        What was chosen among all that was tried on these recordings, on the folds.
    earlier
        How much of that was tried before this search.
    looks
        How many runs had looked at the part that is held out before this one.
    """

    strategy: str
    objective: str
    space: SearchSpace
    windows: Windows
    search: Optimization
    unchanged: Trial
    chosen: Trial
    base: Assumed
    best: Assumed
    before: HeldOut
    after: HeldOut
    difference: BootstrapInterval | None
    judgement: Judgement
    earlier: int
    looks: int

    @property
    def is_changed(self) -> bool:
        """Whether anything did better on the folds than what was assumed before."""
        return self.chosen is not self.unchanged

    @property
    def is_better(self) -> bool:
        """Whether what was chosen is better than what was assumed before, on what nobody had seen."""
        return self.is_changed and self.difference is not None and self.difference.low > 0

    @property
    def verdict(self) -> str:
        """One plain sentence: whether the search was worth it."""
        if not self.is_changed:
            tried = len(self.search.trials)
            return f"Not better than what you had: none of {tried} trials did better on the folds; keep it."
        gained = f"{self.after.net_return:+.3%} on the part held out, {self.before.net_return:+.3%} with what you had"
        if self.difference is None:
            return f"Not better than what you had: {gained}."
        within = f"difference {self.difference.level:.0%} {self.difference.low:+.3%} to {self.difference.high:+.3%}"
        if not self.is_better:
            return f"Not better than what you had, as far as can be seen: {gained} ({within})."
        if self.after.net_return <= 0:
            earns = "still no edge" if self.after.trades else "it does not trade"
            return f"Better than what you had, but {earns}: {gained} ({within})."
        luck = self.judgement.deflated_sharpe
        if not luck >= SKILL:
            count = self.judgement.different
            return f"Better than what you had: {gained} ({within}); yet {count} trials explain it (DSR {luck:.2f})."
        return f"Better than what you had: {gained} ({within}), DSR {luck:.2f} among {self.judgement.different} trials."

    def to_pandas(self) -> "pd.DataFrame":
        """The trials, a row each; see :meth:`~msray.tuning.Optimization.to_pandas`."""
        return self.search.to_pandas()

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain mappings and numbers; NaN where one is not defined."""
        states = [trial.state for trial in self.search.trials]
        overfitting = self.judgement.overfitting
        return {
            "verdict": self.verdict,
            "is_better": self.is_better,
            "strategy": self.strategy,
            "objective": self.objective,
            "space": {name: axis.model_dump(exclude_defaults=True) for name, axis in self.space.items()},
            "trials": len(states),
            **{f"{state}_trials": states.count(state) for state in ("whole", "pruned", "failed")},
            "tried_before": self.earlier,
            "different_trials": self.judgement.different,
            "best_parameters": dict(self.chosen.parameters),
            "best_score": self.chosen.score,
            "best_folds": [fold.score for fold in self.chosen.folds],
            "unchanged_score": self.unchanged.score,
            "unchanged_folds": [fold.score for fold in self.unchanged.folds],
            "held_out": {"best": _told(self.after), "unchanged": _told(self.before)},
            "difference": None if self.difference is None else asdict(self.difference),
            "looks_before": self.looks,
            "dsr": self.judgement.deflated_sharpe,
            "pbo": None if overfitting is None else overfitting.pbo,
            "windows": asdict(self.windows) | {"edges_ns": None, "purge_ns": self.windows.purge_ns},
        }


def best_of(search: Optimization, unchanged: Trial) -> Trial:
    """What did best on the folds; what was there before, unless something did better."""
    best = search.best
    return unchanged if best is None or not best.score > unchanged.score else best


def on_held_out(tapes: Sequence[Tape], windows: Windows, backtests: Backtests, assumed: Assumed) -> HeldOut:
    """Trade what no trial has seen, once."""
    if assumed.detection != backtests.base.detection:
        tapes = [with_signals(tape, *detect(tape, assumed.detection)) for tape in tapes]
    parts = [Cutter(tape, assumed.backtest, [windows.held_out]).tapes()[0] for tape in tapes]
    return HeldOut.of(*backtests.play(parts, windows.held_out, assumed))


def difference(before: HeldOut, after: HeldOut, seed: int) -> BootstrapInterval | None:
    """How much more one earned than the other in the same times; None where it is nothing at any time."""
    more = np.array(after.score.returns) - np.array(before.score.returns)
    if not more.any():
        return None
    return stationary_bootstrap_interval(more, _sum, rng=np.random.default_rng(seed))


def on_axis(trial: Trial, windows: Windows) -> NDArray[np.float64]:
    """A trial's returns in all pieces of the recordings' time; NaN where it was not tried."""
    returns = np.full(BINS, np.nan)
    for fold, window in zip(trial.folds, windows.folds, strict=False):
        returns[slice(*window.bins)] = fold.returns
    return returns


def judge(
    chosen: Trial, trials: Sequence[Trial], earlier: Sequence[NDArray[np.float64]], windows: Windows
) -> Judgement:
    """Judge what was chosen among all trials and the returns of whatever was tried earlier, on the folds."""
    return judge_returns(np.column_stack([*(on_axis(trial, windows) for trial in (chosen, *trials)), *earlier]))


def _told(one: HeldOut) -> Mapping[str, Any]:
    return {**asdict(one), "score": one.score.score}


def _sum(values: NDArray[np.float64]) -> float:
    return math.fsum(values)
