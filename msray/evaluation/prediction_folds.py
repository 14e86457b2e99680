"""Predictions judged fold by fold: how far their figures spread over time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from msray.errors import UsageError
from msray.evaluation.prediction_report import directional_figures, share_figures
from msray.evaluation.predictions import Predictions
from msray.evaluation.purged_cv import PurgedKFold
from msray.evaluation.weighed import Measures
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldScore:
    """One test fold.

    Attributes
    ----------
    test_rows, train_rows, purged_rows, embargoed_rows
        Labels in it, in its training, and left out of that because they share time with it or follow it too soon.
    threshold
        The score from which on label 1 is predicted, chosen on the training labels for the best correlation; NaN where
        predictions name their label.
    figures
        Of the test labels, by name.
    """

    test_rows: int
    train_rows: int
    purged_rows: int
    embargoed_rows: int
    threshold: float
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldReport:
    """All test folds.

    Attributes
    ----------
    folds
        In the order of time.
    """

    folds: tuple[FoldScore, ...]

    @property
    def spread(self) -> dict[str, dict[str, float]]:
        """Mean, standard deviation, least and most of each figure over the folds that have it."""
        found = {}
        for name in dict.fromkeys(name for fold in self.folds for name in fold.figures):
            values = np.array([fold.figures.get(name, math.nan) for fold in self.folds])
            values = values[~np.isnan(values)]
            if len(values) > 1:
                found[name] = {
                    "mean": float(values.mean()),
                    "sd": float(values.std(ddof=1)),
                    "least": float(values.min()),
                    "most": float(values.max()),
                }
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain mappings and numbers."""
        return {"folds": [asdict(one) for one in self.folds], "spread": self.spread}

    def to_pandas(self) -> "pd.DataFrame":
        """One row a fold."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        counts = pd.DataFrame([asdict(one) for one in self.folds]).drop(columns="figures")
        return counts.join(pd.DataFrame([one.figures for one in self.folds]))


def evaluate_folds(
    predictions: Predictions,
    folds: int,
    *,
    ks: Sequence[int] = (1, 5, 10, 20),
    purge_ns: int | None = None,
    embargo_ns: int | None = None,
) -> FoldReport:
    """Judge predictions block by block of time, what has to be chosen chosen on all other labels.

    Parameters
    ----------
    predictions
        With the spans of their labels.
    ks
        Precision is asked of so many of the highest scores of each fold.
    folds, purge_ns, embargo_ns
        As in :class:`~msray.evaluation.PurgedKFold`.

    Raises
    ------
    UsageError
        If there are no spans, or a parameter is out of range.

    Notes
    -----
    The one thing chosen is the threshold of predictions that do not name their label. Whoever made the predictions
    with a model must have trained it outside of each fold as well; nothing here can see whether that was so.
    """
    if predictions.spans is None:
        raise UsageError("spans must be known for folds", hint="give when each label begins and ends")
    splitter = PurgedKFold(predictions.spans, folds, purge_ns=purge_ns, embargo_ns=embargo_ns)
    found = []
    for number, (train, test) in enumerate(splitter.split()):
        described = splitter.describe(number)
        threshold = math.nan if predictions.said is not None else _best_threshold(predictions.rows(train))
        rows = predictions.rows(test)
        counted = (*share_figures(rows, ks), *directional_figures(rows))
        figures = {one.name: one.value for one in counted} | Measures(rows, threshold).of(np.ones(len(rows)))
        found.append(
            FoldScore(
                test_rows=described.test_rows,
                train_rows=described.train_rows,
                purged_rows=described.purged_rows,
                embargoed_rows=described.embargoed_rows,
                threshold=threshold,
                figures=figures,
            )
        )
    return FoldReport(folds=tuple(found))


def _best_threshold(table: Predictions) -> float:
    """The score from which on label 1 is predicted with the highest Matthews' correlation; NaN if there is none."""
    order = np.argsort(-table.score, kind="stable")
    score, hits = table.score[order], np.cumsum(table.is_hit[order]).astype(np.float64)
    taken, rows = np.arange(1.0, len(order) + 1), float(len(order))
    is_last = np.append(score[1:] != score[:-1], False)  # with all rows taken there is no correlation
    spread = taken * (rows - taken) * hits[-1] * (rows - hits[-1])
    is_last &= spread > 0
    if not is_last.any():
        return math.nan
    correlation = (hits * rows - taken * hits[-1])[is_last] / np.sqrt(spread[is_last])
    return float(score[is_last][int(correlation.argmax())])
