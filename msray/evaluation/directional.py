"""How often the direction was right: three figures that are easily taken for one another."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.evaluation.inputs import DIRECTIONS, checked_labels
from msray.evaluation.intervals import wilson_interval
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionScore:
    """One of the figures.

    Attributes
    ----------
    rows, coverage
        Rows that count, and their share of all rows.
    accuracy, low, high
        Share of these that is right, and Wilson's interval of it; NaN without any row.
    base_rate
        Share of the commonest true label among these: the accuracy of always predicting it.
    """

    rows: int
    coverage: float
    accuracy: float
    low: float
    high: float
    base_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionalAccuracy:
    """Directional accuracy in the three forms that are in use.

    Attributes
    ----------
    moved
        Of the rows where the price moved; predicting flat there is wrong.
    committed
        Of the rows where the price moved and the model named a direction.
    all
        Of all rows, flat being a label like the others.
    """

    moved: DirectionScore
    committed: DirectionScore
    all: DirectionScore

    def to_pandas(self) -> "pd.DataFrame":
        """One row a form, columns as in :class:`DirectionScore`."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        forms = {"moved": self.moved, "committed": self.committed, "all": self.all}
        return pd.DataFrame([asdict(one) for one in forms.values()], index=list(forms))


def directional_accuracy(truth: ArrayLike, predicted: ArrayLike, *, level: float = 0.95) -> DirectionalAccuracy:
    """Directional accuracy with its coverage and floor.

    Parameters
    ----------
    truth, predicted
        -1 down, 0 flat, 1 up; one a row.
    level
        Of the intervals. They take rows for independent, which overlapping horizons are not.

    Raises
    ------
    UsageError
        If another label is there, lengths differ or the level is out of range.

    Examples
    --------
    >>> score = directional_accuracy([1, 1, -1, 0], [1, 0, 1, 0])
    >>> [(round(one.accuracy, 2), one.coverage) for one in (score.moved, score.committed, score.all)]
    [(0.33, 0.75), (0.5, 0.5), (0.5, 1.0)]
    """
    true = checked_labels("truth", truth, DIRECTIONS)
    said = checked_labels("predicted", predicted, DIRECTIONS, rows=len(true))
    return DirectionalAccuracy(
        moved=_score(true, said, true != 0, level),
        committed=_score(true, said, (true != 0) & (said != 0), level),
        all=_score(true, said, np.ones(len(true), bool), level),
    )


def _score(true: NDArray[np.int64], said: NDArray[np.int64], counts: NDArray[np.bool_], level: float) -> DirectionScore:
    rows = int(counts.sum())
    right = int((true == said)[counts].sum())
    low, high = wilson_interval(right, rows, level=level)
    return DirectionScore(
        rows=rows,
        coverage=rows / len(true) if len(true) else math.nan,
        accuracy=right / rows if rows else math.nan,
        low=low,
        high=high,
        base_rate=float(np.bincount(true[counts] + 1).max()) / rows if rows else math.nan,
    )
