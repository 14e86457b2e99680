"""Scores as a ranking: whether what is ranked high came true."""

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import MOST_NS, checked_count, checked_numbers
from msray.errors import UsageError
from msray.evaluation.inputs import BINARY, checked_labels, checked_weights, sklearn_metrics
from msray.evaluation.intervals import wilson_interval
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionAtK:
    """Share of hits among the rows that are scored highest.

    Attributes
    ----------
    k, k_used
        Rows asked for, and those there are: fewer where ``k`` is more than all. Shares are of ``k_used``.
    precision
        Share of hits among them, ties broken as asked; NaN without rows.
    low, high
        Wilson's interval of the precision.
    expected
        Precision on average over all orders of the tied rows: what no tie-break can flatter.
    base_rate
        Share of hits among all rows, which a random ranking reaches.
    """

    k: int
    k_used: int
    precision: float
    low: float
    high: float
    expected: float
    base_rate: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A step curve over the threshold of a score, from inf (no row is taken) down to the lowest score (all are).

    Attributes
    ----------
    names
        What ``x`` and ``y`` are.
    threshold, x, y
        Its corners, float64 arrays of one length; empty where the curve is undefined.
    """

    names: tuple[str, str]
    threshold: Floats
    x: Floats
    y: Floats

    def to_pandas(self) -> "pd.DataFrame":
        """One row a corner: ``threshold`` and the two named columns."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame({"threshold": self.threshold, self.names[0]: self.x, self.names[1]: self.y})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankingReport:
    """What a ranking is worth.

    Attributes
    ----------
    rows
        Rows that were ranked.
    base_rate
        Share of hits, weighted: the average precision of a random ranking, whose AUC is 0.5.
    top
        Precision among the highest, one for each k.
    roc_auc
        Probability that a hit is scored above a miss, ties counted half.
    average_precision
        Sum of precision times the step of recall, over the thresholds.
    roc, precision_recall
        The curves. The corners of the second are never to be joined by straight lines: no threshold reaches those.
    undefined
        Why AUC, average precision and curves are undefined (NaN, empty); empty where they are not.
    """

    rows: int
    base_rate: float
    top: tuple[PrecisionAtK, ...]
    roc_auc: float
    average_precision: float
    roc: Curve
    precision_recall: Curve
    undefined: str

    def to_pandas(self) -> "pd.DataFrame":
        """One row a k, columns as in :class:`PrecisionAtK`."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame([asdict(at) for at in self.top])


def precision_at_k(
    score: ArrayLike,
    is_hit: ArrayLike,
    ks: Sequence[int] = (1, 5, 10, 20),
    *,
    tie_break: Sequence[ArrayLike] = (),
    level: float = 0.95,
) -> tuple[PrecisionAtK, ...]:
    """Share of hits among the k rows that are scored highest.

    Parameters
    ----------
    score
        Finite numbers, one a row; higher is surer.
    is_hit
        0 and 1, or booleans: whether it came true.
    ks
        How many of the highest, each at least 1.
    tie_break
        Columns that order rows of equal score, lowest first; the first column counts most (times, then symbols). What
        is still tied keeps its order.
    level
        Of the intervals.

    Returns
    -------
    tuple
        One :class:`PrecisionAtK` for each k, in the order given.

    Raises
    ------
    UsageError
        If a parameter is out of range, or lengths differ.

    Examples
    --------
    >>> first, second = precision_at_k([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0], ks=(2, 9))
    >>> first.precision, first.expected, first.base_rate
    (1.0, 0.75, 0.5)
    >>> second.k_used, second.precision
    (4, 0.5)
    """
    scores, hits = _scored(score, is_hit)
    for k in ks:
        checked_count("ks", k, 1, MOST_NS)
    order = np.lexsort([*_keys(tie_break, len(scores))[::-1], -scores])
    return tuple(_at(k, scores[order], hits[order], level) for k in ks)


def ranking_report(
    score: ArrayLike,
    is_hit: ArrayLike,
    *,
    ks: Sequence[int] = (1, 5, 10, 20),
    tie_break: Sequence[ArrayLike] = (),
    weight: ArrayLike | None = None,
    level: float = 0.95,
) -> RankingReport:
    """Precision among the highest, ROC and precision-recall curves and their areas.

    Parameters
    ----------
    score, is_hit, ks, tie_break, level
        As in :func:`precision_at_k`.
    weight
        Weights of the rows, at least 0 each: their uniqueness, say. They count everywhere but in ``top``, which counts
        rows.

    Returns
    -------
    RankingReport
        Areas are NaN and curves empty where all rows are of one class; ``undefined`` says so.

    Raises
    ------
    UsageError
        If a parameter is out of range, lengths differ, or scikit-learn is not installed.

    Notes
    -----
    Curves and areas are scikit-learn's. Average precision is the area under the step curve; the trapezoid rule would
    be too optimistic, Davis and Goadrich (2006).

    Examples
    --------
    >>> report = ranking_report([0.9, 0.5, 0.3, 0.1], [1, 0, 1, 0])
    >>> report.roc_auc, round(report.average_precision, 4), report.base_rate
    (0.75, 0.8333, 0.5)
    """
    top = precision_at_k(score, is_hit, ks, tie_break=tie_break, level=level)
    scores, hits = _scored(score, is_hit)
    w = checked_weights(weight, len(scores))
    weighed = hits[w > 0]
    undefined = "" if 0 < weighed.sum() < len(weighed) else "needs both hits and misses"
    roc_auc, average_precision, roc, precision_recall = _UNDEFINED if undefined else _curves(hits, scores, w)
    return RankingReport(
        rows=len(scores),
        base_rate=float(np.average(hits, weights=w)) if len(weighed) else math.nan,
        top=top,
        roc_auc=roc_auc,
        average_precision=average_precision,
        roc=roc,
        precision_recall=precision_recall,
        undefined=undefined,
    )


_ROC = ("false_positive_rate", "true_positive_rate")
_PRECISION_RECALL = ("recall", "precision")
_NONE = np.zeros(0)
_UNDEFINED = (
    math.nan,
    math.nan,
    Curve(names=_ROC, threshold=_NONE, x=_NONE, y=_NONE),
    Curve(names=_PRECISION_RECALL, threshold=_NONE, x=_NONE, y=_NONE),
)


def _curves(hits: NDArray[np.int64], scores: Floats, w: Floats) -> tuple[float, float, Curve, Curve]:
    metrics = sklearn_metrics()
    false_rate, true_rate, threshold = metrics.roc_curve(hits, scores, sample_weight=w)
    precision, recall, rising = metrics.precision_recall_curve(hits, scores, sample_weight=w)
    falling = np.append(rising, math.inf)[::-1]
    return (
        float(metrics.roc_auc_score(hits, scores, sample_weight=w)),
        float(metrics.average_precision_score(hits, scores, sample_weight=w)),
        Curve(names=_ROC, threshold=threshold, x=false_rate, y=true_rate),
        Curve(names=_PRECISION_RECALL, threshold=falling, x=recall[::-1], y=precision[::-1]),
    )


def _scored(score: ArrayLike, is_hit: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    scores = checked_numbers("score", score, least=-sys.float_info.max, most=sys.float_info.max)
    return scores, checked_labels("is_hit", is_hit, BINARY, rows=len(scores))


def _keys(columns: Sequence[ArrayLike], rows: int) -> list[NDArray[np.int64]]:
    """Places of the values of each column in their order."""
    keys = []
    for number, column in enumerate(columns):
        name = f"tie_break[{number}]"
        try:
            values, places = np.unique(np.asarray(column), return_inverse=True)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{name} must hold values that can be sorted") from error
        if places.shape != (rows,):
            raise UsageError(f"{name} must have {rows} rows as the others have, got the shape {places.shape}")
        if (values != values).any():  # NaN, NaT
            raise UsageError(f"{name} must hold values that can be sorted, got {values[-1]}")
        keys.append(places)
    return keys


def _at(k: int, scores: Floats, hits: NDArray[np.int64], level: float) -> PrecisionAtK:
    """Of rows in the order of the ranking."""
    used = min(k, len(scores))
    low, high = wilson_interval(int(hits[:used].sum()), used, level=level)
    if not used:
        return PrecisionAtK(
            k=k, k_used=0, precision=math.nan, low=low, high=high, expected=math.nan, base_rate=math.nan
        )
    above, tied = scores > scores[used - 1], scores == scores[used - 1]
    expected = hits[above].sum() + (used - above.sum()) * hits[tied].mean()
    return PrecisionAtK(
        k=k,
        k_used=used,
        precision=float(hits[:used].mean()),
        low=low,
        high=high,
        expected=float(expected) / used,
        base_rate=float(hits.mean()),
    )
