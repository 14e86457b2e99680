"""Sets of classes that hold the true one as often as promised, and decisions only where the set has one class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.arguments import checked_number
from msray.errors import UsageError
from msray.models.classes import NO_LABEL

STEP = 0.0005
"""By how much, for each row that an outcome stands for, a least chance goes down where the true class was left out,
nearly; else it goes up by a ninth of it, where nine in ten are promised. Of 0.0003 to 0.004 the one that is off by
least where it is furthest off, 0.9 points: ``jobs/measure_following.py``, rebar and GOOG, rows that choose, 2026-11-22.
"""
MOST_ROWS = 60
"""That an outcome stands for. Behind every 5th, 20th or 60th row, with steps as many times as long, sets are off by 1.3
points at most: the same job."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformalSets:
    """Classes whose chance reaches a least one, for each horizon and class.

    Attributes
    ----------
    coverage
        Share of rows whose set is promised to hold the true class, whichever that is.
    least_chance
        Of each horizon and class: it is in the set from this chance on.
    """

    coverage: float
    least_chance: tuple[tuple[float, ...], ...]

    def sets(self, chances: NDArray[np.float64]) -> NDArray[np.bool_]:
        """``(n, h, classes)`` whether each class is in the set of each row; NaN chances: all are."""
        return _inside(chances, np.array(self.least_chance))

    def decisions(self, chances: NDArray[np.float64]) -> NDArray[np.int64]:
        """``(n, h)``: the class where the set has just one, else :data:`~msray.models.classes.NO_LABEL` (abstained)."""
        inside = self.sets(chances)
        return np.where(inside.sum(axis=2) == 1, inside.argmax(axis=2), NO_LABEL)


class FollowingSets:
    """Sets whose least chances follow what comes of them, so that they hold as often as promised while markets change.

    A class that came although it was left out gets easier to get in, one that came and was in a little harder:
    quantiles by stochastic approximation, as Gibbs and Candes (2021), "Adaptive conformal inference under distribution
    shift", and Angelopoulos, Candes and Tibshirani (2023) follow them, here for each class by itself.

    Parameters
    ----------
    sets
        Those to begin with.
    step
        See :data:`STEP`.

    Attributes
    ----------
    least_chance
        ``(h, classes)``, as it stands.

    Examples
    --------
    >>> following = FollowingSets(ConformalSets(coverage=0.9, least_chance=((0.3, 0.3, 0.3),)), step=0.1)
    >>> following.came(0, (0.2, 0.5, 0.3), 0)
    >>> following.came(0, (0.2, 0.5, 0.3), 1, rows=2)
    >>> following.least_chance.round(2)
    array([[0.21, 0.32, 0.3 ]])
    """

    def __init__(self, sets: ConformalSets, step: float = STEP) -> None:
        self.least_chance = np.array(sets.least_chance)
        self._down, self._up = step * sets.coverage, step * (1.0 - sets.coverage)

    def sets(self, chances: NDArray[np.float64]) -> NDArray[np.bool_]:
        """See :meth:`ConformalSets.sets`."""
        return _inside(chances, self.least_chance)

    def came(self, column: int, chances: Sequence[float], true: int, rows: int = 1) -> None:
        """A row's chances at a horizon, by its number, the class that came, and the rows that it stands for."""
        least = float(self.least_chance[column, true])
        least += min(rows, MOST_ROWS) * (-self._down if chances[true] < least else self._up)
        self.least_chance[column, true] = min(max(least, 0.0), 1.0)


def fit_sets(chances: NDArray[np.float64], labels: NDArray[np.int64], coverage: float = 0.9) -> ConformalSets:
    """Sets that hold the true class of that share of the rows, of each class by itself.

    Parameters
    ----------
    chances
        ``(n, h, classes)`` of rows that nothing was learned from; NaN where there are none.
    labels
        ``(n, h)`` their classes.
    coverage
        0.5 to below 1.

    Raises
    ------
    UsageError
        If a class came too rarely for the promise.

    Notes
    -----
    Split conformal prediction by class (Mondrian): Vovk, Gammerman and Shafer (2005). The promise holds for rows that
    are exchangeable with these. Neighbouring rows of a market are not, so sets are fitted anew as time goes on, and the
    coverage that came is shown beside the one that was promised.

    Examples
    --------
    >>> chances = np.repeat([[[0.7, 0.2, 0.1]], [[0.1, 0.2, 0.7]], [[0.2, 0.5, 0.3]]], 20, axis=0)
    >>> fit_sets(chances, np.repeat([[0], [2], [1]], 20, axis=0)).decisions(chances)[::20, 0]
    array([0, 2, 1])
    """
    checked_number("coverage", coverage, least=0.5, below=1.0)
    least = []
    for column in range(chances.shape[1]):
        known = np.isfinite(chances[:, column]).all(axis=1)
        found = []
        for label in range(chances.shape[2]):
            mine = np.sort(chances[known & (labels[:, column] == label), column, label])
            missed = int((len(mine) + 1) * (1.0 - coverage) + _ROUNDING)
            if missed < 1:
                needed = int(np.ceil(1.0 / (1.0 - coverage) - _ROUNDING)) - 1
                raise UsageError(
                    f"rows of class {label} must be {needed} or more for a coverage of {coverage}, got {len(mine)}"
                )
            found.append(float(mine[missed - 1]))
        least.append(tuple(found))
    return ConformalSets(coverage=coverage, least_chance=tuple(least))


def _inside(chances: NDArray[np.float64], least_chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = ~(chances < least_chance)
    return inside
