"""``fit``: rows to a network that was trained, the best epoch of it, with what it says of rows it never saw."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.models.catalog import entry, make_network
from msray.models.classes import NO_LABEL
from msray.models.config import NetworkConfig
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.trees import BoostedTrees
from msray.training.boosting import boost
from msray.training.config import LabelConfig, TrainConfig, TrainingConfig
from msray.training.labels import Changes, changes, classes, fit_thresholds
from msray.training.loop import Epoch, Progress, Training
from msray.training.parts import Parts, in_parts, purged, walked
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


def pose(config: TrainConfig, tables: Sequence[TrainingRows], *, share: float = 1.0) -> Problem:
    """What is to be learned from the rows of instruments.

    Parameters
    ----------
    config
        What is asked for.
    tables
        One an instrument.
    share
        Of what could be learned from; see :func:`~msray.training.parts.in_parts`. Thresholds are those of all of it.

    Raises
    ------
    UsageError
        If the rows have other features, or a part of them no label of a horizon.
    """
    for one in tables:
        if one.names != config.columns:
            raise UsageError(f"rows must have the features {config.columns[:6]}..., got {one.names[:6]}...")
    rows, parts = in_parts(tables, config.parts, share=share)
    problem = make_problem(rows, config.labels, replace(parts, train=(0, parts.train[1])))
    problem = replace(problem, parts=parts)
    for does, part in (("be learned from", parts.train), ("choose", parts.valid), ("judge", parts.test)):
        labels = problem.of(part)[slice(*part)]
        for column, horizon in enumerate(config.labels.horizons):
            if not (labels[:, column] != NO_LABEL).any():
                found = f"none in {len(labels)} of {len(rows)} rows"
                raise UsageError(
                    f"rows to {does} must hold labels of horizon {horizon}, got {found}",
                    hint="record more, choose shorter horizons, or part the rows in another way",
                )
    return problem


def pose_walked(config: TrainConfig, tables: Sequence[TrainingRows]) -> list[Problem]:
    """What is to be learned for each judgement, the last one first; see :func:`pose`."""
    return [pose(config.model_copy(update={"parts": parts}), some) for some, parts in walked(tables, config.parts)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A network that was trained.

    Attributes
    ----------
    name, config
        What it is.
    network
        Itself, on the CPU.
    history
        Its epochs.
    """

    name: str
    config: NetworkConfig
    network: StepNetwork | WindowNetwork
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
        Where the same training stood when it was broken off; boosted trees begin anew.
    keep
        Told after each epoch where it stands.
    """
    made = _made(problem, name, network, training)
    if isinstance(made, BoostedTrees):
        learned, chosen = _labels(problem)
        rows = _material(problem).rows
        history = boost(made, rows, learned=learned, chosen=chosen, config=training, keep=keep)
    else:
        run = _training(problem, made, training)
        if begun is not None:
            run.go_on(begun)
        history = run.run(lambda _: keep(run.progress()))
    return Fitted(name=name, config=network, network=made, history=tuple(history))


def learn(problem: Problem, name: str, network: NetworkConfig, training: TrainingConfig) -> Iterator[Epoch]:
    """Train a network as :func:`fit` does, and tell of each epoch: for who wants to know no more than that."""
    made = _made(problem, name, network, training)
    if isinstance(made, BoostedTrees):
        return iter(fit(problem, name, network, training).history)
    return _training(problem, made, training).epochs()


def _made(problem: Problem, name: str, network: NetworkConfig, training: TrainingConfig) -> StepNetwork | WindowNetwork:
    """A network that has learned nothing but how to scale."""
    entry(name)
    torch.manual_seed(training.seed)
    made = make_network(name, network)
    begin, end = problem.parts.train
    center, width = fit_scale(problem.rows.values[begin:end])
    made.scale_by(torch.from_numpy(center), torch.from_numpy(width))
    return made


def _training(problem: Problem, made: StepNetwork | WindowNetwork, config: TrainingConfig) -> Training:
    learned, chosen = _labels(problem)
    return Training(
        made,
        _material(problem),
        learned=learned,
        chosen=chosen,
        train=problem.parts.train,
        valid=problem.parts.valid,
        config=config,
    )


def _labels(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Those that are learned from, and those that choose."""
    return problem.of(problem.parts.train), problem.of(problem.parts.valid)


def _material(problem: Problem) -> Material:
    return material(problem.rows, problem.labels, problem.found, problem.parts.train)
