"""Measures of rows that count several times, as a bootstrap draws them; prepared once, then quick for any weights.

They are scikit-learn's measures (the tests say so), without which they do.
"""

import math

import numpy as np
from numpy.typing import NDArray

from msray.evaluation.inputs import BINARY, DIRECTIONS
from msray.evaluation.predictions import Predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 15
"""Of the calibration error."""


class Ranked:
    """Rows in the order of a score: area under the ROC curve, and average precision.

    Parameters
    ----------
    score
        Finite numbers; higher is surer.
    is_hit
        Whether it came true.
    """

    def __init__(self, score: Floats, is_hit: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        self._is_hit = is_hit[self._order]
        self._last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)

    def areas(self, weight: Floats) -> tuple[float, float]:
        """Area under the ROC curve, and average precision; NaN where hits or misses are missing."""
        w = weight[self._order]
        # At the end of each group of equal scores: what has been taken so far.
        taken, hits = np.cumsum(w)[self._last], np.cumsum(w * self._is_hit)[self._last]
        misses = taken - hits
        if not (hits[-1] > 0 and misses[-1] > 0):
            return math.nan, math.nan
        new_hits, new_misses = np.diff(hits, prepend=0.0), np.diff(misses, prepend=0.0)
        # A miss is beaten by the hits above it, and by half of those beside it.
        area = float(((hits - 0.5 * new_hits) @ new_misses) / (hits[-1] * misses[-1]))
        precision = np.divide(hits, taken, out=np.zeros(len(hits)), where=taken > 0)
        return area, float(precision @ new_hits / hits[-1])


class Confused:
    """Pairs of true and predicted label.

    Parameters
    ----------
    truth, said
        Labels, integers.
    """

    def __init__(self, truth: Ints, said: Ints) -> None:
        labels, pairs = np.unique(np.concatenate([truth, said]), return_inverse=True)
        self._count = len(labels)
        self._cell = pairs[: len(truth)] * self._count + pairs[len(truth) :]

    def mcc(self, weight: Floats) -> float:
        """Matthews' correlation; 0 where one label is always predicted, NaN where one came always."""
        table = np.bincount(self._cell, weight, self._count**2).reshape(self._count, self._count)
        total, came, named = table.sum(), table.sum(axis=1), table.sum(axis=0)
        spread_came, spread_named = total**2 - came @ came, total**2 - named @ named
        if not spread_came > 0:
            return math.nan
        if not spread_named > 0:
            return 0.0
        return float((np.trace(table) * total - came @ named) / math.sqrt(spread_came * spread_named))


class Stated:
    """Probabilities and what came.

    Parameters
    ----------
    probability
        ``(n, labels)``, rows that sum to 1.
    came
        ``(n, labels)``: which label came.
    bins
        Of the calibration error, of equal width.
    """

    def __init__(self, probability: Floats, came: NDArray[np.bool_], bins: int) -> None:
        # Of two labels both are off by as much, and one is counted.
        halves = 2.0 if probability.shape[1] == 2 else 1.0
        self.came = came
        self._loss = ((probability - came) ** 2).sum(axis=1) / halves
        self._stated = probability[:, 1] if probability.shape[1] == 2 else probability.max(axis=1)
        rows = np.arange(len(came))
        self._is_hit = came[:, 1] if probability.shape[1] == 2 else came[rows, probability.argmax(axis=1)]
        self._bin = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], self._stated)
        self._bins = bins

    def brier(self, weight: Floats) -> float:
        """Mean squared distance from what came."""
        return float(np.average(self._loss, weights=weight))

    def ece(self, weight: Floats) -> float:
        """Expected calibration error."""
        return self._ece(weight, self._is_hit)

    def calibrated_ece(self, draws: int, rng: np.random.Generator) -> float:
        """Mean calibration error of outcomes drawn as the probabilities say."""
        weight = np.ones(len(self._stated))
        drawn = (rng.random(len(weight)) < self._stated for _ in range(draws))
        return float(np.mean([self._ece(weight, is_hit) for is_hit in drawn]))

    def _ece(self, weight: Floats, is_hit: NDArray[np.bool_]) -> float:
        gap = np.bincount(self._bin, weight * (self._stated - is_hit), self._bins)
        return float(np.abs(gap).sum() / weight.sum())


class Measures:
    """All measures of a table of predictions.

    Parameters
    ----------
    table
        The predictions.
    threshold
        The score from which on label 1 is predicted, where they do not name their label.
    """

    def __init__(self, table: Predictions, threshold: float) -> None:
        self._named = np.flatnonzero(table.is_named)
        said = (table.score >= threshold).astype(np.int64) if table.said is None else table.said
        self._ranked = Ranked(table.score, table.is_hit)
        self._confused = Confused(table.truth[self._named], said[self._named]) if len(self._named) else None
        self.stated = None
        if table.probability is not None:
            known = BINARY if table.probability.shape[1] == 2 else DIRECTIONS
            self.stated = Stated(table.probability, table.truth[:, None] == np.array(known), BINS)

    def of(self, weight: Floats) -> dict[str, float]:
        """Those that the table has, by name, of rows that count so often."""
        area, precision = self._ranked.areas(weight)
        found = {"roc_auc": area, "average_precision": precision}
        if self._confused is not None:
            found["mcc"] = self._confused.mcc(weight[self._named])
        if self.stated is not None:
            found |= {"brier": self.stated.brier(weight), "calibration_error": self.stated.ece(weight)}
        return found
