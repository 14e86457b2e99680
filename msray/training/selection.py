"""Which model is best: weighed by what chooses, judged once by what judges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.models.classes import NO_LABEL
from msray.models.conformal import ConformalSets, fit_sets
from msray.models.ensemble import ModelEnsemble, fit_ensemble
from msray.models.tempering import temper
from msray.training.fit import Problem
from msray.training.jobs import Blend, Trained, blend
from msray.training.judging import ModelReport, Said, judge

ENSEMBLE = "ensemble"
_LEAST_CHANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """All models that were trained, and what became of them.

    Attributes
    ----------
    blends
        One a model; then, where there are several, the ensemble of all.
    ensemble
        How much each weighs in it; None where there is one model.
    best
        The one that the rows that choose found least surprising, over all horizons; maybe ``ensemble``.
    surprise
        That figure of each.
    sets
        Conformal sets of the best one, from the rows that choose.
    report
        On the rows that judge.
    """

    blends: tuple[Blend, ...]
    ensemble: ModelEnsemble | None
    best: str
    surprise: dict[str, float]
    sets: ConformalSets
    report: ModelReport


def select(problem: Problem, trained: Sequence[Trained], *, coverage: float = 0.9, seed: int = 0) -> Selection:
    """Choose on the rows that choose, then judge everything on the rows that judge: one look.

    Parameters
    ----------
    problem
        What was trained on.
    trained
        All trainings.
    coverage, seed
        See :func:`~msray.models.conformal.fit_sets` and :func:`~msray.training.judging.judge`.
    """
    begin, end = problem.parts.valid
    labels = problem.of((begin, end))[begin:end]
    blends = blend(problem, trained)
    ensemble = None
    if len(blends) > 1:
        valid, test = ({one.name: one.tempering.chances(part(one)) for one in blends} for part in (_valid, _test))
        ensemble = fit_ensemble(valid, labels)
        logs = [_logs(ensemble.chances(given)) for given in (valid, test)]
        keys = tuple(key for one in blends for key in one.keys)
        blends.append(Blend(name=ENSEMBLE, keys=keys, tempering=temper(logs[0], labels), valid=logs[0], test=logs[1]))
    chances = {one.name: one.tempering.chances(one.valid) for one in blends}
    surprise = {name: _surprise(given, labels) for name, given in chances.items()}
    best = min(surprise, key=surprise.__getitem__)
    said = {
        one.name: Said(classes=one.tempering.decisions(one.test), chances=one.tempering.chances(one.test))
        for one in blends
    }
    return Selection(
        blends=tuple(blends),
        ensemble=ensemble,
        best=best,
        surprise=surprise,
        sets=fit_sets(chances[best], labels, coverage),
        report=judge(problem, problem.parts.test, said, seed=seed),
    )


def _valid(one: Blend) -> NDArray[np.float32]:
    return one.valid


def _test(one: Blend) -> NDArray[np.float32]:
    return one.test


def _logs(chances: NDArray[np.float64]) -> NDArray[np.float32]:
    """Chances as scores."""
    return np.log(np.maximum(chances, _LEAST_CHANCE)).astype(np.float32)


def _surprise(chances: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    known = (labels != NO_LABEL) & np.isfinite(chances).all(axis=2)
    true = np.take_along_axis(chances, np.maximum(labels, 0)[..., None], axis=2)[..., 0][known]
    return -float(np.log(np.maximum(true, _LEAST_CHANCE)).mean())
