"""Which model is best: weighed by what chooses, judged once by what judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from msray.arguments import checked_number
from msray.errors import UsageError
from msray.models.classes import NO_LABEL
from msray.models.conformal import ConformalSets, fit_sets
from msray.models.mixture import Mixture, fit_mixture
from msray.training.coverage import Covered, covered
from msray.training.fit import Problem
from msray.training.jobs import Blend, Trained, blend
from msray.training.judging import ModelReport, Said, judge
from msray.training.rows import piece_of

ENSEMBLE = "ensemble"
_LEAST_CHANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """All models that were trained, and what became of them.

    Attributes
    ----------
    blends
        One a model.
    mixtures
        What each model says by its own scores; then, where there are several, ``ensemble``, of the scores of all.
    best
        The one that the rows that choose found least surprising, over all horizons; maybe ``ensemble``.
    surprise
        That figure of each, on the rows that all of them say something of.
    said
        What each says of the rows that judge.
    report, covered
        On the rows that judge: of all, and what the sets of each came to.
    """

    blends: tuple[Blend, ...]
    mixtures: dict[str, Mixture]
    best: str
    surprise: dict[str, float]
    said: dict[str, Said]
    report: ModelReport
    covered: dict[str, tuple[Covered, ...]]


def select(problem: Problem, trained: Sequence[Trained], *, coverage: float = 0.9, seed: int = 0) -> Selection:
    """Choose on the rows that choose, then judge everything on the rows that judge: one look.

    Parameters
    ----------
    problem
        What was trained on.
    trained
        All trainings.
    coverage, seed
        See :func:`~msray.models.conformal.fit_sets` and :func:`~msray.training.judging.judge`. There are no sets where
        a class came too rarely for the promise.

    Raises
    ------
    UsageError
        If a model says nothing of the rows that choose at a horizon, or there is no such row that all say something of.
    """
    checked_number("coverage", coverage, least=0.5, below=1.0)
    begin, end = problem.parts.valid
    labels = problem.of((begin, end))[begin:end]
    blends = blend(trained)
    valid, test = {one.name: one.valid for one in blends}, {one.name: one.test for one in blends}
    weighed = _weighed(valid, labels, problem.config.horizons)
    mixtures = {name: fit_mixture({name: scores}, labels) for name, scores in valid.items()}
    if len(blends) > 1:
        mixtures[ENSEMBLE] = fit_mixture(valid, labels)
    chances = {name: one.say(valid).chances for name, one in mixtures.items()}
    surprise = {name: _surprise(given, weighed) for name, given in chances.items()}
    mixtures = {name: replace(one, sets=_sets(chances[name], labels, coverage)) for name, one in mixtures.items()}
    said = {name: Said.by(one, test) for name, one in mixtures.items()}
    report = judge(problem, problem.parts.test, said, seed=seed)
    truth = problem.of(problem.parts.test)[slice(*problem.parts.test)]
    horizons, starts = problem.config.horizons, piece_of(problem.rows, *problem.parts.test).starts
    return Selection(
        blends=tuple(blends),
        mixtures=mixtures,
        best=min(surprise, key=surprise.__getitem__),
        surprise=surprise,
        said=said,
        report=report,
        covered={name: covered(one, test, truth, said, horizons, starts) for name, one in mixtures.items()},
    )


def _sets(chances: NDArray[np.float64], labels: NDArray[np.int64], coverage: float) -> ConformalSets | None:
    try:
        return fit_sets(chances, labels, coverage)
    except UsageError:  # too few rows of a class for the promise
        return None


def _weighed(
    valid: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int64], horizons: Sequence[int]
) -> NDArray[np.int64]:
    """The labels that all models say something of; no label elsewhere."""
    spoken = {name: np.isfinite(scores).all(axis=2) & (labels != NO_LABEL) for name, scores in valid.items()}
    common = np.logical_and.reduce(list(spoken.values()))
    for name, known in [*spoken.items(), ("the models together", common)]:
        silent = [horizon for horizon, some in zip(horizons, known.any(axis=0), strict=True) if not some]
        if silent:
            raise UsageError(
                f"rows that choose must be such that {name} can say something of horizon {silent[0]}, got none",
                hint="take shorter windows: they must fit into the stretches of rows between two gaps",
            )
    return np.where(common, labels, NO_LABEL)


def _surprise(chances: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    known = labels != NO_LABEL
    true = np.take_along_axis(chances, np.maximum(labels, 0)[..., None], axis=2)[..., 0][known]
    return -float(np.log(np.maximum(true, _LEAST_CHANCE)).mean())
