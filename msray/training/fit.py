"""``fit``: rows to a network that was trained, chosen and tempered, with what it says of rows it never saw."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from msray.models.catalog import entry, make_network
from msray.models.config import NetworkConfig
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.tempering import Tempering, temper
from msray.training.labels import Changes, LabelConfig, changes, classes, fit_thresholds
from msray.training.loop import Epoch, Progress, Training, TrainingConfig
from msray.training.parts import Parts, purged
from msray.training.rows import TrainingRows
from msray.training.samples import Material, material
from msray.training.scaling import fit_scale
from msray.training.scores import scores_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Rows, what is to be predicted of them, and in which parts.

    Attributes
    ----------
    rows, config, parts
        As given.
    thresholds
        Of each horizon, from the rows that are learned from.
    found
        The changes.
    labels
        ``(n, h)`` classes of all rows.
    """

    rows: TrainingRows
    config: LabelConfig
    parts: Parts
    thresholds: tuple[float, ...]
    found: Changes
    labels: NDArray[np.int64]

    def of(self, part: tuple[int, int]) -> NDArray[np.int64]:
        """``(n, h)`` the labels of a part that look at nothing behind it."""
        return purged(self.labels, self.found, part)


def make_problem(rows: TrainingRows, config: LabelConfig, parts: Parts) -> Problem:
    """Label rows, with thresholds from the part that is learned from."""
    found = changes(rows, config)
    thresholds = fit_thresholds(found, *parts.train, config)
    return Problem(
        rows=rows, config=config, parts=parts, thresholds=thresholds, found=found, labels=classes(found, thresholds)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A network that was trained.

    Attributes
    ----------
    name, config
        What it is.
    network
        Itself, on the CPU.
    tempering
        From the rows that choose.
    history
        Its epochs.
    """

    name: str
    config: NetworkConfig
    network: StepNetwork | WindowNetwork
    tempering: Tempering
    history: tuple[Epoch, ...]

    def scores(self, problem: Problem, part: tuple[int, int]) -> NDArray[np.float32]:
        """``(end - begin, h, classes)`` of a part's rows."""
        return scores_of(self.network, _material(problem), part)


def fit(
    problem: Problem,
    name: str,
    network: NetworkConfig,
    training: TrainingConfig,
    *,
    begun: Progress | None = None,
    keep: Callable[[Progress], None] = lambda _: None,
) -> Fitted:
    """Train a network.

    Parameters
    ----------
    problem
        What is learned; nothing of its part ``test`` is looked at.
    name, network
        Of the catalogue; features and horizons as the problem has them.
    training
        How.
    begun
        Where the same training stood when it was broken off.
    keep
        Told after each epoch where it stands.
    """
    entry(name)
    torch.manual_seed(training.seed)
    made = make_network(name, network)
    begin, end = problem.parts.train
    center, width = fit_scale(problem.rows.values[begin:end])
    made.scale_by(torch.from_numpy(center), torch.from_numpy(width))
    found, valid = _material(problem), problem.parts.valid
    run = Training(
        made,
        found,
        learned=problem.of(problem.parts.train),
        chosen=problem.of(valid),
        train=problem.parts.train,
        valid=valid,
        config=training,
    )
    if begun is not None:
        run.go_on(begun)
    history = run.run(lambda _: keep(run.progress()))
    tempering = temper(scores_of(made, found, valid), problem.of(valid)[slice(*valid)])
    return Fitted(name=name, config=network, network=made, tempering=tempering, history=tuple(history))


def _material(problem: Problem) -> Material:
    return material(problem.rows, problem.labels, problem.found, problem.parts.train)
