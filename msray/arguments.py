"""What a caller hands over, checked once and given back as what the rest works with.

Every function raises :class:`~msray.errors.UsageError` with ``name``, what it must be and what it is. Numbers are whole
or floating: neither True nor "1" is one.
"""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.errors import UsageError

MOST_NS = (1 << 62) - 1
"""Largest time (the year 2116) and whole number in an array, so that the sum of two stays int64."""
MOST_VALUE = 1e100
"""Largest number, so that sums of squares stay finite."""
MOST_FRACTION = 0.5
"""What is not below it is a percentage by mistake."""
FRACTION_HINT = "it is a fraction: 0.005 is 0.5 %"
_TIMES_HINT = 'times become ns by .astype("datetime64[ns]").astype("int64")'


def checked_array(
    name: str, values: ArrayLike, *, dimensions: tuple[int, ...] = (1,), kinds: str = "iuf", rows: int | None = None
) -> NDArray[Any]:
    """Numbers of any dtype, the caller's own array where it is one.

    Parameters
    ----------
    dimensions
        How many there may be.
    kinds
        Numpy's letters for the dtypes that may be: i, u, f and b; an empty list is of each.
    rows
        Length of the first dimension, where another argument says it.

    Examples
    --------
    >>> checked_array("mid", ["a"])
    Traceback (most recent call last):
    msray.errors.UsageError: mid must be numbers in 1 dimension, got <U1 of shape (1,)
    """
    rule = f"{name} must be {'whole ' if kinds == 'iu' else ''}numbers"
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise UsageError(f"{rule}, got rows of several lengths") from error
    kind = array.dtype.kind
    if array.ndim not in dimensions or not (kind in kinds or (kind == "f" and array.size == 0)):
        rule += f" in {' or '.join(map(str, dimensions))} dimension{'' if dimensions == (1,) else 's'}"
        raise UsageError(f"{rule}, got {array.dtype} of shape {array.shape}", hint=_TIMES_HINT if kind == "M" else "")
    if rows is not None and len(array) != rows:
        raise UsageError(f"{name} must have {rows} rows as the others have, got {len(array)}")
    return array


def checked_numbers(
    name: str,
    values: ArrayLike,
    *,
    dimensions: tuple[int, ...] = (1,),
    rows: int | None = None,
    least: float = -MOST_VALUE,
    above: float = -math.inf,
    most: float = MOST_VALUE,
    may_be_nan: bool = False,
) -> NDArray[np.float64]:
    """Numbers from ``least`` (or above ``above``) to ``most`` as a ``float64`` array, the caller's own where it is one.

    ``dimensions`` and ``rows`` are those of :func:`checked_array`; infinity is never among them, NaN where it may be.

    Examples
    --------
    >>> checked_numbers("probability", [0, 0.5, float("nan")], least=0, most=1)
    Traceback (most recent call last):
    msray.errors.UsageError: probability must be 0 to 1, got nan in row 2
    """
    array = np.ascontiguousarray(checked_array(name, values, dimensions=dimensions, rows=rows), np.float64)
    is_right = (array >= least) & (array > above) & (array <= most)
    if may_be_nan:
        is_right |= np.isnan(array)
    refuse_rows(name, array, ~is_right, f"be {_range(least, above, most)}")
    return array


def checked_whole(
    name: str,
    values: ArrayLike,
    *,
    dimensions: tuple[int, ...] = (1,),
    rows: int | None = None,
    least: int = 0,
    most: int = MOST_NS,
) -> NDArray[np.int64]:
    """Whole numbers from ``least`` to ``most`` as an ``int64`` array: times in ns, say. No float holds one of today.

    Examples
    --------
    >>> checked_whole("at_ns", [3, 1])
    array([3, 1])
    """
    array = checked_array(name, values, dimensions=dimensions, kinds="iu", rows=rows)
    refuse_rows(name, array, (array < least) | (array > most), f"be {least} to {most}")
    return np.ascontiguousarray(array, np.int64)


def checked_times(name: str, values: ArrayLike, *, rows: int | None = None, least: int = 0) -> NDArray[np.int64]:
    """Times in ns that never go back, as an ``int64`` array.

    Examples
    --------
    >>> checked_times("at_ns", [3, 3, 1])
    Traceback (most recent call last):
    msray.errors.UsageError: at_ns must not go back in time, got 1 in row 2
    """
    times = checked_whole(name, values, rows=rows, least=least)
    refuse_rows(name, times, np.append(False, times[1:] < times[:-1]), "not go back in time")
    return times


def checked_spans(name: str, values: ArrayLike, *, least: int = 0, at_least_one: bool = False) -> NDArray[np.int64]:
    """Begin and end of each span, both included, as an ``int64`` array of shape (n, 2).

    Examples
    --------
    >>> checked_spans("spans", [[0, 5], [2, 2]])
    array([[0, 5],
           [2, 2]])
    """
    times = checked_whole(name, values, dimensions=(1, 2), least=least)
    if times.shape == (0,):
        times = times.reshape(0, 2)
    if times.shape[1:] != (2,) or (at_least_one and not len(times)):
        some = "one or more " if at_least_one else ""
        raise UsageError(f"{name} must be {some}rows of begin and end, got shape {times.shape}")
    refuse_rows(name, times, times[:, 1] < times[:, 0], "not end before they begin")
    return times


def checked_count(name: str, value: int, least: int, most: int) -> int:
    """One whole number from ``least`` to ``most``.

    Examples
    --------
    >>> checked_count("n_splits", 1, 2, 10)
    Traceback (most recent call last):
    msray.errors.UsageError: n_splits must be 2 to 10, got 1
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UsageError(f"{name} must be a whole number, got {value!r}")
    if not least <= value <= most:
        raise UsageError(f"{name} must be {least} to {most}, got {value}")
    return int(value)


def checked_number(
    name: str,
    value: float,
    *,
    least: float = -MOST_VALUE,
    above: float = -math.inf,
    most: float = MOST_VALUE,
    below: float = math.inf,
    hint: str = "",
) -> float:
    """One number from ``least`` (or above ``above``) to ``most`` (or below ``below``).

    Examples
    --------
    >>> checked_number("level", 95, above=0, below=1)
    Traceback (most recent call last):
    msray.errors.UsageError: level must be above 0 to below 1, got 95
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{name} must be a number, got {value!r}")
    number = float(value)
    if not (least <= number <= most and above < number < below):
        raise UsageError(f"{name} must be {_range(least, above, most, below)}, got {value}", hint=hint)
    return number


def checked_fraction(name: str, value: float, *, least: float) -> float:
    """One fraction from ``least`` to below ``MOST_FRACTION``.

    Examples
    --------
    >>> checked_fraction("threshold_pct", 0.005, least=0)
    0.005
    """
    return checked_number(name, value, least=least, below=MOST_FRACTION, hint=FRACTION_HINT)


def checked_duration_ns(name: str, seconds: float) -> int:
    """Seconds, 1e-9 to 1e8, as whole nanoseconds.

    Examples
    --------
    >>> checked_duration_ns("half_life_s", 0.5)
    500000000
    """
    return round(checked_number(name, seconds, least=1e-9, most=10**8) * 1_000_000_000)


def refuse_rows(name: str, array: NDArray[Any], is_wrong: NDArray[np.bool_], rule: str, hint: str = "") -> None:
    """Raise if a row is wrong; the first one is named.

    Examples
    --------
    >>> refuse_rows("drawn", np.array([0, 7]), np.array([False, True]), "be labels")
    Traceback (most recent call last):
    msray.errors.UsageError: drawn must be labels, got 7 in row 1
    """
    if is_wrong.any():
        place = tuple(np.argwhere(is_wrong)[0].tolist())
        where = ", column ".join(map(str, place))
        raise UsageError(f"{name} must {rule}, got {array[place].tolist()} in row {where}", hint=hint)


def _range(least: float, above: float, most: float, below: float = math.inf) -> str:
    begin = f"above {above}" if above >= least else least
    end = f"below {below}" if below <= most else most
    return f"{begin} to {end}"
