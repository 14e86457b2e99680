"""``HyperparameterOptimizer``: the best of many sets of parameters, searched side by side on a cluster.

Ray Tune runs the trials, Optuna's tree of Parzen estimators proposes them, ASHA gives up those that do worse than
others on the same folds. A trial takes no processor itself: it waits for what its objective started. Nothing of a
search is kept by Tune; what is to outlive it is told to the caller, fold by fold.
"""

import logging
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from ray.exceptions import RayTaskError

from msray.arguments import checked_count
from msray.errors import UsageError
from msray.on_ray.side_by_side import cpus, need_cluster
from msray.tuning import Axis, FoldScore, Keep, Objective, Optimization, Parameters, SearchSpace, Trial

STARTUP = 10
"""Trials by chance, before the others are proposed."""
LEFT_SHARE = 3
"""ASHA goes on with one in so many, after the first fold, the third, the ninth."""
NO_RESOURCE = 1
"""Bytes that a trial claims: Tune wants some claim, and a thousandth of a processor would already be one less."""
WORST = -1e300
"""Score of a trial that failed, for Tune and Optuna, who rank trials."""
_SWITCHES = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_SYNCER": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}
"""Tune writes no files of its own about trials, and leaves an interrupt to us."""


class HyperparameterOptimizer:
    """Searches the parameters whose folds have the highest mean score.

    Parameters
    ----------
    space
        What may be chosen, by name.
    folds
        Scores that an objective gives at most.
    trials
        Sets of parameters that are tried.
    seed
        Of the search. Trials that run side by side end in no fixed order, and what is proposed depends on what has
        ended: with ``at_once=1`` a search can be repeated.
    at_once
        Trials that run side by side; by default so many that all processors have a fold, and one more.
    prunes
        Whether trials are given up that do worse than others on the same folds.

    Examples
    --------
    On a cluster that was joined (``msray.on_ray.session``)::

        def objective(parameters):
            for fold in range(5):
                yield FoldScore(score=-((parameters["x"] - 3.0) ** 2))

        found = HyperparameterOptimizer({"x": Axis(low=0.0, high=10.0)}, folds=5).run(objective)
        found.best.parameters, found.to_pandas()
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        folds: int = 5,
        trials: int = 50,
        seed: int = 0,
        at_once: int | None = None,
        prunes: bool = True,
    ) -> None:
        if not space:
            raise UsageError("space must have at least one parameter, got none")
        self.space = dict(space)
        self.folds = checked_count("folds", folds, 1, 1000)
        self.trials = checked_count("trials", trials, 1, 100_000)
        self.seed = checked_count("seed", seed, 0, 2**31 - 1)
        self.at_once = None if at_once is None else checked_count("at_once", at_once, 1, 10_000)
        self.prunes = prunes

    def run(self, objective: Objective, *, keep: Keep = lambda _: None, known: Sequence[Trial] = ()) -> Optimization:
        """Search.

        Parameters
        ----------
        objective
            Gives the scores of parameters, fold by fold; it runs in a process of the cluster, and so must survive the
            way there. What it raises makes the trial a failed one.
        keep
            Is told of each trial after each fold and at its end, in this process.
        known
            Trials of a search that was interrupted: those that ended are not tried again, the others are tried first.

        Raises
        ------
        UnavailableError
            If no cluster has been joined.
        UsageError
            If a known trial has other parameters than the space.
        """
        need_cluster("a search")
        for trial in known:
            if trial.parameters.keys() != self.space.keys():
                raise UsageError(f"known trials must have the parameters {[*self.space]}, got {[*trial.parameters]}")
        ended = [trial for trial in known if trial.state != "running"]
        book = _Book(keep)
        if len(ended) < self.trials:
            with _quiet(), tempfile.TemporaryDirectory(prefix="msray-tune-") as folder:
                self._fit(objective, book, ended, [trial for trial in known if trial.state == "running"], folder)
        return Optimization(trials=(*ended, *book.ended))

    def _fit(
        self, objective: Objective, book: "_Book", ended: Sequence[Trial], begun: Sequence[Trial], folder: str
    ) -> None:
        from ray import tune
        from ray.tune.error import TuneError
        from ray.tune.schedulers import ASHAScheduler

        trainable = tune.with_resources(tune.with_parameters(_trial, objective=objective), {"memory": NO_RESOURCE})
        scheduler = ASHAScheduler(max_t=self.folds, grace_period=1, reduction_factor=LEFT_SHARE)
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                search_alg=self._searcher(ended, begun),
                scheduler=scheduler if self.prunes and self.folds > 1 else None,
                num_samples=self.trials - len(ended),
                max_concurrent_trials=self.at_once or 1 + math.ceil(cpus() / self.folds),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(storage_path=folder, name="search", verbose=0, callbacks=[book.callback(self)]),
        )
        try:
            tuner.fit()
        except TuneError as error:
            raise book.problem or error from error

    def _searcher(self, ended: Sequence[Trial], begun: Sequence[Trial]) -> Any:
        """Optuna, told of the trials that ended, and of those to try first."""
        import optuna
        from ray.tune.search.optuna import OptunaSearch

        # Another seed after an interrupt: the same one would propose once more what was tried by chance.
        sampler = optuna.samplers.TPESampler(
            seed=(self.seed + len(ended)) % 2**31, n_startup_trials=STARTUP, constant_liar=True, multivariate=True
        )
        first = [dict(trial.parameters) for trial in begun]
        space = {name: _distribution(axis) for name, axis in self.space.items()}
        search = OptunaSearch(space, metric="score", mode="max", sampler=sampler, points_to_evaluate=first or None)
        for trial in ended:
            failed = trial.state == "failed" or not trial.folds
            search.add_evaluated_point(dict(trial.parameters), 0.0 if failed else trial.score, error=failed)
        return search


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.choices:
        return CategoricalDistribution(axis.choices)
    kind: Any = IntDistribution if axis.whole else FloatDistribution
    return kind(*axis.ends, log=axis.log)


def _trial(parameters: Parameters, objective: Objective) -> None:
    """What Tune runs in a process of its own; when nobody wants more of it, it ends in ``report``.

    An objective that raises is not this process's end: Tune would start another one, which takes seconds.
    """
    from ray import tune

    total, scores = 0.0, objective(parameters)
    try:
        with closing(scores):
            for number, fold in enumerate(scores, start=1):
                if not math.isfinite(fold.score):
                    raise UsageError(f"score of a fold must be finite, got {fold.score}")
                total += fold.score
                tune.report({"score": total / number, "fold": fold.score, "returns": fold.returns})
    except Exception as error:  # it is the user's, and may raise anything
        tune.report({"score": WORST, "problem": _problem(error)})


def _problem(error: Exception) -> str:
    """What an objective raised, or a task that it had started, in one line."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    return f"{type(cause).__name__}: {cause}".partition("\n")[0]


class _Book:
    """What is known of the trials of one search, in the driver."""

    def __init__(self, keep: Keep) -> None:
        self.ended: list[Trial] = []
        self.problem: Exception | None = None
        self._keep = keep
        self._running: dict[str, Trial] = {}

    def callback(self, search: HyperparameterOptimizer) -> Any:
        """Tune's way to tell it."""
        from ray.tune import Callback

        book, folds = self, search.folds

        class Told(Callback):
            def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **_: Any) -> None:
                book.told(trial.trial_id, trial.config, result)

            def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
                book.end(trial.trial_id, trial.config, folds)

            def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
                book.end(trial.trial_id, trial.config, folds, problem="its process died")

            def __reduce__(self) -> Any:
                return Callback, ()  # Tune keeps its callbacks in a file that nobody will read

        return Told()

    def told(self, number: str, parameters: Parameters, result: Mapping[str, Any]) -> None:
        """One more fold of a trial, or why there are no more."""
        trial = self._of(number, parameters)
        if "problem" in result:
            self._running[number] = replace(trial, state="failed", problem=result["problem"])
            return
        fold = FoldScore(score=result["fold"], returns=tuple(result["returns"]))
        self._running[number] = replace(trial, folds=(*trial.folds, fold))
        self._tell(self._running[number])

    def end(self, number: str, parameters: Parameters, folds: int, problem: str = "") -> None:
        """No more of a trial will come."""
        trial = self._of(number, parameters)
        self._running.pop(number, None)
        if problem:
            trial = replace(trial, state="failed", problem=problem)
        elif trial.state == "running":
            trial = replace(trial, state="whole" if len(trial.folds) == folds else "pruned")
        self.ended.append(trial)
        self._tell(trial)

    def _of(self, number: str, parameters: Parameters) -> Trial:
        return self._running.get(number) or Trial(parameters=dict(parameters))

    def _tell(self, trial: Trial) -> None:
        try:
            self._keep(trial)
        except Exception as error:  # whatever it is, the search ends with it; Tune would tell of it in its own words
            self.problem = error
            raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Tune and Optuna from writing files and lines of their own."""
    import optuna

    before = {name: os.environ.get(name) for name in _SWITCHES}
    loggers = [logging.getLogger(name) for name in ("ray.tune", "optuna")]
    levels = [logger.level for logger in loggers]
    os.environ.update(_SWITCHES)
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    loggers[0].setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})
