"""What a search costs beside its folds: the same backtests as plain tasks, and through ``HyperparameterOptimizer``.

    python jobs/measure_tuning.py [--json] [--runs 3] [--data FOLDER] [--trials 12] [--only short,long,models]

Both play the same sets of parameters on the same folds, on two of Ray's workers that are warm, none is given up early,
and in turns: what else runs on the machine takes from both. ``short`` is the recording that a search is tried on
(four minutes of USD-M BTC, folds of milliseconds): nearly all of it is overhead. ``long`` is a day of spot NEXO.
``models`` is another search, once, and not in turns: how many GRUs are tried in half an hour on a quarter of a day of
Shanghai's rebar future, poor ones given up early, as `msray tune --target model` does it.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray's spelling)

from chains import FILES
from figures import Figure, arguments, report
from model_sets import SETS, posed, rows_of

from msray.backtest import STRATEGIES, BacktestConfig
from msray.feeds.replay import open_replay
from msray.feeds.tapes import read_tapes
from msray.on_ray import session
from msray.on_ray.backtests import store_bytes_for
from msray.on_ray.calls import answer_now
from msray.on_ray.tuned_backtests import BacktestFolds
from msray.on_ray.tuned_models import search_models
from msray.on_ray.tuning import HyperparameterOptimizer
from msray.prediction import CalibrationConfig, DetectionConfig
from msray.training.config import DEFAULT_FEATURES, ModelConfig
from msray.tuning import Assumed, Axis, Parameters, Plan, Trial, TuneConfig
from msray.tuning.models import ModelTuneConfig, model_space

MARKETS = {
    "short": (
        "usdm BTC 2024",
        DetectionConfig(bar_ms=100, arl0=60, calibration=CalibrationConfig(bars=600, delay_bars=10)),
    ),
    "long": ("spot NEXO", DetectionConfig(arl0=600)),
}
SPACE = {
    "backtest.profit_target_pct": Axis(low=0.001, high=0.008, log=True),
    "backtest.stop_loss_pct": Axis(low=0.001, high=0.008, log=True),
}
CPUS = 2


def main() -> int:
    """Measure what was asked for."""
    parser = arguments(__doc__)
    parser.set_defaults(runs=3)
    parser.add_argument("--trials", type=int, default=12, help="sets of parameters")
    parser.add_argument("--only", default=",".join([*MARKETS, "models"]), help="which, comma-separated")
    options = parser.parse_args()
    figures = []
    for name in options.only.split(","):
        if name == "models":
            figures += _models(options.data, options.trials)
            continue
        market, words = MARKETS[name]
        paths = [options.data / file for file in FILES[market]]
        if not all(path.exists() for path in paths):
            sys.stderr.write(f"no recordings at {options.data}: set MSRAY_DATA\n")
            return report([], as_json=options.json)
        figures += _measured(market, paths, words, options.trials, options.runs)
    return report(figures, as_json=options.json)


def _measured(market: str, paths: Sequence[Path], words: DetectionConfig, trials: int, runs: int) -> list[Figure]:
    config = BacktestConfig(max_holding_seconds=20.0, clock_correction_ms=1300.0)
    make = STRATEGIES["follower"]
    how = TuneConfig(space=SPACE, trials=trials)
    plan = Plan.of("follower", make, how, Assumed(backtest=config, detection=words), is_calibrated=False)
    tapes = read_tapes(open_replay(paths), words)
    session.start_local(cpus=CPUS, store_bytes=store_bytes_for(tapes))
    try:
        folds = BacktestFolds(tapes, plan.windows(tapes), plan.backtests, list(plan.space))
        optimizer = HyperparameterOptimizer(plan.space, folds=how.folds, trials=trials, prunes=False)
        tried = [trial.parameters for trial in optimizer.run(folds).trials]  # and the workers are warm
        spent: dict[str, list[float]] = {"plain": [], "search": []}
        for _ in range(runs):
            spent["plain"].append(_seconds(lambda: _side_by_side(folds, tried)))
            spent["search"].append(_seconds(lambda: optimizer.run(folds)))
    finally:
        session.leave()
    plain, search = (statistics.median(seconds) for seconds in spent.values())
    told = f"{trials} trials x {how.folds} folds of {market}, {CPUS} workers, in turns, median of {runs}"
    return [
        Figure(name=f"{market}: plain tasks, a trial", value=round(plain / trials, 3), unit="s", how=told),
        Figure(name=f"{market}: search, a trial", value=round(search / trials, 3), unit="s", how=told),
        Figure(name=f"{market}: overhead, a trial", value=round((search - plain) / trials, 3), unit="s", how=told),
        Figure(name=f"{market}: search / plain tasks", value=round(search / plain, 2), unit="x", how=told),
    ]


class _Nowhere:
    """Keeps no trials: see :class:`~msray.store.model_search_log.ModelSearchLog`."""

    def keep(self, trial: Trial) -> None:
        """Not at all."""

    def go_on(self, known: Sequence[Trial]) -> None:
        """From nothing."""


def _models(data: Path, trials: int) -> list[Figure]:
    rows, parts = rows_of("shfe", data)
    how, model = ModelTuneConfig(trials=trials), ModelConfig(name="gru")
    problem = posed(rows, DEFAULT_FEATURES, parts, share=how.share)
    session.start_local(cpus=CPUS, store_bytes=session.STORE_BYTES + 4 * rows.values.nbytes)
    began = time.perf_counter()
    try:
        found = search_models(problem, model, how, model_space(model, {}), _Nowhere(), keep=lambda _: None)
    finally:
        session.leave()
    seconds = time.perf_counter() - began
    whole = sum(trial.state == "whole" for trial in found.search.trials)
    learned = problem.parts.train[1] - problem.parts.train[0]
    surprise = f"least surprise {-found.search.best.score:.4f}, as it was {-found.unchanged.score:.4f}"
    told = (
        f"{SETS['shfe']}; {learned} rows learned from, {how.epochs} epochs at most, {trials} trials in "
        f"{seconds:.0f} s, {whole} of them whole, {CPUS} workers, with all that starts first; {surprise}"
    )
    rate = round(1800 * trials / seconds)
    return [Figure(name="GRUs tried in 30 minutes", value=rate, unit="trials", how=told, op=">=", goal=200)]


def _side_by_side(folds: BacktestFolds, tried: Sequence[Parameters]) -> None:
    """All folds of all sets of parameters as tasks, without a search."""
    answer_now([task for parameters in tried for task in folds.start(parameters)], None)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
