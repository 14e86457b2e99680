"""The columns of ``price_path.py`` that follow the mid itself; those made of seconds are in ``kernels_seconds.py``.

The ring holds a mid only where it changed. A pointer for each lag counts the mids at least so old, so that the last of
them is the mid that stood there; the pointers only move forward. The least and the greatest mid of 60 s head two queues
from which every candidate that a later mid beats has been dropped.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.features import kernels_layout as k
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]

U: Any = np.uintp

_TAU_60S = 60e9


@kernel
def age_mids(state: Arena, time: int) -> None:
    """Move the pointers on to ``time``."""
    _age(state, k.OLD_1S, time - k.SECOND)
    _age(state, k.OLD_5S, time - 5 * k.SECOND)
    _age(state, k.OLD_30S, time - 30 * k.SECOND)
    _age(state, k.OLD_60S, time - 60 * k.SECOND)
    _age(state, k.OLD_300S, time - 300 * k.SECOND)
    first = state[k.OLD_60S] - 1
    _drop_old(state, k.LEAST_HEAD, k.LEAST, first)
    _drop_old(state, k.GREATEST_HEAD, k.GREATEST, first)


@kernel
def _age(state: Arena, pointer: int, until: int) -> None:
    at = state[k.MIDS_AT]
    mask = state[k.MIDS_CAPACITY] - 1
    head = state[k.MIDS_HEAD]
    i = state[U(pointer)]
    while i < head and state[U(at + k.MID_WORDS * (i & mask))] <= until:
        i += 1
    if i != state[U(pointer)]:
        state[U(pointer)] = i
        state[k.MID_MOVED] = 1


@kernel
def _drop_old(state: Arena, queue: int, slot: int, first: int) -> None:
    """Drop candidates before mid number ``first`` from the front of a queue."""
    at = state[k.MIDS_AT] + slot
    mask = state[k.MIDS_CAPACITY] - 1
    tail = state[U(queue + 1)]
    while tail < state[U(queue)] and state[U(at + k.MID_WORDS * (tail & mask))] < first:
        tail += 1
    state[U(queue + 1)] = tail


@kernel
def is_full(state: Arena) -> bool:
    """Whether one more mid would overwrite one that a lag still needs."""
    oldest = max(state[k.OLD_300S] - 1, 0)
    return bool(state[k.MIDS_HEAD] - oldest == state[k.MIDS_CAPACITY])


@kernel
def price_path(state: Arena, time: int, mid: int) -> None:
    """Enter the mid, in half ticks, and write the family's columns; 0 stands for a row without one."""
    if mid == 0:
        for word in range(k.RETURN_1S, k.RETURN_300S + 1):
            put_float(state, word, k.NOT_A_NUMBER)
        put_float(state, k.RANGE_60S_BPS, k.NOT_A_NUMBER)
        put_float(state, k.ZSCORE_60S, k.NOT_A_NUMBER)
        put_float(state, k.MOMENTUM_30S, k.NOT_A_NUMBER)
        state[k.MID_MOVED] = 1
        return
    if mid != state[k.LAST_MID]:
        _enter(state, time, mid)
        state[k.MID_MOVED] = 1
    _zscore(state, time, mid)
    if state[k.MID_MOVED] == 0:
        return
    state[k.MID_MOVED] = 0
    put_float(state, k.RETURN_1S, math.log1p(_change(state, k.OLD_1S, mid)))
    put_float(state, k.RETURN_5S, math.log1p(_change(state, k.OLD_5S, mid)))
    change = _change(state, k.OLD_30S, mid)
    put_float(state, k.RETURN_30S, math.log1p(change))
    put_float(state, k.MOMENTUM_30S, 1e4 * change)
    put_float(state, k.RETURN_300S, math.log1p(_change(state, k.OLD_300S, mid)))
    spread = k.NOT_A_NUMBER
    if state[k.OLD_60S] > 0:
        least = _mid(state, _front(state, k.LEAST_HEAD, k.LEAST))
        spread = 1e4 * math.log1p((_mid(state, _front(state, k.GREATEST_HEAD, k.GREATEST)) - least) / least)
    put_float(state, k.RANGE_60S_BPS, spread)


@kernel
def _enter(state: Arena, time: int, mid: int) -> None:
    at = state[k.MIDS_AT]
    mask = state[k.MIDS_CAPACITY] - 1
    number = state[k.MIDS_HEAD]
    if number == 0:
        state[k.FIRST_MID] = mid
        state[k.ZSCORE_TIME] = time
    entry = at + k.MID_WORDS * (number & mask)
    state[U(entry + k.AT)] = time
    state[U(entry + k.MID)] = mid
    head = state[k.LEAST_HEAD]
    while head > state[k.LEAST_TAIL] and _mid(state, state[U(at + k.MID_WORDS * ((head - 1) & mask) + k.LEAST)]) >= mid:
        head -= 1
    state[U(at + k.MID_WORDS * (head & mask) + k.LEAST)] = number
    state[k.LEAST_HEAD] = head + 1
    head = state[k.GREATEST_HEAD]
    while (
        head > state[k.GREATEST_TAIL]
        and _mid(state, state[U(at + k.MID_WORDS * ((head - 1) & mask) + k.GREATEST)]) <= mid
    ):
        head -= 1
    state[U(at + k.MID_WORDS * (head & mask) + k.GREATEST)] = number
    state[k.GREATEST_HEAD] = head + 1
    state[k.MIDS_HEAD] = number + 1
    state[k.LAST_MID] = mid


@kernel
def _mid(state: Arena, number: int) -> int:
    """A mid by its number, in half ticks."""
    mask = state[k.MIDS_CAPACITY] - 1
    return int(state[U(state[k.MIDS_AT] + k.MID_WORDS * (number & mask) + k.MID)])


@kernel
def _front(state: Arena, queue: int, slot: int) -> int:
    """Number of the mid at the front of a queue."""
    tail = state[U(queue + 1)]
    mask = state[k.MIDS_CAPACITY] - 1
    return int(state[U(state[k.MIDS_AT] + k.MID_WORDS * (tail & mask) + slot)])


@kernel
def _change(state: Arena, pointer: int, mid: int) -> float:
    """Relative change since a lag, NaN where there is no mid so old."""
    old = state[U(pointer)]
    if old == 0:
        return k.NOT_A_NUMBER
    past = _mid(state, old - 1)
    return (mid - past) / past


@kernel
def _zscore(state: Arena, time: int, mid: int) -> None:
    mean = get_float(state, k.ZSCORE_MEAN)
    var = get_float(state, k.ZSCORE_VAR)
    x = mid - state[k.FIRST_MID]
    pause_ns = time - state[k.ZSCORE_TIME]
    if pause_ns > 0:
        state[k.ZSCORE_TIME] = time
        rest = math.exp(-pause_ns / _TAU_60S)
        step = (1.0 - rest) * (x - mean)
        var = rest * (var + step * (x - mean))
        mean += step
        put_float(state, k.ZSCORE_MEAN, mean)
        put_float(state, k.ZSCORE_VAR, var)
    score = k.NOT_A_NUMBER
    if var > 0.0 and state[k.OLD_60S] > 0:
        score = (x - mean) / math.sqrt(var)
    put_float(state, k.ZSCORE_60S, score)
