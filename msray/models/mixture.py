"""``Mixture``: from the scores of a model's networks to what the model says. Loading this loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.models.conformal import ConformalSets
from msray.models.ensemble import ModelEnsemble, fit_ensemble
from msray.models.tempering import Scores, Tempering, temper, untempered

_LEAST_CHANCE = 1e-12

ScoresByMember = Mapping[str, Scores]
"""``(n, h, classes)`` by the name of the member; NaN where it says nothing, as while its window is not complete."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spoken:
    """What a model says of some rows.

    Attributes
    ----------
    chances
        ``(n, h, classes)``, each row of which sums to 1; NaN where no member says anything.
    classes
        ``(n, h)`` int64; :data:`~msray.models.classes.NO_LABEL` where no member says anything.
    votes
        ``(members, n, h)`` int64: the class that each holds most likely; ``NO_LABEL`` where it says nothing.
    possible
        ``(n, h, classes)``: those that the conformal sets leave; all, where there are no sets or chances. A direction
        is safe to follow where the opposite one is excluded.
    """

    chances: NDArray[np.float64]
    classes: NDArray[np.int64]
    votes: NDArray[np.int64]
    possible: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A weighted mean of what the members of a model hold likely, tempered once more.

    What was judged and what is served are both this, number for number. A model of one network has one member.

    Attributes
    ----------
    members
        Their names.
    temperatures
        Of each member: a number a horizon; its scores are divided by it.
    weights
        Of each horizon: a number a member; each row sums to 1.
    tempering
        Of the logarithms of the mean.
    sets
        Classes that can be excluded, if that was fitted.

    Examples
    --------
    >>> one = Mixture(members=("gru",), temperatures=((2.0,),), weights=((1.0,),), tempering=untempered(1))
    >>> one.say({"gru": np.log([[[0.04, 0.64, 0.01]]], dtype=np.float32)}).chances.round(2)
    array([[[0.18, 0.73, 0.09]]])
    """

    members: tuple[str, ...]
    temperatures: tuple[tuple[float, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    tempering: Tempering
    sets: ConformalSets | None = None

    def say(self, given: ScoresByMember) -> Spoken:
        """All of it, from the scores of each member.

        Raises
        ------
        UsageError
            If a member is missing, or they are not of one shape.
        """
        tempered, ensemble = self._of_members(given), self._ensemble
        chances = self.tempering.chances(_logs(ensemble.chances(tempered)))
        return Spoken(
            chances=chances,
            classes=self.tempering.decide(chances),
            votes=ensemble.votes(tempered),
            possible=np.ones(chances.shape, np.bool_) if self.sets is None else self.sets.sets(chances),
        )

    @property
    def _ensemble(self) -> ModelEnsemble:
        return ModelEnsemble(members=self.members, weights=self.weights)

    def _of_members(self, given: ScoresByMember) -> dict[str, NDArray[np.float64]]:
        bias = untempered(len(self.weights)).bias
        missing = [name for name in self.members if name not in given]
        if missing:
            raise UsageError(f"scores must be given of each member, got none of {', '.join(missing)}")
        return {
            name: Tempering(temperature=temperature, bias=bias).chances(given[name])
            for name, temperature in zip(self.members, self.temperatures, strict=True)
        }


def fit_mixture(given: ScoresByMember, labels: NDArray[np.int64]) -> Mixture:
    """Temperatures, weights, then biases, from rows that choose; without sets.

    Parameters
    ----------
    given
        Scores of each member.
    labels
        ``(n, h)`` their classes.

    Raises
    ------
    UsageError
        If there is no member, or they are not of one shape.
    """
    tempered = {name: temper(scores, labels, tunes_decisions=False) for name, scores in given.items()}
    chances = {name: one.chances(given[name]) for name, one in tempered.items()}
    ensemble = fit_ensemble(chances, labels)
    return Mixture(
        members=ensemble.members,
        temperatures=tuple(one.temperature for one in tempered.values()),
        weights=ensemble.weights,
        tempering=temper(_logs(ensemble.chances(chances)), labels),
    )


def _logs(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of chances: scores, as the outer tempering takes them."""
    return np.log(np.maximum(mean, _LEAST_CHANCE))
