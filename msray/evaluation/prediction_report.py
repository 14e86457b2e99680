"""What predictions are worth: every figure with its interval, and beside what needs no model."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msray.arguments import checked_count, checked_number
from msray.errors import UsageError
from msray.evaluation.bootstrap import automatic_mean_block, stationary_rows
from msray.evaluation.directional import directional_accuracy
from msray.evaluation.intervals import wilson_interval
from msray.evaluation.predictions import Predictions
from msray.evaluation.ranking import precision_at_k
from msray.evaluation.weighed import Measures
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

CALIBRATED_DRAWS = 100
"""Of outcomes that probabilities foretell, to see what calibration error those have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFigure:
    """One figure.

    Attributes
    ----------
    name
        Which.
    value, low, high
        The figure and its interval; NaN where there is none.
    rival, rival_is
        The same figure of what needs no model, and what that is.
    rows
        Rows that count.
    """

    name: str
    value: float
    low: float
    high: float
    rival: float
    rival_is: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionReport:
    """What predictions are worth.

    Attributes
    ----------
    rows
        How many were judged.
    level
        Share of samples whose intervals hold the true value.
    mean_block
        Mean length, in rows, of the blocks that intervals by bootstrap are from: labels that overlap stay together.
    figures
        In order.
    """

    rows: int
    level: float
    mean_block: float
    figures: tuple[JudgedFigure, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain mappings and numbers."""
        return {
            "rows": self.rows,
            "level": self.level,
            "mean_block": self.mean_block,
            "figures": [asdict(one) for one in self.figures],
        }

    def to_pandas(self) -> "pd.DataFrame":
        """One row a figure."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame([asdict(one) for one in self.figures])


def evaluate_predictions(
    predictions: Predictions,
    *,
    rng: np.random.Generator,
    ks: Sequence[int] = (1, 5, 10, 20),
    threshold: float = 0.5,
    draws: int = 500,
    level: float = 0.95,
) -> PredictionReport:
    """Judge predictions.

    Parameters
    ----------
    predictions
        At least one row.
    rng
        Where chance comes from.
    ks
        Precision is asked of so many of the highest scores.
    threshold
        The score from which on label 1 is predicted, where predictions do not name their label.
    draws
        Resampled tables behind an interval, 10 to 1,000,000.
    level
        Of the intervals.

    Raises
    ------
    UsageError
        If there is no row, or a parameter is out of range.

    Notes
    -----
    Intervals of shares are Wilson's, which take rows for independent. All others are from the stationary bootstrap,
    whose blocks are as long as hits depend on each other, and as labels overlap. Resampled rows have more calibration
    error than the rows themselves, so that its interval lies high. Figures stand beside:

    - precision: the share of hits among all rows; the share among all rows: that at random times, where it is known;
    - area under the ROC curve: 0.5, and average precision: the share of hits, as of a random ranking;
    - Matthews' correlation: 0, as of one label always;
    - Brier score: that of always stating the base rates;
    - calibration error: its mean over outcomes drawn as these probabilities say, which are calibrated;
    - directional accuracy, in the three forms of :class:`~msray.evaluation.DirectionalAccuracy`: the commonest label.

    Examples
    --------
    >>> table = Predictions.of_labels([1, 0, 1, 0, 0, 0], [0.9, 0.2, 0.6, 0.7, 0.1, 0.3])
    >>> report = evaluate_predictions(table, rng=np.random.default_rng(1), ks=(1,))
    >>> [(one.name, round(one.value, 3), round(one.rival, 3)) for one in report.figures[1:4]]
    [('precision@1', 1.0, 0.333), ('roc_auc', 0.875, 0.5), ('average_precision', 0.833, 0.333)]
    """
    if not len(predictions):
        raise UsageError("predictions must have at least one row, got none")
    checked_count("draws", draws, 10, 1_000_000)
    checked_number("level", level, above=0, below=1)
    mean_block = _mean_block(predictions)
    measures = Measures(predictions, threshold)
    rows = len(predictions)
    drawn = (np.bincount(stationary_rows(rows, mean_block, rng), minlength=rows) for _ in range(draws))
    resampled = [measures.of(weight.astype(np.float64)) for weight in drawn]
    intervals = {name: _interval([one[name] for one in resampled], level) for name in resampled[0]}
    return PredictionReport(
        rows=rows,
        level=level,
        mean_block=mean_block,
        figures=(
            *share_figures(predictions, ks, level),
            *_measured(predictions, measures, intervals, rng),
            *directional_figures(predictions, level),
        ),
    )


def share_figures(table: Predictions, ks: Sequence[int], level: float = 0.95) -> Iterator[JudgedFigure]:
    """Share of hits among all rows, and among those with the highest scores."""
    hits, rows = int(table.is_hit.sum()), len(table)
    low, high = wilson_interval(hits, rows, level=level)
    yield JudgedFigure(
        name="base_rate",
        value=hits / rows,
        low=low,
        high=high,
        rival=table.random_rate,
        rival_is="" if math.isnan(table.random_rate) else "random times",
        rows=rows,
    )
    for one in precision_at_k(table.score, table.is_hit, ks, level=level):
        yield JudgedFigure(
            name=f"precision@{one.k}",
            value=one.precision,
            low=one.low,
            high=one.high,
            rival=one.base_rate,
            rival_is="all rows",
            rows=one.k_used,
        )


def _measured(
    table: Predictions, measures: Measures, intervals: Mapping[str, tuple[float, float]], rng: np.random.Generator
) -> Iterator[JudgedFigure]:
    base = float(table.is_hit.mean())
    rivals = {"roc_auc": (0.5, "random ranking"), "average_precision": (base, "random ranking")}
    rivals["mcc"] = (0.0, "one label always")
    if measures.stated is not None:
        shares = measures.stated.came.mean(axis=0)
        halves = 2.0 if len(shares) == 2 else 1.0
        rivals["brier"] = (float(1.0 - (shares**2).sum()) / halves, "base rates always")
        rivals["calibration_error"] = (measures.stated.calibrated_ece(CALIBRATED_DRAWS, rng), "calibrated ones")
    for name, value in measures.of(np.ones(len(table))).items():
        low, high = intervals[name]
        rival, rival_is = rivals[name]
        rows = int(table.is_named.sum()) if name == "mcc" else len(table)
        yield JudgedFigure(name=name, value=value, low=low, high=high, rival=rival, rival_is=rival_is, rows=rows)


def directional_figures(table: Predictions, level: float = 0.95) -> Iterator[JudgedFigure]:
    """Directional accuracy in its three forms, where predictions name directions."""
    if table.said is None or not table.is_named.any():
        return
    found = directional_accuracy(table.truth[table.is_named], table.said[table.is_named], level=level)
    for name, one in (("moved", found.moved), ("committed", found.committed), ("all", found.all)):
        yield JudgedFigure(
            name=f"direction_{name}",
            value=one.accuracy,
            low=one.low,
            high=one.high,
            rival=one.base_rate,
            rival_is="commonest label",
            rows=one.rows,
        )


def _mean_block(table: Predictions) -> float:
    """How long hits depend on each other, but at least as many rows as live at a time."""
    if len(table) < 2:
        return 1.0
    block = automatic_mean_block(table.is_hit.astype(np.float64))
    if table.spans is not None:
        reached = np.searchsorted(table.spans[:, 0], table.spans[:, 1], side="right") - np.arange(len(table))
        block = max(block, float(reached.mean()))
    return min(block, float(len(table)))


def _interval(values: Sequence[float], level: float) -> tuple[float, float]:
    """Quantiles of the draws that have a value, if most do."""
    found = np.array(values)
    found = found[~np.isnan(found)]
    if 2 * len(found) <= len(values):
        return math.nan, math.nan
    low, high = np.quantile(found, [0.5 - 0.5 * level, 0.5 + 0.5 * level], method="weibull").tolist()
    return low, high
