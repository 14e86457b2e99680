"""Trainings as an objective on a cluster: a task a trial, told of after each epoch, so that it can be given up."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from msray.errors import UsageError
from msray.on_ray.calls import answer_now
from msray.on_ray.side_by_side import RETRIES, cpus
from msray.on_ray.training import SHARE_OF_GPU, has_gpu
from msray.on_ray.tuning import HyperparameterOptimizer
from msray.store.model_search_log import ModelSearchLog
from msray.training.config import ModelConfig
from msray.training.fit import Problem, learn
from msray.training.jobs import use_one_thread
from msray.tuning import FoldScore, Keep, Optimization, Parameters, SearchSpace, Trial
from msray.tuning.models import ModelTuneConfig, having


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSearch:
    """What a search of a model's parameters came to; scores are surprises, negative, on the rows that choose.

    Attributes
    ----------
    unchanged
        What the configuration said before.
    search
        All trials.
    chosen
        The better one of what was best and what was before.
    best
        The model with that.
    """

    unchanged: Trial
    search: Optimization
    chosen: Trial
    best: ModelConfig


class ModelEpochs:
    """What trials need, in the memory that the cluster shares: see :data:`~msray.tuning.Objective`.

    Parameters
    ----------
    problem
        What is learned, of as many rows as the search may learn from; its part that judges is not looked at.
    model
        What is trained where a parameter does not say otherwise.
    config
        For how long.
    """

    def __init__(self, problem: Problem, model: ModelConfig, config: ModelTuneConfig) -> None:
        self._problem = ray.put(problem)
        self._model, self._epochs = model, config.epochs
        self._gpus = SHARE_OF_GPU if has_gpu() else 0

    def __call__(self, parameters: Parameters) -> Generator[FoldScore]:
        """Scores whose running means are the least surprise so far, negative: an epoch is worth what it improves."""
        model = having(self._model, parameters)
        told = model.training.model_copy(update={"epochs": self._epochs, "patience": self._epochs})
        epochs = _learn.options(num_gpus=self._gpus).remote(self._problem, model.model_copy(update={"training": told}))
        number, least, before = 0, float("inf"), 0.0
        try:
            for number, epoch in enumerate(epochs, start=1):
                least = min(least, answer_now(epoch, None))
                yield FoldScore(score=-number * least - before)
                before = -number * least
            for _ in range(number, self._epochs):  # trees may have ended before
                yield FoldScore(score=-least)
        finally:
            ray.cancel(epochs)


def search_models(
    problem: Problem,
    model: ModelConfig,
    config: ModelTuneConfig,
    space: SearchSpace,
    log: ModelSearchLog,
    *,
    known: Sequence[Trial] = (),
    keep: Keep,
) -> ModelSearch:
    """Search parameters with which a model is least surprised by the rows that choose.

    Parameters
    ----------
    problem, model, config, space
        What is learned, by what, how, and what may be chosen.
    log
        Keeps every trial.
    known
        Trials of the same search that ran before.
    keep
        Is told of each trial after each epoch and at its end, when it is in the log.

    Raises
    ------
    UsageError
        If the model cannot be trained as it is configured, or in no trial.
    """

    def kept(trial: Trial) -> None:
        log.keep(trial)
        keep(trial)

    log.go_on(known)
    objective = ModelEpochs(problem, model, config)
    unchanged = Trial(parameters={}, folds=tuple(objective({})), state="whole")
    optimizer = HyperparameterOptimizer(
        space,
        folds=config.epochs,
        trials=config.trials,
        seed=config.seed,
        at_once=max(1, int(cpus())),
        prunes=config.prunes,
    )
    search = optimizer.run(objective, keep=kept, known=known)
    if search.best is None:
        raise UsageError(f"trials must end well at least once, and none did: {search.trials[-1].problem}")
    chosen = max(unchanged, search.best, key=lambda trial: trial.score)
    return ModelSearch(unchanged=unchanged, search=search, chosen=chosen, best=having(model, chosen.parameters))


def _epochs(problem: Problem, model: ModelConfig) -> Iterator[float]:
    """The surprise on the rows that choose, after each epoch."""
    use_one_thread()
    config = model.made(features=len(problem.rows.names), horizons=len(problem.config.horizons))
    for epoch in learn(problem, model.name, config, model.training):
        yield epoch.surprise


# Not in the group of the trial that starts it: that one has no processor.
_learn: Any = ray.remote(num_cpus=1, max_retries=RETRIES, num_returns="streaming", scheduling_strategy="DEFAULT")(
    _epochs
)
