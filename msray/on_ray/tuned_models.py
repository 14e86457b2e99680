"""A search of a model's parameters, on a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

from msray.errors import UsageError
from msray.on_ray.model_epochs import ModelEpochs
from msray.on_ray.side_by_side import cpus
from msray.on_ray.tuning import HyperparameterOptimizer
from msray.store.model_search_log import ModelSearchLog
from msray.training.config import ModelConfig
from msray.training.fit import Problem
from msray.tuning import Keep, Optimization, SearchSpace, Trial
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
