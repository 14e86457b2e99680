"""Sets of classes on rows that judge: what they promised beside what came."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.models.classes import NO_LABEL
from msray.models.mixture import Mixture, ScoresByMember
from msray.training.judging import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What the sets of a model came to at one horizon.

    Attributes
    ----------
    horizon
        Rows ahead.
    promised
        Share of rows whose set is to hold the true class; None where a class came too rarely to promise anything.
    came
        The share that did.
    classes
        Mean number of classes in a set; all of them where nothing was promised.
    rows
        How many were judged.
    """

    horizon: int
    promised: float | None
    came: float
    classes: float
    rows: int


def covered(
    mixture: Mixture,
    given: ScoresByMember,
    truth: NDArray[np.int64],
    said: Mapping[str, Said],
    horizons: tuple[int, ...],
) -> tuple[Covered, ...]:
    """Judge the sets of a model, horizon by horizon.

    Parameters
    ----------
    mixture
        The model.
    given
        Scores of its members on the rows that judge.
    truth
        ``(n, h)`` their labels; at least one at each horizon that is judged.
    said
        What all models say of them: where one says nothing, none is judged.
    horizons
        Rows ahead.
    """
    sets = mixture.say(given).possible
    found = []
    for column, horizon in enumerate(horizons):
        known = truth[:, column] != NO_LABEL
        for one in said.values():
            known &= one.classes[:, column] != NO_LABEL
        some, true = sets[known, column], truth[known, column]
        found.append(
            Covered(
                horizon=horizon,
                promised=None if mixture.sets is None else mixture.sets.coverage,
                came=float(some[np.arange(len(some)), true].mean()),
                classes=float(some.sum(axis=1).mean()),
                rows=len(some),
            )
        )
    return tuple(found)
