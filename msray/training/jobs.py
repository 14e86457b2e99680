"""Trainings that know nothing of each other: models x seeds, here one after the other, on a cluster side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from msray.models.catalog import make_network
from msray.models.config import NetworkConfig
from msray.models.network import StepNetwork, WindowNetwork
from msray.training.config import ModelConfig, TrainConfig
from msray.training.fit import Problem, fit
from msray.training.loop import Epoch, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training.

    Attributes
    ----------
    model
        Which, and how.
    seed
        Instead of the one that ``model`` says.
    """

    model: ModelConfig
    seed: int

    @property
    def key(self) -> str:
        """Name and seed."""
        return f"{self.model.name}-{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """What a training came to.

    Attributes
    ----------
    key, name, seed
        Of its job, and of its model.
    weights
        The network's tensors by name, its scaling among them.
    history
        Its epochs.
    valid, test
        ``(n, h, classes)`` scores of the rows that choose, and of those that judge.
    parameters
        How many are learned.
    """

    key: str
    name: str
    seed: int
    weights: dict[str, NDArray[np.generic]]
    history: tuple[Epoch, ...]
    valid: NDArray[np.float32]
    test: NDArray[np.float32]
    parameters: int


RunJobs = Callable[[Problem, Sequence[Job], Callable[[Trained], None]], None]
"""Runs jobs, in any order, and tells of each that is done."""


def make_jobs(config: TrainConfig) -> list[Job]:
    """Every model with every seed.

    Examples
    --------
    >>> [job.key for job in make_jobs(TrainConfig())]
    ['gru-0', 'gru-1', 'gru-2']
    """
    return [
        Job(model=model, seed=model.training.seed + number) for model in config.models for number in range(model.seeds)
    ]


def run_job(
    problem: Problem,
    job: Job,
    *,
    begun: Progress | None = None,
    keep: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Train one; nothing of the rows that judge is looked at until it is done. See :func:`~msray.training.fit.fit`."""
    config = job.model.made(features=len(problem.rows.names), horizons=len(problem.config.horizons))
    training = job.model.training.model_copy(update={"seed": job.seed})
    fitted = fit(problem, job.model.name, config, training, begun=begun, keep=keep)
    return Trained(
        key=job.key,
        name=job.model.name,
        seed=job.seed,
        weights={name: tensor.numpy() for name, tensor in fitted.network.state_dict().items()},
        history=fitted.history,
        valid=fitted.scores(problem, problem.parts.valid),
        test=fitted.scores(problem, problem.parts.test),
        parameters=fitted.network.size,
    )


def run_serially(problem: Problem, jobs: Sequence[Job], keep: Callable[[Trained], None]) -> None:
    """See :data:`RunJobs`."""
    for job in jobs:
        keep(run_job(problem, job))


def network_of(trained: Trained, config: NetworkConfig) -> StepNetwork | WindowNetwork:
    """The network that was trained, ready to answer."""
    network = make_network(trained.name, config).eval()
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in trained.weights.items()})
    return network


def use_one_thread() -> None:
    """As many trainings run side by side as there are processors: each is to take one."""
    torch.set_num_threads(1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend:
    """The trainings of one model that differ in their seed, as one.

    Attributes
    ----------
    name
        Of the model.
    trained
        Its trainings, by their seeds.
    valid, test
        Mean scores.
    """

    name: str
    trained: tuple[Trained, ...]
    valid: NDArray[np.float32]
    test: NDArray[np.float32]


def blend(trained: Sequence[Trained]) -> list[Blend]:
    """Models of the trainings, in the order of their first one."""
    blends = []
    for name in dict.fromkeys(one.name for one in trained):
        some = sorted((one for one in trained if one.name == name), key=lambda one: one.seed)
        valid, test = (np.mean(part, axis=0) for part in ([one.valid for one in some], [one.test for one in some]))
        blends.append(Blend(name=name, trained=tuple(some), valid=valid, test=test))
    return blends
