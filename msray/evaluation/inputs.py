"""Labels and weights of rows, and scikit-learn where it is there."""

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_array, checked_numbers, refuse_rows
from msray.errors import UsageError
from msray.extras import from_extra

BINARY, DIRECTIONS = (0, 1), (-1, 0, 1)
"""The labels that are judged: no or yes; down, flat or up."""


def checked_labels(name: str, values: ArrayLike, known: Sequence[int], *, rows: int | None = None) -> NDArray[np.int64]:
    """A column of labels out of ``known``, as int64; booleans are 0 and 1.

    Raises
    ------
    UsageError
        If another value is in it, or it has not as many rows.
    """
    array = checked_array(name, values, kinds="biuf", rows=rows)
    refuse_rows(name, array, ~np.isin(array, known), f"be {' or '.join(map(str, known))}")
    return array.astype(np.int64)


def checked_weights(values: ArrayLike | None, rows: int, *, some: bool = False) -> NDArray[np.float64]:
    """Weights of rows, 1 each where none are given.

    Raises
    ------
    UsageError
        If there are not as many as rows, one is negative or not finite, or none is positive where ``some`` must be.
    """
    weights = np.ones(rows) if values is None else checked_numbers("weight", values, rows=rows, least=0)
    if some and not weights.any():
        raise UsageError(f"at least one row must count, got {rows} rows of weight 0")
    return weights


def sklearn_metrics() -> ModuleType:
    """The measures of scikit-learn, which detection runs without.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    with from_extra("research", "this measure"):
        from sklearn import metrics
    return metrics  # type: ignore[no-any-return]
