"""Reports of searches, made by hand."""

from typing import Any

import numpy as np

from msray.backtest import BacktestConfig
from msray.backtest.variants import BINS
from msray.prediction import DetectionConfig
from msray.tuning import (
    Assumed,
    Axis,
    FoldScore,
    HeldOut,
    Optimization,
    Trial,
    TuneConfig,
    TuneReport,
    best_of,
    difference,
    judge,
    make_windows,
)

SECOND = 1_000_000_000
BEGIN_NS = 1_723_161_255 * SECOND
BASE = Assumed(backtest=BacktestConfig(), detection=DetectionConfig())
WINDOWS = make_windows(BEGIN_NS, BEGIN_NS + 640 * SECOND, TuneConfig(folds=4, embargo_seconds=2.0), purge_ns=5 * SECOND)
SPACE = {
    "backtest.profit_target_pct": Axis(low=0.001, high=0.01, log=True),
    "backtest.maker.max_inventory_orders": Axis(low=1, high=9, whole=True),
    "backtest.maker.model": Axis(choices=("glft", "avellaneda_stoikov")),
}


def parameters(rng: np.random.Generator) -> dict[str, Any]:
    """Some of the space."""
    return {
        "backtest.profit_target_pct": float(rng.uniform(0.001, 0.01)),
        "backtest.maker.max_inventory_orders": int(rng.integers(1, 10)),
        "backtest.maker.model": str(rng.choice(["glft", "avellaneda_stoikov"])),
    }


def tried(mean: float, rng: np.random.Generator, *, folds: int = 4, chosen: Any = None, state: Any = None) -> Trial:
    """A trial that earns so much in each piece of time, on so many folds."""
    found = []
    for window in WINDOWS.folds[:folds]:
        returns = rng.normal(mean, 1e-5, window.bins[1] - window.bins[0])
        found.append(FoldScore(score=float(returns.sum()), returns=tuple(returns.tolist())))
    return Trial(
        parameters=parameters(rng) if chosen is None else chosen,
        folds=tuple(found),
        state=state or ("whole" if folds == 4 else "pruned"),
        problem="ValueError: <script>" if state == "failed" else "",
    )


def held(mean: float, rng: np.random.Generator, trades: int = 9) -> HeldOut:
    """What one earned on the part that is held out."""
    first, behind = WINDOWS.held_out.bins
    returns = rng.normal(mean, 1e-5, behind - first) if trades else np.zeros(behind - first)
    total = float(returns.sum())
    score = FoldScore(score=total, returns=tuple(returns.tolist()))
    return HeldOut(net_return=total, interval=None, score=score, trades=trades, orders=2 * trades, fees=1.0)


def made(
    *,
    found: float = 1e-4,
    had: float = -1e-4,
    after: float = 1e-4,
    before: float = -1e-4,
    trades: int = 9,
    objective: str = "net_return",
    earlier: int = 0,
) -> TuneReport:
    """A report of a search: what trials earned on the folds, and what both earned behind them, a piece of time."""
    rng = np.random.default_rng(1)
    trials = [tried(found * (one + 1) / 6, rng) for one in range(6)]
    trials += [tried(-1e-4, rng, folds=1), tried(0.0, rng, folds=0, state="failed")]
    unchanged = tried(had, rng, chosen={})
    search = Optimization(trials=tuple(trials))
    chosen = best_of(search, unchanged)
    old = held(before, rng)
    new = old if chosen is unchanged else held(after, rng, trades)
    others = [rng.normal(0, 1e-5, BINS) for _ in range(earlier)]
    return TuneReport(
        strategy="follower",
        objective=objective,
        space=SPACE,
        windows=WINDOWS,
        search=search,
        unchanged=unchanged,
        chosen=chosen,
        base=BASE,
        best=BASE.having(chosen.parameters),
        before=old,
        after=new,
        difference=difference(old, new, 0),
        judgement=judge(chosen, [unchanged, *trials], others, WINDOWS),
        earlier=earlier,
        looks=0,
    )
