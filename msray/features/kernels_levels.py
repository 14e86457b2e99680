"""The columns of ``levels.py``, from the two newest tops of the book and the totals of the rows before.

Each entry of the ring holds running totals as they were after its row, so that what a window of rows saw is the
difference of two whole numbers. Totals may wrap around; differences do not.

``log(1 + x)`` is written out: it is good to 1e-16, which is all that a network sees of it, and ``log1p`` takes three
times as long, of which a row has some twenty.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.book import kernels as book_kernels
from msray.compiled import kernel
from msray.features import kernels_layout as k
from msray.features.kernels_order_flow import flow
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]

U: Any = np.uintp

_SIGNED = k.TRADED + k.SIGNED - k.COUNT
_MEANS = np.array([5, 10, 20, 50, 100])
_SUMS = np.array([1, 10, 50])


@kernel
def levels_of_row(book: Arena, state: Arena) -> None:
    """Write the family's columns of the newest row, whose other columns have been written."""
    row = state[k.ROWS] - 1
    known_before = state[k.RANKS_KNOWN]
    known = _ranks_known(book, state)
    state[k.RANKS_KNOWN] = known
    if known == 0 or known_before == 0 or state[k.BIDS_STAND] == 0 or state[k.ASKS_STAND] == 0:
        _ladder(state, 0, known_before == 0)
        _ladder(state, 1, known_before == 0)
    _top_three(state, known)
    _flows(state, row, known, known_before)
    _mids(state, row)
    _pace(state, row)
    _remember(state, row)


@kernel
def _ranks_known(book: Arena, state: Arena) -> int:
    """Levels a side that this row shows, or shows to be none; 0 where its book is not valid."""
    if state[k.IS_VALID] == 0:
        return 0
    top = state[k.TOP]
    bids = state[U(top + k.BIDS_FOUND)] if book[book_kernels.BID_EDGE] != book_kernels.NO_BID else k.RANKS
    asks = state[U(top + k.ASKS_FOUND)] if book[book_kernels.ASK_EDGE] != book_kernels.NO_ASK else k.RANKS
    return int(min(bids, asks))


@kernel
def _ladder(state: Arena, side: int, is_first: bool) -> None:
    """Prices and sizes of a side. A size that stands keeps its logarithm, unless there is none to keep."""
    now = state[k.TOP] + side * k.ASKS
    before = k.TOP_A + k.TOP_B - state[k.TOP] + side * k.ASKS
    at = k.LEVEL_ROW + 2 - 2 * side
    found = state[U(state[k.TOP] + k.BIDS_FOUND + side)] if state[k.IS_VALID] != 0 else 0
    mid = state[U(state[k.TOP])] + state[U(state[k.TOP] + k.ASKS)]
    per_unit = 1.0 / get_float(state, k.SIZE_UNITS)
    for rank in range(found):
        put_float(state, at + 4 * rank, 1e4 * (2 * state[U(now + rank)] - mid) / mid)
        size = state[U(now + k.SIZES + rank)]
        if is_first or size != state[U(before + k.SIZES + rank)]:
            put_float(state, at + 4 * rank + 1, math.log(1.0 + size * per_unit))
    for rank in range(found, k.RANKS):
        put_float(state, at + 4 * rank, k.NOT_A_NUMBER)
        put_float(state, at + 4 * rank + 1, k.NOT_A_NUMBER)


@kernel
def _top_three(state: Arena, known: int) -> None:
    imbalance = k.NOT_A_NUMBER
    if known >= 3:
        at = state[k.TOP] + k.SIZES
        bids = state[U(at)] + state[U(at + 1)] + state[U(at + 2)]
        asks = state[U(at + k.ASKS)] + state[U(at + k.ASKS + 1)] + state[U(at + k.ASKS + 2)]
        imbalance = (bids - asks) / (bids + asks)
    put_float(state, k.IMBALANCE_L3, imbalance)


@kernel
def _before(row: int, rows: int) -> int:
    """Where the totals stand as they were so many rows before; zeros before the first row of an epoch."""
    return k.PAST + k.PAST_WORDS * ((row - rows) & (k.PAST_ROWS - 1))


@kernel
def _signed_log(size: int, per_unit: float) -> float:
    if size == 0:
        return 0.0
    return math.copysign(math.log(1.0 + abs(size) * per_unit), size)


@kernel
def _flows(state: Arena, row: int, known: int, known_before: int) -> None:
    now = state[k.TOP]
    before = k.TOP_A + k.TOP_B - now
    per_unit = 1.0 / get_float(state, k.SIZE_UNITS)
    bids_stand = state[k.BIDS_STAND] != 0
    asks_stand = state[k.ASKS_STAND] != 0
    for rank in range(k.FLOW_RANKS):
        at = k.OFI_LOG + len(_SUMS) * rank
        came = 0
        if rank < known and rank < known_before:
            if not bids_stand:
                came += flow(state, now + rank, before + rank, 1)
            if not asks_stand:
                came -= flow(state, now + k.ASKS + rank, before + k.ASKS + rank, -1)
            put_float(state, at, _signed_log(came, per_unit))
        else:
            put_float(state, at, k.NOT_A_NUMBER)
        total = state[U(k.FLOWED + rank)] + came
        state[U(k.FLOWED + rank)] = total
        for window in range(1, len(_SUMS)):
            value = k.NOT_A_NUMBER
            if rank < known and row >= _SUMS[window]:
                past = _before(row, _SUMS[window]) + k.PAST_FLOWED + rank
                value = _signed_log(total - state[U(past)], per_unit)
            put_float(state, at + window, value)


@kernel
def _mids(state: Arena, row: int) -> None:
    mid = 0
    if state[k.IS_VALID] != 0:
        mid = state[U(state[k.TOP])] + state[U(state[k.TOP] + k.ASKS)]
        state[k.MIDS_TOTAL] += mid
        state[k.MIDS_COUNTED] += 1
    for window in range(len(_MEANS)):
        value = k.NOT_A_NUMBER
        if mid > 0 and row >= _MEANS[window] - 1:
            past = _before(row, _MEANS[window])
            total = state[k.MIDS_TOTAL] - state[U(past + k.PAST_MIDS)]
            count = state[k.MIDS_COUNTED] - state[U(past + k.PAST_COUNTED)]
            value = 1e4 * (mid * count - total) / total
        put_float(state, k.MID_DEVIATION + window, value)


@kernel
def _pace(state: Arena, row: int) -> None:
    per_unit = 1.0 / get_float(state, k.SIZE_UNITS)
    for window in range(len(_SUMS)):
        elapsed = traded = k.NOT_A_NUMBER
        if row >= _SUMS[window]:
            past = _before(row, _SUMS[window])
            elapsed = math.log(1.0 + (state[k.TIME] - state[U(past)]) / 1e6)
            traded = _signed_log(state[_SIGNED] - state[U(past + k.PAST_SIGNED)], per_unit)
        put_float(state, k.ELAPSED_LOG + window, elapsed)
        put_float(state, k.SIGNED_VOLUME_LOG + window, traded)


@kernel
def _remember(state: Arena, row: int) -> None:
    at = _before(row, 0)
    state[U(at)] = state[k.TIME]
    state[U(at + k.PAST_SIGNED)] = state[_SIGNED]
    state[U(at + k.PAST_MIDS)] = state[k.MIDS_TOTAL]
    state[U(at + k.PAST_COUNTED)] = state[k.MIDS_COUNTED]
    for rank in range(k.FLOW_RANKS):
        state[U(at + k.PAST_FLOWED + rank)] = state[U(k.FLOWED + rank)]
