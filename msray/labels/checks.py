"""What a caller hands over, as the arrays the rest works with; or an error that says what is wrong with it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.errors import UsageError

SECOND = 1_000_000_000
LATEST_NS = 1 << 62
"""Times beyond it (the year 2116) could not be added to."""
MOST_FRACTION = 0.5
"""What is not below it is a percentage by mistake."""
FRACTION_HINT = "it is a fraction: 0.005 is 0.5 %"
_LONGEST_S = 1e8


def as_array(name: str, values: ArrayLike) -> NDArray[Any]:
    """What numpy makes of it; raises :class:`~msray.errors.UsageError` where rows differ in length."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise UsageError(f"{name} must be an array: {error}") from error


def check_whole(name: str, values: ArrayLike, *, below: int = LATEST_NS) -> NDArray[np.int64]:
    """Whole numbers (times in ns, unless ``below`` says otherwise) as an ``int64`` array.

    Raises
    ------
    UsageError
        If they are not one row of whole numbers, from 0 to below ``below``.
    """
    array = as_array(name, values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise UsageError(f"{name} must be one row of whole numbers, got {_kind(array)}")
    if array.size and not (array.min() >= 0 and array.max() < below):
        raise UsageError(f"{name} must be 0 to below {below}, got {array.min()} to {array.max()}")
    return np.ascontiguousarray(array, np.int64)


def check_ordered_times(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Times that never go back; raises as :func:`check_whole` does."""
    times = check_whole(name, values)
    back = np.flatnonzero(times[1:] < times[:-1])
    if back.size:
        raise UsageError(f"{name} must not go back in time, row {back[0] + 1} does")
    return times


def check_numbers(name: str, values: ArrayLike, length: int) -> NDArray[np.float64]:
    """Numbers as a ``float64`` array, the caller's own where it is one; raises if they are not ``length`` numbers."""
    array = as_array(name, values)
    if array.shape != (length,) or (length and array.dtype.kind not in "iuf"):
        raise UsageError(f"{name} must be {length} numbers, got {_kind(array)}")
    return np.ascontiguousarray(array, np.float64)


def check_positive(name: str, values: NDArray[Any]) -> None:
    """Raise if a number is not above 0 and finite; names the first row."""
    wrong = np.flatnonzero(~((values > 0) & (values < np.inf)))
    if wrong.size:
        raise UsageError(f"{name} must be positive and finite, got {values[wrong[0]]} in row {wrong[0]}")


def check_spans(spans: ArrayLike) -> NDArray[np.int64]:
    """Begin and end of each label as an ``int64`` array ``(n, 2)``; raises if one ends before it begins."""
    array = as_array("spans", spans)
    if array.size == 0:
        return np.zeros((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise UsageError(f"spans must be n rows of begin and end, got {_kind(array)}")
    times = check_whole("spans", array.reshape(-1)).reshape(-1, 2)
    wrong = np.flatnonzero(times[:, 1] < times[:, 0])
    if wrong.size:
        raise UsageError(f"spans must not end before they begin, row {wrong[0]} does: {times[wrong[0]].tolist()}")
    return times


def check_fraction(name: str, value: float, *, least: float) -> None:
    """Raise if a fraction is not ``least`` to below ``MOST_FRACTION``."""
    if not least <= value < MOST_FRACTION:
        raise UsageError(f"{name} must be {least:g} to below {MOST_FRACTION}, got {value}", hint=FRACTION_HINT)


def check_count(name: str, value: int, *, least: int, most: int) -> None:
    """Raise if a number is not whole, or not ``least`` to ``most``."""
    if not isinstance(value, (int, np.integer)) or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most}, got {value}")


def check_seconds(name: str, value: float) -> int:
    """Seconds as whole nanoseconds; raises if they are not 1e-9 to 1e8."""
    if not 1e-9 <= value <= _LONGEST_S:
        raise UsageError(f"{name} must be 1e-9 to {_LONGEST_S:g} seconds, got {value}")
    return round(value * SECOND)


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
