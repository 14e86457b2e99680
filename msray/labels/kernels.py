"""The scan for the barrier that ends a position, decayed sums, and the draws of the sequential bootstrap.

A scan looks at one side's price path, as low and high of each row (quotes: the same array twice). Blocks of 32 and of
1,024 rows know their own low and high, so that rows which reach no barrier are passed by the thousand: a position whose
barriers are far costs about as much as one that is decided within a few hundred rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel

Array = NDArray[Any]

NEAR_BITS, FAR_BITS = 5, 10
"""A block holds ``2**bits`` rows. Smaller ones gain a little where 500 rows decide, and lose where 100,000 do."""
NEAR_ROWS, FAR_ROWS = 1 << NEAR_BITS, 1 << FAR_BITS

POSITION = np.dtype(
    [
        ("event", "i8"),
        ("side", "i1"),
        ("begin_ns", "i8"),
        ("end_ns", "i8"),  # of the horizon; once it is closed, of the position
        ("begin_row", "i8"),  # that of the entry, which cannot touch
        ("end_row", "i8"),  # the first one after the horizon; once it is closed, the one of the exit
        ("profit_pct", "f8"),
        ("stop_pct", "f8"),
        ("barrier", "i1"),
        ("gross_return", "f8"),
    ]
)
ROUNDING = 1e-12
"""A price so near to a barrier, as a fraction of the entry, is on it: 114 * 0.995 is below 113.43."""


@kernel
def rows_after(at_ns: Array, times: Array, out: Array) -> None:
    """Write the first row that is later than each of ``times`` to ``out``; quick where these are in order.

    What ``numpy.searchsorted`` does from the whole array is done from the row before, in growing steps.
    """
    n, row = at_ns.shape[0], 0
    for j in range(times.shape[0]):
        time, step = times[j], 1
        if row < n and at_ns[row] <= time:
            low = row + 1
            while row + step < n and at_ns[row + step] <= time:
                low = row + step + 1
                step *= 2
            high = min(row + step, n)
        else:
            high = row
            while row - step >= 0 and at_ns[row - step] > time:
                high = row - step
                step *= 2
            low = max(row - step + 1, 0)
        while low < high:
            middle = (low + high) // 2
            if at_ns[middle] <= time:
                low = middle + 1
            else:
                high = middle
        out[j] = row = low


@kernel
def block_extremes(low: Array, high: Array, rows: int, out: Array) -> None:
    """Write the lowest low and the highest high of each ``rows`` rows to ``out``, a block a row; NaN is neither."""
    n = low.shape[0]
    for block in range(out.shape[0]):
        lowest, highest = np.inf, -np.inf
        for i in range(block * rows, min((block + 1) * rows, n)):
            if low[i] < lowest:
                lowest = low[i]
            if high[i] > highest:
                highest = high[i]
        out[block, 0] = lowest
        out[block, 1] = highest


@kernel
def touched(side: int, low: float, high: float, profit: float, stop: float, rounding: float) -> tuple[int, float]:
    """What ends a position in a row that touches: the barrier, the stop where it is both, and the price one gets."""
    worst, best = (low, high) if side > 0 else (high, low)
    is_stop = side * worst <= side * stop + rounding
    level = stop if is_stop else profit
    # A quote is its own worst price. So is a bar's where all of it lies beyond the barrier.
    is_inside = side * worst < side * level - rounding <= side * best
    return (-1 if is_stop else 1), (level if is_inside else worst)


@kernel
def close_positions(
    opening: Array, low: Array, high: Array, close: Array, near: Array, far: Array, positions: Array, side: int
) -> None:
    """Find what ends each of ``positions`` (``POSITION``) of one side, and what it earned.

    Parameters
    ----------
    opening
        What such a position is entered at, in each row.
    low, high, close
        What it could be closed at.
    near, far
        :func:`block_extremes` of each ``NEAR_ROWS`` and ``FAR_ROWS`` rows.
    """
    for j in range(positions.shape[0]):
        if positions[j]["side"] != side:
            continue
        i, end = positions[j]["begin_row"], positions[j]["end_row"]
        entry = opening[i]
        profit = entry * (1.0 + side * positions[j]["profit_pct"])
        stop = entry * (1.0 - side * positions[j]["stop_pct"])
        rounding = ROUNDING * entry
        lower, upper = min(profit, stop) + rounding, max(profit, stop) - rounding
        i += 1
        while i < end:
            # A block may reach beyond the end: where nothing in all of it touches, nothing in a part of it does.
            block = i >> FAR_BITS
            if i & (FAR_ROWS - 1) == 0 and far[block, 0] > lower and far[block, 1] < upper:
                i += FAR_ROWS
                continue
            block = i >> NEAR_BITS
            if i & (NEAR_ROWS - 1) == 0 and near[block, 0] > lower and near[block, 1] < upper:
                i += NEAR_ROWS
                continue
            block_end = min((block + 1) << NEAR_BITS, end)
            while i < block_end and low[i] > lower and high[i] < upper:
                i += 1
            if i < block_end:
                break
        if i < end:
            barrier, price = touched(side, low[i], high[i], profit, stop, rounding)
        else:
            i, barrier, price = end - 1, 0, close[end - 1]
        positions[j]["end_row"] = i
        positions[j]["barrier"] = barrier
        positions[j]["gross_return"] = side * (price - entry) / entry


@kernel
def decayed_sums(keep: Array, values: Array, out: Array) -> None:
    """``out[i] = keep[i] * out[i - 1] + values[i]``, from 0."""
    total = 0.0
    for i in range(values.shape[0]):
        total = keep[i] * total + values[i]
        out[i] = total


WEIGHT, COUNT, SHARE, BEFORE = range(4)
"""Rows of ``pieces``: what a piece of time weighs; how many labels live in it; weight / count, rounded down; the shares
of all pieces before it. Sums are integers, which may wrap around: differences of them are right all the same."""
FIRST, LAST, WHOLE = range(3)
"""Columns of ``labels``: the first piece of its span, the one after its last, and what they weigh together."""


@kernel
def write_uniqueness(pieces: Array, labels: Array, out: Array) -> None:
    """Write the uniqueness of each label to ``out``.

    ``pieces`` has one column more than there are, for the shares of all.
    """
    before = 0
    for p in range(pieces.shape[1]):
        pieces[BEFORE, p] = before
        before += pieces[SHARE, p]
    for j in range(labels.shape[0]):
        shares = pieces[BEFORE, labels[j, LAST]] - pieces[BEFORE, labels[j, FIRST]]
        out[j] = shares / labels[j, WHOLE]


@kernel
def add_label(pieces: Array, labels: Array, label: int) -> None:
    """One more label like this one lives in its pieces."""
    for p in range(labels[label, FIRST], labels[label, LAST]):
        pieces[COUNT, p] += 1
        pieces[SHARE, p] = pieces[WEIGHT, p] // pieces[COUNT, p]


@kernel
def draw_sequentially(pieces: Array, labels: Array, totals: Array, uniform: Array, out: Array) -> None:
    """Draw a label for each of ``uniform``, which lie in [0, 1), with probability in proportion to its uniqueness.

    ``pieces`` count what was drawn before, and one for the label that is asked about; ``totals`` is room for a number
    a label.
    """
    for draw in range(out.shape[0]):
        write_uniqueness(pieces, labels, totals)
        total = 0.0
        for j in range(totals.shape[0]):
            total += totals[j]
            totals[j] = total
        at = np.searchsorted(totals, uniform[draw] * total, side="right")
        out[draw] = min(at, totals.shape[0] - 1)
        add_label(pieces, labels, out[draw])
