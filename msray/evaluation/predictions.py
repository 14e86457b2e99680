"""``Predictions``: what was predicted, how surely, and what came."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_array, checked_numbers, checked_spans
from msray.errors import UsageError
from msray.evaluation.inputs import BINARY, DIRECTIONS, checked_labels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ROUNDING = 1e-5
"""How far from 1 the probabilities of a row may sum: what is left in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """A table of predictions and what came of them, in the order of time.

    Made by :meth:`of_labels`, :meth:`of_directions` or :meth:`of_signals`.

    Attributes
    ----------
    score, is_hit
        How sure each was, and whether it came true.
    truth
        The label that came: 0 or 1; or -1, 0 or 1.
    said
        The label that was predicted; None: 1 where the score reaches a threshold.
    is_named
        Whether each row predicts a label at all; what does not is ranked only.
    probability
        A column a label, ascending; None where there are none.
    spans
        Begin and end of each label, ns; None where they are not known.
    random_rate
        Share of hits at random times; NaN where it is not known.
    """

    score: Floats
    is_hit: NDArray[np.bool_]
    truth: Ints
    said: Ints | None
    is_named: NDArray[np.bool_]
    probability: Floats | None
    spans: Ints | None
    random_rate: float = math.nan

    @staticmethod
    def of_labels(
        truth: ArrayLike, score: ArrayLike, *, is_probability: bool = False, spans: ArrayLike | None = None
    ) -> "Predictions":
        """Whether something happens, 0 or 1.

        Parameters
        ----------
        truth
            Whether it did.
        score
            How sure the prediction was, one a row; where ``is_probability``, of label 1.
        spans
            Begin and end of each label, ``(n, 2)``, ns; by default rows count as in the order of time.

        Raises
        ------
        UsageError
            If lengths differ, or a value is out of range.
        """
        came = checked_labels("label", truth, BINARY)
        scores = checked_numbers("score", score, rows=len(came))
        probability = None
        if is_probability:
            _check_chances(scores)
            probability = np.column_stack([1.0 - scores, scores])
        return _in_time_order(
            Predictions(
                score=scores,
                is_hit=came == 1,
                truth=came,
                said=None,
                is_named=np.ones(len(came), np.bool_),
                probability=probability,
                spans=_spans(spans, len(came)),
            )
        )

    @staticmethod
    def of_directions(
        truth: ArrayLike,
        said: ArrayLike,
        score: ArrayLike | None = None,
        *,
        probability: ArrayLike | None = None,
        spans: ArrayLike | None = None,
    ) -> "Predictions":
        """Where a price goes: -1 down, 0 nowhere, 1 up.

        Parameters
        ----------
        truth, said
            Where it went, and where it was said to go.
        score
            How sure that was; by default the largest probability.
        probability
            ``(n, 3)``: of -1, 0 and 1.
        spans
            As in :meth:`of_labels`.

        Raises
        ------
        UsageError
            If lengths differ, a value is out of range, or there is neither score nor probability.
        """
        came = checked_labels("label", truth, DIRECTIONS)
        named = checked_labels("direction", said, DIRECTIONS, rows=len(came))
        chances = None if probability is None else _three(probability, len(came))
        if score is None and chances is None:
            raise UsageError("score must be given where there are no probabilities")
        sure = np.asarray(chances).max(axis=1) if score is None else score
        scores = checked_numbers("score", sure, rows=len(came))
        return _in_time_order(
            Predictions(
                score=scores,
                is_hit=came == named,
                truth=came,
                said=named,
                is_named=np.ones(len(came), np.bool_),
                probability=chances,
                spans=_spans(spans, len(came)),
            )
        )

    @staticmethod
    def of_signals(
        truth: ArrayLike,
        side: ArrayLike,
        score: ArrayLike,
        is_hit: ArrayLike,
        *,
        spans: ArrayLike,
        random_rate: float = math.nan,
    ) -> "Predictions":
        """Signals, some of which speak for a side.

        Parameters
        ----------
        truth
            Where the price went: -1, 0 or 1.
        side
            Where a signal said; 0: it said nothing of it.
        score, is_hit
            How sure it was, and whether what it is for came.
        spans
            As in :meth:`of_labels`.
        random_rate
            Share of hits at random times.

        Raises
        ------
        UsageError
            If lengths differ, or a value is out of range.
        """
        came = checked_labels("truth", truth, DIRECTIONS)
        named = checked_labels("side", side, DIRECTIONS, rows=len(came))
        scores = checked_numbers("score", score, rows=len(came))
        hits = checked_labels("is_hit", is_hit, BINARY, rows=len(came))
        return _in_time_order(
            Predictions(
                score=scores,
                is_hit=hits == 1,
                truth=came,
                said=named,
                is_named=named != 0,
                probability=None,
                spans=_spans(spans, len(came)),
                random_rate=random_rate,
            )
        )

    def rows(self, rows: Ints) -> "Predictions":
        """Some of the rows."""
        return Predictions(
            score=self.score[rows],
            is_hit=self.is_hit[rows],
            truth=self.truth[rows],
            said=None if self.said is None else self.said[rows],
            is_named=self.is_named[rows],
            probability=None if self.probability is None else self.probability[rows],
            spans=None if self.spans is None else self.spans[rows],
            random_rate=self.random_rate,
        )

    def __len__(self) -> int:
        return len(self.score)


def _in_time_order(given: Predictions) -> Predictions:
    return given if given.spans is None else given.rows(np.argsort(given.spans[:, 0], kind="stable"))


def _spans(spans: ArrayLike | None, rows: int) -> Ints | None:
    if spans is None or not rows:
        return None
    checked = checked_spans("spans", spans)
    checked_array("spans", checked, dimensions=(2,), rows=rows)
    return checked


def _three(given: ArrayLike, rows: int) -> Floats:
    """A probability a label and row."""
    chances = checked_numbers("probability", given, dimensions=(2,), rows=rows)
    if chances.shape[1] != 3:
        raise UsageError(f"probability must have 3 columns, got {chances.shape[1]}")
    _check_chances(chances)
    sums = chances.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1.0) > ROUNDING)
    if wrong.size:
        raise UsageError(f"probability must sum to 1 in each row, got {sums[wrong[0]]:g} in row {wrong[0]}")
    return np.asarray(chances / sums[:, None])


def _check_chances(chances: Floats) -> None:
    if len(chances) and not ((chances >= 0.0) & (chances <= 1.0)).all():
        raise UsageError(f"probability must be 0 to 1, got {chances.min():g} to {chances.max():g}")
