"""What the parts of this package ask of their arguments alike."""

import math
import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.errors import UsageError

MOST_NS = (1 << 62) - 1
"""Largest time and length, so that their sums stay int64: the year 2116."""
MOST_VALUE = 1e100
"""Largest value, so that sums of squares stay finite."""


def checked_spans(spans: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and ends of labels.

    Parameters
    ----------
    spans
        Integers of shape (n, 2), n at least 1: first and last instant of each label, in ns since 1970.

    Returns
    -------
    tuple of ndarray
        Starts and ends, int64 of shape (n,).

    Raises
    ------
    UsageError
        If shape or type differ, a label ends before it starts, or a time is beyond MOST_NS.

    Examples
    --------
    >>> starts, ends = checked_spans([[0, 5], [2, 3]])
    >>> starts.tolist(), ends.tolist()
    ([0, 2], [5, 3])
    """
    try:
        given = np.asarray(spans)
    except ValueError as error:
        raise UsageError(f"spans must have the shape (n, 2): {error}") from error
    if given.ndim != 2 or given.shape[1] != 2 or len(given) == 0:
        raise UsageError(f"spans must have the shape (n, 2) with n at least 1, got {given.shape}")
    if given.dtype.kind not in "iu":
        hint = 'times become ns by .astype("datetime64[ns]").astype("int64")'
        raise UsageError(f"spans must be integers, in ns, got {given.dtype}", hint=hint)
    if int(given.min()) < -MOST_NS or int(given.max()) > MOST_NS:
        raise UsageError(f"spans must lie within {MOST_NS} ns of 1970, got {given.min()} to {given.max()}")
    starts, ends = given.astype(np.int64).T.copy()
    backward = np.flatnonzero(ends < starts)
    if len(backward):
        row = backward[0]
        raise UsageError(f"spans must end no earlier than they start, got {starts[row]} to {ends[row]} in row {row}")
    return starts, ends


def checked_count(name: str, value: int, least: int, most: int) -> int:
    """Return ``value`` if it is a whole number from ``least`` to ``most``.

    Raises
    ------
    UsageError
        If it is not; ``name`` is the parameter's name.
    """
    try:
        number = operator.index(value)
    except TypeError as error:
        raise UsageError(f"{name} must be a whole number, got {value!r}") from error
    if not least <= number <= most:
        raise UsageError(f"{name} must be {least} to {most}, got {number}")
    return number


def checked_number(name: str, value: float, least: float = -math.inf, most: float = math.inf) -> float:
    """Return ``value`` if it is finite and lies between ``least`` and ``most``.

    Raises
    ------
    UsageError
        If it does not; ``name`` is the parameter's name.
    """
    if not math.isfinite(value):
        raise UsageError(f"{name} must be finite, got {value}")
    if not least <= value <= most:
        raise UsageError(f"{name} must lie between {least:g} and {most:g}, got {value}")
    return float(value)


def checked_values(name: str, values: ArrayLike, *, least: int, dimensions: int = 1) -> NDArray[np.float64]:
    """Values as float64, all finite.

    Raises
    ------
    UsageError
        If there are fewer than ``least`` along the first axis, one is not a number or beyond MOST_VALUE, or they have
        other dimensions; ``name`` is the parameter's name.
    """
    try:
        given = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers: {error}") from error
    if given.ndim != dimensions:
        raise UsageError(f"{name} must be {dimensions}-dimensional, got {given.ndim} dimensions")
    if len(given) < least:
        raise UsageError(f"{name} must have at least {least} rows, got {len(given)}")
    wrong = ~(np.abs(given) <= MOST_VALUE)
    if wrong.any():
        first = tuple(np.argwhere(wrong)[0].tolist())
        raise UsageError(f"{name} must be finite and within {MOST_VALUE:g}, got {given[first]} at {list(first)}")
    return given
