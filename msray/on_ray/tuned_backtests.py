"""Backtests as an objective on a cluster: a task a fold, on tapes that were put there once."""

from collections.abc import Generator, Sequence
from typing import Any

import ray
from ray.exceptions import RayTaskError

from msray.backtest import Tape
from msray.errors import UsageError
from msray.market import Signal
from msray.on_ray.calls import answer_now
from msray.on_ray.side_by_side import RETRIES
from msray.on_ray.tuning import HyperparameterOptimizer
from msray.store.search_log import SearchLog
from msray.tuning import (
    Assumed,
    Backtests,
    Cutter,
    FoldScore,
    Keep,
    Parameters,
    Plan,
    Times,
    Trial,
    TuneReport,
    Window,
    Windows,
    best_of,
    cut_before,
    detect,
    difference,
    judge,
    on_held_out,
    searches_detection,
    with_signals,
)


class BacktestFolds:
    """What trials need, in the memory that the cluster shares: see :data:`~msray.tuning.Objective`.

    Parameters
    ----------
    tapes
        One an instrument. What is held out stays here.
    windows
        How they are cut.
    backtests
        What is the same in all trials.
    names
        Of the parameters; if some are the detectors', their signals are found anew in each trial.

    Notes
    -----
    Folds are tasks of a processor each, all of them started at once, and given in the order of time. What is still
    running when a trial is given up is cancelled.
    """

    def __init__(self, tapes: Sequence[Tape], windows: Windows, backtests: Backtests, names: Sequence[str]) -> None:
        clocks, end_ns = backtests.base.backtest, windows.folds[-1].end_ns
        seen = [cut_before(tape, clocks, end_ns) for tape in tapes]
        cut = [Cutter(tape, clocks, windows.folds).tapes() for tape in seen]
        self._windows = windows.folds
        self._backtests = ray.put(backtests)
        self._base = backtests.base
        self._folds: list[Any] = [ray.put(fold) for fold in zip(*cut, strict=True)]
        self._whole = [ray.put(tape) for tape in seen] if searches_detection(names) else []

    def start(self, parameters: Parameters) -> list[Any]:
        """Start all folds of some parameters; their tasks, in the order of time."""
        assumed = self._base.having(parameters)
        whole = [] if assumed.detection == self._base.detection else self._whole
        heard = [_hear.remote(tape, self._windows, assumed) for tape in whole]
        return [
            _play.remote(self._backtests, fold, number, window, assumed, *heard)
            for number, (fold, window) in enumerate(zip(self._folds, self._windows, strict=True))
        ]

    def __call__(self, parameters: Parameters) -> Generator[FoldScore]:
        """The scores of some parameters, fold by fold."""
        running = self.start(parameters)
        try:
            while running:
                score: FoldScore = answer_now(running[0], None)
                del running[0]
                yield score
        finally:
            for task in running:
                ray.cancel(task)


Heard = list[tuple[tuple[Signal, ...], Times]]
"""Of each window: the signals that are told in it, and the messages that raised them."""


def _find_signals(tape: Tape, windows: Sequence[Window], assumed: Assumed) -> Heard:
    found, cutter = detect(tape, assumed.detection), Cutter(tape, assumed.backtest, windows)
    return [cutter.heard(number, *found) for number in range(len(windows))]


def _fold(
    backtests: Backtests, tapes: Sequence[Tape], number: int, window: Window, assumed: Assumed, *heard: Heard
) -> FoldScore:
    if heard:
        tapes = [with_signals(tape, *one[number]) for tape, one in zip(tapes, heard, strict=True)]
    return backtests.play(tapes, window, assumed)[1]


# Not in the group of the trial that starts them: that one has no processor.
_hear = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="DEFAULT")(_find_signals)
_play = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="DEFAULT")(_fold)


def search_backtests(
    tapes: Sequence[Tape], plan: Plan, windows: Windows, log: SearchLog, *, known: Sequence[Trial] = (), keep: Keep
) -> TuneReport:
    """Search, and judge what was found on the part that no trial has seen.

    Parameters
    ----------
    tapes
        One an instrument.
    plan, windows
        What is searched, and where it is tried.
    log
        Keeps every trial.
    known
        Trials of the same search that ran before.
    keep
        Is told of each trial after each fold and at its end, when it is in the log.

    Raises
    ------
    UsageError
        If the strategy fails as it is configured, or in every trial.
    """

    def kept(trial: Trial) -> None:
        log.keep(trial)
        keep(trial)

    objective = BacktestFolds(tapes, windows, plan.backtests, list(plan.space))
    unchanged = _unchanged(objective)
    log.keep(unchanged)
    config = plan.config
    optimizer = HyperparameterOptimizer(
        plan.space, folds=config.folds, trials=config.trials, seed=config.seed, prunes=config.prunes
    )
    search = optimizer.run(objective, keep=kept, known=known)
    if search.best is None:
        raise UsageError(f"trials must end well at least once, and none did: {search.trials[-1].problem}")
    looks, chosen = log.looks, best_of(search, unchanged)
    best = plan.backtests.base.having(chosen.parameters)
    before = on_held_out(tapes, windows, plan.backtests, plan.backtests.base)
    after = before if chosen is unchanged else on_held_out(tapes, windows, plan.backtests, best)
    for trial, held_out in ((unchanged, before), (chosen, after)):
        log.keep_held_out(trial, held_out)
    earlier = log.earlier
    return TuneReport(
        strategy=plan.strategy,
        objective=config.objective,
        space=plan.space,
        windows=windows,
        search=search,
        unchanged=unchanged,
        chosen=chosen,
        base=plan.backtests.base,
        best=best,
        before=before,
        after=after,
        difference=difference(before, after, config.seed),
        judgement=judge(chosen, [unchanged, *search.trials], earlier, windows),
        earlier=len(earlier),
        looks=looks,
    )


def _unchanged(objective: BacktestFolds) -> Trial:
    """What was assumed before, on the same folds."""
    try:
        return Trial(parameters={}, folds=tuple(objective({})), state="whole")
    except RayTaskError as error:
        raise UsageError(f"the strategy must run as it is configured, and raised {error.cause!r}") from error
