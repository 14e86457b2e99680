"""``ModelEnsemble``: several models as one, weighted by what they were worth on rows that choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.models.classes import NO_LABEL

_ROUNDS = 500
_LEAST_CHANCE = 1e-12
_SETTLED = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEnsemble:
    """A weighted mean of the chances that its members give.

    Attributes
    ----------
    members
        Their names.
    weights
        A row a horizon, an entry a member; each row sums to 1.
    """

    members: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]

    def chances(self, given: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """``(n, h, classes)`` from those of the members, ``(n, h, classes)`` each.

        Where a member has none (NaN), the others speak for it; where all have none, so has the ensemble.
        """
        all_chances = _stacked([given[name] for name in self.members])
        known = np.isfinite(all_chances)
        weight = np.array(self.weights).T[:, None, :, None] * known
        with np.errstate(invalid="ignore"):
            mean: NDArray[np.float64] = (weight * np.where(known, all_chances, 0.0)).sum(axis=0) / weight.sum(axis=0)
        return mean

    def votes(self, given: Mapping[str, NDArray[np.float64]]) -> NDArray[np.int64]:
        """``(members, n, h)``: the class that each holds most likely; ``NO_LABEL`` where it says nothing."""
        all_chances = _stacked([given[name] for name in self.members])
        says = np.isfinite(all_chances).all(axis=3)
        return np.where(says, all_chances.argmax(axis=3), NO_LABEL)


def fit_ensemble(given: Mapping[str, NDArray[np.float64]], labels: NDArray[np.int64]) -> ModelEnsemble:
    """Weights that make the true classes least surprising, horizon by horizon.

    Parameters
    ----------
    given
        ``(n, h, classes)`` chances of each member, of rows that nothing was learned from.
    labels
        ``(n, h)`` their classes.

    Raises
    ------
    UsageError
        If there is no member, or they are not of one shape.

    Notes
    -----
    The surprise of a mixture is convex in its weights; expectation maximisation goes down to its least, and weights
    never leave the simplex. A member that adds nothing ends near 0.
    """
    if not given:
        raise UsageError("given must hold the chances of at least one member, got none")
    all_chances = _stacked(list(given.values()))
    weights = [_weights(all_chances[:, :, column], labels[:, column]) for column in range(all_chances.shape[2])]
    return ModelEnsemble(members=tuple(given), weights=tuple(weights))


def _weights(chances: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, ...]:
    """Of ``(members, n, classes)``."""
    members = len(chances)
    weights = np.full(members, 1.0 / members)
    known = (labels != NO_LABEL) & np.isfinite(chances).all(axis=(0, 2))
    if known.any():
        true = np.maximum(chances[:, known, labels[known]], _LEAST_CHANCE)
        for _ in range(_ROUNDS):
            before = weights
            share = weights[:, None] * true
            weights = (share / share.sum(axis=0)).mean(axis=1)
            if np.abs(weights - before).max() < _SETTLED:
                break
    return tuple(weights.tolist())


def _stacked(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    shapes = {part.shape for part in parts}
    if len(shapes) != 1 or len(parts[0].shape) != 3:
        raise UsageError(f"chances of members must have one shape (rows, horizons, classes), got {sorted(shapes)}")
    return np.stack(parts)
