"""Columns as they come from a user: checked once, then plain arrays."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.errors import UsageError

BINARY, DIRECTIONS = (0, 1), (-1, 0, 1)
"""The labels that are judged: no or yes; down, flat or up."""


def numeric_array(name: str, values: ArrayLike, dimensions: tuple[int, ...] = (1,)) -> NDArray[Any]:
    """Numbers in one of so many dimensions.

    Raises
    ------
    UsageError
        If they are not; ``name`` is the parameter's name, here and below.
    """
    rule = f"{name} must be numbers in {' or '.join(map(str, dimensions))} dimension{'s' * (dimensions != (1,))}"
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise UsageError(f"{rule}, got rows of several lengths") from error
    if array.ndim not in dimensions or array.dtype.kind not in "biuf":
        raise UsageError(f"{rule}, got {array.dtype} of shape {array.shape}")
    return array


def numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """A column of finite numbers, as float64.

    Raises
    ------
    UsageError
        If it is no such column.
    """
    array = numeric_array(name, values).astype(np.float64)
    _refuse(name, array, ~np.isfinite(array), "be finite")
    return array


def whole_numbers(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """A column of integers, as int64: a float64 holds no nanosecond of today.

    Raises
    ------
    UsageError
        If it is no such column.
    """
    array = numeric_array(name, values)
    if len(array) and array.dtype.kind not in "iu":
        raise UsageError(f"{name} must hold integers, got {array.dtype}")
    return array.astype(np.int64)


def labels(name: str, values: ArrayLike, known: Sequence[int]) -> NDArray[np.int64]:
    """A column of labels out of ``known``, as int64.

    Raises
    ------
    UsageError
        If another value is in it.
    """
    array = numeric_array(name, values)
    _refuse(name, array, ~np.isin(array, known), f"hold {', '.join(map(str, known))}")
    return array.astype(np.int64)


def weights(values: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    """Weights of rows, 1 each where none are given.

    Raises
    ------
    UsageError
        If there are not as many as rows, or one is negative or not finite.
    """
    if values is None:
        return np.ones(rows)
    array = numbers("weight", values)
    same_rows("weight", array, rows)
    _refuse("weight", array, array < 0, "be at least 0")
    return array


def some_weights(values: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    """Weights of rows, one of them positive.

    Raises
    ------
    UsageError
        As :func:`weights`, or if no row counts.
    """
    array = weights(values, rows)
    if not array.any():
        raise UsageError(f"at least one row must count, got {rows} rows of weight 0")
    return array


def same_rows(name: str, array: NDArray[Any], rows: int) -> None:
    """Refuse a column of another length.

    Raises
    ------
    UsageError
        If it has not this many rows.
    """
    if len(array) != rows:
        raise UsageError(f"{name} must have {rows} rows as the others have, got {len(array)}")


def sklearn_metrics() -> ModuleType:
    """The measures of scikit-learn, which detection runs without.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        from sklearn import metrics
    except ImportError as error:
        raise UsageError("this measure needs scikit-learn", hint="pip install 'msray[research]'") from error
    return metrics  # type: ignore[no-any-return]


def _refuse(name: str, array: NDArray[Any], is_wrong: NDArray[np.bool_], rule: str) -> None:
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise UsageError(f"{name} must {rule}, got {array[row]} in row {row}")
