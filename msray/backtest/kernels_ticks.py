"""One position at a time through the prices of one instrument: no row is looked at twice, most are not looked at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.labels import kernels as label

Array = NDArray[Any]
Path = tuple[Array, Array, Array]
"""Low, high and close of one side of the market."""

TRADE = np.dtype(
    [
        ("signal", "i8"),
        ("side", "i1"),
        ("barrier", "i1"),
        ("entry_ns", "i8"),
        ("exit_ns", "i8"),
        ("mid", "f8"),  # at the entry
        ("entry", "f8"),  # as quoted
        ("exit", "f8"),
    ]
)


FIRST_ROWS = 32
"""So many rows are looked at before the times of more are."""


@kernel
def first_after(at_ns: Array, time_ns: int, begin: int) -> int:
    """First row from ``begin`` on that is later than a time; quick where it is near."""
    n, low, high, step = at_ns.shape[0], begin, begin, 1
    while high < n and at_ns[high] <= time_ns:
        low = high + 1
        high += step
        step *= 2
    high = min(high, n)
    while low < high:
        middle = (low + high) // 2
        if at_ns[middle] <= time_ns:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def next_touch(low: Array, high: Array, begin: int, end: int, lower: float, upper: float) -> int:
    """First row from ``begin`` on that is not all between two prices, which a gap is not either; ``end`` if none is."""
    i = begin
    while i < end and low[i] > lower and high[i] < upper:
        i += 1
    return i


@kernel
def follow(
    at_ns: Array, path: Path, begin: int, end_ns: int, side: int, entry: float, widths: tuple[float, float]
) -> tuple[int, int, float]:
    """Row, barrier and price at which a position meets a barrier.

    Where it meets none in time: the first row that is later, no barrier, NaN.
    """
    low, high, n = path[0], path[1], at_ns.shape[0]
    profit, stop = entry * (1.0 + side * widths[0]), entry * (1.0 - side * widths[1])
    rounding = label.ROUNDING * entry
    lower, upper = min(profit, stop) + rounding, max(profit, stop) - rounding
    i, rows = begin, FIRST_ROWS
    while i < n and at_ns[i] <= end_ns:
        # In growing pieces, so that nobody looks for the end of a time that is long not over.
        end = min(i + rows, n)
        if at_ns[end - 1] > end_ns:
            end = first_after(at_ns, end_ns, i)
        i = next_touch(low, high, i, end, lower, upper)
        if i == end:
            rows *= 2
        elif np.isnan(low[i]):
            i += 1
        else:
            barrier, price = label.touched(side, low[i], high[i], profit, stop, rounding)
            return i, barrier, price
    return i, 0, np.nan


@kernel
def first_known(path: Path, begin: int) -> tuple[int, float]:
    """First row from ``begin`` on that has a price, and its close; their number and NaN if none has."""
    close = path[2]
    i = begin
    while i < close.shape[0] and np.isnan(close[i]):
        i += 1
    return i, (close[i] if i < close.shape[0] else np.nan)


@kernel
def trade_signals(
    at_ns: Array,
    bid: Path,
    ask: Path,
    signal_ns: Array,
    sides: Array,
    widths: tuple[float, float],
    holding_ns: int,
    trades: Array,
) -> tuple[int, int, int, int]:
    """Write what becomes of each signal that finds no position to ``trades`` (``TRADE``).

    Parameters
    ----------
    at_ns, bid, ask
        The prices; at least one row.
    signal_ns, sides
        The signals, in order of time.
    widths
        Distance of profit target and stop, fractions of the entry.

    Returns
    -------
    tuple
        Number of trades, of signals that came while a position was held, of those that found no price, and the signal
        whose position is still open at the end, -1 if none is.
    """
    n, count, held, unquoted = at_ns.shape[0], 0, 0, 0
    j, row, free_ns = 0, 0, -1
    while j < signal_ns.shape[0]:
        time_ns = signal_ns[j]
        if time_ns < free_ns:
            later = first_after(signal_ns, free_ns - 1, j)
            held += later - j
            j = later
            continue
        row = first_after(at_ns, time_ns, row)
        begin = row - 1
        if begin < 0 or at_ns[n - 1] < time_ns or np.isnan(bid[2][begin]):
            unquoted += 1
            j += 1
            continue
        side, end_ns = sides[j], time_ns + holding_ns
        mid, entry = (bid[2][begin] + ask[2][begin]) / 2.0, (ask[2][begin] if side > 0 else bid[2][begin])
        # Not one call with the path chosen before: the types of the two may differ, in who may write to them.
        if side > 0:
            i, barrier, price = follow(at_ns, bid, row, end_ns, side, entry, widths)
        else:
            i, barrier, price = follow(at_ns, ask, row, end_ns, side, entry, widths)
        if barrier == 0:
            if at_ns[n - 1] < end_ns:
                return count, held, unquoted, j
            # Where the time is over in a gap, the first price behind it.
            i, price = first_known(bid, i - 1) if side > 0 else first_known(ask, i - 1)
            if i == n:
                return count, held, unquoted, j
        free_ns = at_ns[i] if barrier != 0 else max(end_ns, at_ns[i])
        trades[count]["signal"] = j
        trades[count]["side"] = side
        trades[count]["barrier"] = barrier
        trades[count]["entry_ns"] = time_ns
        trades[count]["exit_ns"] = free_ns
        trades[count]["mid"] = mid
        trades[count]["entry"] = entry
        trades[count]["exit"] = price
        count += 1
        j, row = j + 1, i
    return count, held, unquoted, -1
