"""The columns of ``order_flow.py``, from this row's top of the book and the one before."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.features import kernels_layout as k
from msray.features.kernels_trade_flow import traded_since
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]

U: Any = np.uintp


@kernel
def forget_depths(state: Arena, time: int) -> None:
    """Move the windows on to ``time``."""
    _forget(state, k.DEPTHS_FROM_1S, time - k.SECOND)
    _forget(state, k.DEPTHS_FROM_10S, time - 10 * k.SECOND)


@kernel
def _forget(state: Arena, window: int, until: int) -> None:
    at = state[k.DEPTHS_AT]
    mask = state[k.DEPTHS_CAPACITY] - 1
    i = state[U(window)]
    while i < state[k.DEPTHS_HEAD] and state[U(at + k.DEPTH_WORDS * (i & mask))] <= until:
        i += 1
    state[U(window)] = i


@kernel
def _since(state: Arena, window: int, word: int) -> int:
    """What one total has grown by in a window; the message just entered is in it."""
    mask = state[k.DEPTHS_CAPACITY] - 1
    entry = state[k.DEPTHS_AT] + k.DEPTH_WORDS * (state[U(window)] & mask)
    return int(state[U(k.CHANGED + word - k.MESSAGES)] - state[U(entry + word)])


@kernel
def order_flow(state: Arena, time: int) -> None:
    """Compare the newest top with the one before and write the family's columns."""
    now = state[k.TOP]
    before = k.TOP_A + k.TOP_B - now
    is_valid = state[k.IS_VALID] != 0
    is_whole = state[k.IS_WHOLE] != 0
    per_unit = 1.0 / get_float(state, k.SIZE_UNITS)
    first = k.NOT_A_NUMBER
    weighted = k.NOT_A_NUMBER
    added = 0
    removed = 0
    if is_valid and state[k.WAS_VALID] != 0:
        first = 0.0
        if state[k.BIDS_STAND] == 0:
            first += flow(state, now, before, 1)
        if state[k.ASKS_STAND] == 0:
            first -= flow(state, now + k.ASKS, before + k.ASKS, -1)
        put_float(state, k.OFI_1S, get_float(state, k.OFI_1S) + first)
        put_float(state, k.OFI_10S, get_float(state, k.OFI_10S) + first)
        if is_whole and state[k.WAS_WHOLE] != 0:
            weighted = 0.0
            if state[k.BIDS_STAND] == 0:
                weighted, added, removed = _compare(state, now, before, 1)
            if state[k.ASKS_STAND] == 0:
                came, more, less = _compare(state, now + k.ASKS, before + k.ASKS, -1)
                weighted -= came
                added += more
                removed += less
    _push(state, time, added, removed)
    age = time - state[k.EPOCH_START]
    has_1s = age >= k.SECOND
    has_10s = age >= 10 * k.SECOND
    put_float(state, k.OFI_L1, first / get_float(state, k.SIZE_UNITS))
    put_float(state, k.OFI_MULTILEVEL, weighted * per_unit)
    put_float(state, k.QUOTE_RATE_1S, float(_since(state, k.DEPTHS_FROM_1S, k.MESSAGES)) if has_1s else k.NOT_A_NUMBER)
    put_float(state, k.OFI_EW_1S, get_float(state, k.OFI_1S) * per_unit if is_valid and has_1s else k.NOT_A_NUMBER)
    put_float(state, k.OFI_EW_10S, get_float(state, k.OFI_10S) * per_unit if is_valid and has_10s else k.NOT_A_NUMBER)
    add_rate = k.NOT_A_NUMBER
    cancel_rate = k.NOT_A_NUMBER
    unexplained = k.NOT_A_NUMBER
    if is_whole and has_10s:
        removed = _since(state, k.DEPTHS_FROM_10S, k.REMOVED)
        traded = traded_since(state, k.FROM_10S, k.VOLUME)
        add_rate = _since(state, k.DEPTHS_FROM_10S, k.ADDED) * (0.1 * per_unit)
        cancel_rate = removed * (0.1 * per_unit)
        if traded > 0:
            unexplained = max(0, removed - traded) / traded
    put_float(state, k.ADD_RATE_10S, add_rate)
    put_float(state, k.CANCEL_RATE_10S, cancel_rate)
    put_float(state, k.CANCEL_TO_TRADE_10S, unexplained)


@kernel
def flow(state: Arena, now: int, before: int, towards: int) -> int:
    """Size that came to one level of a side, in units.

    ``towards`` is 1 for bids and -1 for asks: times it, a better price is greater. A missing level is size 0 at a price
    behind all others.
    """
    new = towards * state[U(now)]
    old = towards * state[U(before)]
    came = state[U(now + k.SIZES)] if new >= old else 0
    return came - state[U(before + k.SIZES)] if new <= old else came


@kernel
def _compare(state: Arena, now: int, before: int, towards: int) -> tuple[float, int, int]:
    """Weighted flow of one side, and size added to and removed from it at prices that both tops show.

    A side that ends early shows every price. Down to the first price that differs, both are read off rank by rank.
    """
    came = 0.0
    added = 0
    removed = 0
    same = 0
    while same < k.RANKS and state[U(now + same)] == state[U(before + same)]:
        change = state[U(now + k.SIZES + same)] - state[U(before + k.SIZES + same)]
        came += k.WEIGHTS[same] * change
        added += max(change, 0)
        removed -= min(change, 0)
        same += 1
    if same == k.RANKS:
        return came, added, removed
    for rank in range(same, k.RANKS):
        came += k.WEIGHTS[rank] * flow(state, now + rank, before + rank, towards)
    last = max(towards * state[U(now + k.RANKS - 1)], towards * state[U(before + k.RANKS - 1)])
    i = same
    j = same
    while i < k.RANKS and j < k.RANKS:
        new = towards * state[U(now + i)]
        old = towards * state[U(before + j)]
        if max(new, old) < last:
            break
        change = state[U(now + k.SIZES + i)] if new >= old else 0
        change -= state[U(before + k.SIZES + j)] if old >= new else 0
        i += new >= old
        j += old >= new
        added += max(change, 0)
        removed -= min(change, 0)
    return came, added, removed


@kernel
def _push(state: Arena, time: int, added: int, removed: int) -> None:
    """Count a message; those of one instant share an entry of the ring."""
    at = state[k.DEPTHS_AT]
    mask = state[k.DEPTHS_CAPACITY] - 1
    head = state[k.DEPTHS_HEAD]
    if head == 0 or state[U(at + k.DEPTH_WORDS * ((head - 1) & mask))] != time:
        entry = at + k.DEPTH_WORDS * (head & mask)
        state[U(entry)] = time
        for total in range(3):
            state[U(entry + k.MESSAGES + total)] = state[U(k.CHANGED + total)]
        state[k.DEPTHS_HEAD] = head + 1
    state[k.CHANGED] += 1
    state[k.CHANGED + k.ADDED - k.MESSAGES] += added
    state[k.CHANGED + k.REMOVED - k.MESSAGES] += removed
