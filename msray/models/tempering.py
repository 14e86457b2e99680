"""What is done to scores before they are believed: temperatures and biases of decisions, from rows that choose."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.extras import from_extra
from msray.models.classes import NO_LABEL

_COLDEST, _HOTTEST = 0.05, 20.0
_BIASES = np.linspace(-1.5, 1.5, 25)
_SWEEPS = 3

Scores = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempering:
    """How scores become chances and decisions, an entry a horizon.

    Attributes
    ----------
    temperature
        Scores are divided by it: above 1 where the network was surer than right.
    bias
        Of each class, added to the logarithms of chances before the most likely is taken: what is rare would else
        hardly ever be said. Chances are not touched by it.
    """

    temperature: tuple[float, ...]
    bias: tuple[tuple[float, ...], ...]

    def chances(self, scores: Scores) -> NDArray[np.float64]:
        """``(n, h, classes)``, each row of which sums to 1; NaN where scores are."""
        return _softmax(scores / np.array(self.temperature)[:, None])

    def decide(self, chances: NDArray[np.float64]) -> NDArray[np.int64]:
        """``(n, h)`` classes; :data:`~msray.models.classes.NO_LABEL` where chances are NaN."""
        with np.errstate(divide="ignore"):
            logs = np.log(chances) + np.array(self.bias)
        return np.where(np.isnan(logs).any(axis=2), NO_LABEL, logs.argmax(axis=2))


def untempered(horizons: int, classes: int = 3) -> Tempering:
    """Scores as they are."""
    return Tempering(temperature=(1.0,) * horizons, bias=((0.0,) * classes,) * horizons)


def temper(scores: Scores, labels: NDArray[np.int64], *, tunes_decisions: bool = True) -> Tempering:
    """Temperatures that make the true classes least surprising, and biases with the best macro F1.

    Parameters
    ----------
    scores
        ``(n, h, classes)`` of rows that choose; NaN where there are none.
    labels
        ``(n, h)`` their classes.
    tunes_decisions
        Whether biases are looked for; else they are 0.

    Notes
    -----
    Guo et al. (2017), "On calibration of modern neural networks". Biases are found one class after the other on a grid:
    the bias of the middle class is 0, as only differences matter.
    """
    temperatures, biases = [], []
    for column in range(scores.shape[1]):
        known = (labels[:, column] != NO_LABEL) & np.isfinite(scores[:, column]).all(axis=1)
        some, true = scores[known, column].astype(np.float64), labels[known, column]
        temperatures.append(_temperature(some, true))
        biases.append(_bias(some / temperatures[-1], true) if tunes_decisions else (0.0,) * scores.shape[2])
    return Tempering(temperature=tuple(temperatures), bias=tuple(biases))


def _temperature(scores: NDArray[np.float64], true: NDArray[np.int64]) -> float:
    with from_extra("models", "tempering"):  # what serves needs none of it
        from scipy.optimize import minimize_scalar

    if len(true) == 0:
        return 1.0

    def surprise(log_temperature: float) -> float:
        chances = _softmax(scores / np.exp(log_temperature))
        return -float(np.log(np.maximum(chances[np.arange(len(true)), true], 1e-300)).mean())

    found = minimize_scalar(surprise, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def _bias(scores: NDArray[np.float64], true: NDArray[np.int64]) -> tuple[float, ...]:
    classes = scores.shape[1]
    bias, middle = np.zeros(classes), classes // 2
    if len(true) == 0:
        return tuple(bias.tolist())
    for _ in range(_SWEEPS):
        for label in (one for one in range(classes) if one != middle):
            tried = np.repeat(bias[None], len(_BIASES), axis=0)
            tried[:, label] = _BIASES
            bias = tried[int(np.argmax([_macro_f1(true, (scores + one).argmax(axis=1), classes) for one in tried]))]
    return tuple(bias.tolist())


def _macro_f1(true: NDArray[np.int64], said: NDArray[np.int64], classes: int) -> float:
    table = np.bincount(true * classes + said, minlength=classes**2).reshape(classes, classes)
    both = table.sum(axis=0) + table.sum(axis=1)
    return float(np.mean(2.0 * np.diag(table) / np.maximum(both, 1)))


def _softmax(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    powers = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
    chances: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return chances
