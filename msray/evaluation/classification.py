"""Predicted labels and probabilities against what came, each figure beside what needs no model."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_numbers
from msray.errors import UsageError
from msray.evaluation.inputs import BINARY, DIRECTIONS, checked_labels, checked_weights, sklearn_metrics
from msray.evaluation.reliability import reliability_diagram
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ROUNDING = 1e-5
"""How far from 1 the probabilities of a row may sum: what is left in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One label.

    Attributes
    ----------
    label, rows
        The label and how many rows have it.
    base_rate
        Its share of the weight of all rows, which is the precision of predicting it at random.
    precision, recall, f1
        Of the weight. The first is NaN where it was never predicted, the second where no row has it, the last where
        both hold.
    """

    label: int
    rows: int
    base_rate: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityScore:
    """What probabilities are worth, beside those of one who always states the base rates.

    Attributes
    ----------
    brier, brier_floor
        Mean squared distance from what came: ``(p - y) ** 2`` of two labels, its sum over labels of three.
    log_loss, log_loss_floor
        Mean of ``-log`` of the probability of what came, in nats; scikit-learn's, which takes 0 for 2.2e-16.
    ece_width, ece_mass
        Expected calibration error over bins of equal width and of equal mass, see :func:`reliability_diagram`: of label
        1 where there are two, of the likeliest label where there are three. Even calibrated probabilities have some,
        and more in fewer rows: compare it at the same rows and bins.
    bins
        How many bins.
    """

    brier: float
    brier_floor: float
    log_loss: float
    log_loss_floor: float
    ece_width: float
    ece_mass: float
    bins: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassificationReport:
    """What predicted labels are worth.

    Attributes
    ----------
    rows
        Rows that were judged.
    classes
        One score a label, ascending.
    confusion
        Rows (or their weight) by true label and predicted label, int64 (or float64), in the order of ``classes``.
    accuracy, majority_accuracy
        Share of the weight that is right; that of always predicting the commonest label.
    macro_f1, majority_macro_f1
        Mean F1 of the labels that came or were predicted; that of always predicting the commonest label.
    weighted_f1
        Mean F1, weighted by base rates.
    mcc
        Matthews' correlation: 0 without any skill, so where one label is always predicted; NaN where one label came
        always.
    probability
        What the probabilities are worth, None where none were given.
    """

    rows: int
    classes: tuple[ClassScore, ...]
    confusion: NDArray[Any]
    accuracy: float
    majority_accuracy: float
    macro_f1: float
    majority_macro_f1: float
    weighted_f1: float
    mcc: float
    probability: ProbabilityScore | None

    def to_pandas(self) -> "pd.DataFrame":
        """One row a label: columns as in :class:`ClassScore`, then ``predicted_as_...``, the row of the confusion."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        columns = {f"predicted_as_{one.label}": self.confusion[:, i] for i, one in enumerate(self.classes)}
        return pd.DataFrame([asdict(one) for one in self.classes]).assign(**columns)


def classification_report(
    truth: ArrayLike,
    predicted: ArrayLike,
    probability: ArrayLike | None = None,
    *,
    weight: ArrayLike | None = None,
    bins: int = 15,
) -> ClassificationReport:
    """Accuracy, confusion, F1, MCC and, of probabilities, Brier score, log loss and calibration.

    Parameters
    ----------
    truth, predicted
        Labels, 0 and 1 or -1, 0 and 1, one a row; at least one row. There are three where a -1 or a probability for
        three is given.
    probability
        Of label 1, one a row, where there are two labels; or a column a label, ascending, whose rows sum to 1.
    weight
        Of the rows, at least 0 each, not all 0.
    bins
        Of the calibration errors, 1 to 1000.

    Raises
    ------
    UsageError
        If a parameter is out of range, lengths differ, or scikit-learn is not installed.

    Examples
    --------
    >>> report = classification_report([1, 1, 0, -1], [1, 0, 0, 0])
    >>> report.accuracy, report.majority_accuracy, round(report.macro_f1, 4), round(report.mcc, 4)
    (0.5, 0.5, 0.3889, 0.3873)
    >>> report.confusion.tolist()
    [[0, 1, 0], [0, 1, 0], [0, 1, 1]]
    """
    true = checked_labels("truth", truth, DIRECTIONS)
    said = checked_labels("predicted", predicted, DIRECTIONS, rows=len(true))
    w = checked_weights(weight, len(true), some=True)
    chances = None if probability is None else _chances(probability, len(true))
    columns = 0 if chances is None else chances.shape[1]
    known = DIRECTIONS if columns == 3 or min(true.min(), said.min()) < 0 else BINARY
    if columns not in (0, len(known)):
        raise UsageError(f"probability must have a column for each of the labels -1, 0, 1, got {columns}")

    metrics = sklearn_metrics()
    precision, recall, f1, mass = metrics.precision_recall_fscore_support(
        true, said, labels=known, sample_weight=w, zero_division=math.nan
    )
    base = mass / w.sum()
    majority, seen = float(base.max()), int((base > 0.0).sum())
    return ClassificationReport(
        rows=len(true),
        classes=tuple(_class_scores(true, known, base, precision, recall, f1)),
        confusion=metrics.confusion_matrix(true, said, labels=known, sample_weight=None if weight is None else w),
        accuracy=float(np.average(true == said, weights=w)),
        majority_accuracy=majority,
        macro_f1=float(np.nanmean(f1)),
        majority_macro_f1=2.0 * majority / (1.0 + majority) / seen,
        weighted_f1=float(np.nansum(base * f1)),
        mcc=float(metrics.matthews_corrcoef(true, said, sample_weight=w)) if seen > 1 else math.nan,
        probability=None if chances is None else _probability_score(true, chances, known, w, base, bins),
    )


def _class_scores(true: Labels, known: Sequence[int], *columns: Floats) -> Iterator[ClassScore]:
    for label, (base, precision, recall, f1) in zip(known, np.transpose(columns).tolist(), strict=True):
        rows = int((true == label).sum())
        yield ClassScore(label=label, rows=rows, base_rate=base, precision=precision, recall=recall, f1=f1)


def _chances(given: ArrayLike, rows: int) -> Floats:
    """A probability a label and row."""
    array = checked_numbers("probability", given, dimensions=(1, 2), rows=rows, least=0, most=1)
    if array.ndim == 1:
        array = np.column_stack((1.0 - array, array))
    if array.shape[1] not in (2, 3):
        raise UsageError(f"probability must have 2 or 3 columns, got {array.shape[1]}")
    sums = array.sum(axis=1)
    if np.abs(sums - 1.0).max() > ROUNDING:
        raise UsageError(f"probability must sum to 1 in each row, got {sums[np.abs(sums - 1.0).argmax()]:g}")
    chances: Floats = array / sums[:, None]
    return chances


def _probability_score(
    true: Labels, chances: Floats, known: Sequence[int], w: Floats, base: Floats, bins: int
) -> ProbabilityScore:
    came = true[:, None] == np.array(known)
    halves = 2.0 if len(known) == 2 else 1.0  # of two labels both are off by as much, and one is counted
    if len(known) == 2:
        stated, is_hit = chances[:, 1], true == 1
    else:
        stated, is_hit = chances.max(axis=1), came[np.arange(len(true)), chances.argmax(axis=1)]
    return ProbabilityScore(
        brier=float(np.average(((chances - came) ** 2).sum(axis=1), weights=w)) / halves,
        brier_floor=float(1.0 - (base**2).sum()) / halves,
        log_loss=float(sklearn_metrics().log_loss(true, chances, labels=known, sample_weight=w)),
        log_loss_floor=-float((base[base > 0.0] * np.log(base[base > 0.0])).sum()),
        ece_width=reliability_diagram(stated, is_hit, bins=bins, weight=w).ece,
        ece_mass=reliability_diagram(stated, is_hit, bins=bins, equal="mass", weight=w).ece,
        bins=bins,
    )
