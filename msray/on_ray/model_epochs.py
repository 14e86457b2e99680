"""Trainings as an objective on a cluster: a task a trial, told of after each epoch, so that it can be given up.

Trials only wait for their task: what trains is loaded where the task runs, and there alone.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import ray

from msray.on_ray.calls import answer_now
from msray.on_ray.side_by_side import RETRIES, share_of_gpu
from msray.training.config import ModelConfig
from msray.tuning import FoldScore, Parameters
from msray.tuning.models import ModelTuneConfig, having

if TYPE_CHECKING:
    from msray.training.fit import Problem


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

    def __init__(self, problem: "Problem", model: ModelConfig, config: ModelTuneConfig) -> None:
        self._problem = ray.put(problem)
        self._model, self._epochs = model, config.epochs
        self._gpus = share_of_gpu()

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


def _epochs(problem: "Problem", model: ModelConfig) -> Iterator[float]:
    """The surprise on the rows that choose, after each epoch."""
    from msray.training.fit import learn
    from msray.training.jobs import use_one_thread

    use_one_thread()
    config = model.made(features=len(problem.rows.names), horizons=len(problem.config.horizons))
    for epoch in learn(problem, model.name, config, model.training):
        yield epoch.surprise


# Not in the group of the trial that starts it: that one has no processor.
_learn: Any = ray.remote(num_cpus=1, max_retries=RETRIES, num_returns="streaming", scheduling_strategy="DEFAULT")(
    _epochs
)
