"""Sets of classes on rows that judge: what they promised beside what came."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from msray.models.classes import NO_LABEL
from msray.models.conformal import ConformalSets, FollowingSets
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
    came, classes
        The share that did, and the mean number of classes in a set; all of them where nothing was promised.
    followed, followed_classes
        The same of sets that follow what comes; see :class:`~msray.models.conformal.FollowingSets`. They learn from
        each row here, live from those behind which a prediction is due.
    rows
        How many were judged.
    """

    horizon: int
    promised: float | None
    came: float
    classes: float
    followed: float
    followed_classes: float
    rows: int


def covered(
    mixture: Mixture,
    given: ScoresByMember,
    truth: NDArray[np.int64],
    said: Mapping[str, Said],
    horizons: tuple[int, ...],
    starts: NDArray[np.int64],
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
    starts
        First of the rows of each stretch: in none of them is known what came in another.
    """
    spoken = mixture.say(given)
    sets, following = spoken.possible, spoken.possible
    if mixture.sets is not None:
        following = _followed(mixture.sets, spoken.chances, truth, horizons, starts)
    found = []
    for column, horizon in enumerate(horizons):
        known = truth[:, column] != NO_LABEL
        for one in said.values():
            known &= one.classes[:, column] != NO_LABEL
        some, live, true = sets[known, column], following[known, column], truth[known, column]
        at = np.arange(len(true))
        found.append(
            Covered(
                horizon=horizon,
                promised=None if mixture.sets is None else mixture.sets.coverage,
                came=float(some[at, true].mean()),
                classes=float(some.sum(axis=1).mean()),
                followed=float(live[at, true].mean()),
                followed_classes=float(live.sum(axis=1).mean()),
                rows=len(some),
            )
        )
    return tuple(found)


def _followed(
    sets: ConformalSets,
    chances: NDArray[np.float64],
    truth: NDArray[np.int64],
    horizons: tuple[int, ...],
    starts: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """The sets behind each row, which have learned what had come by then."""
    possible = np.empty(chances.shape, np.bool_)
    says = np.isfinite(chances).all(axis=2) & (truth != NO_LABEL)
    for begin, end in pairwise([*starts.tolist(), len(chances)]):
        following = FollowingSets(sets)
        for row in range(begin, end):
            for column, k in enumerate(horizons):
                past = row - k
                if past >= begin and says[past, column]:
                    following.came(column, chances[past, column], truth[past, column])
            possible[row] = following.sets(chances[row])
    return possible
