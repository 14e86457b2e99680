"""The columns of ``trade_flow.py``: a ring of trades, three windows over it, sums that decay.

Each entry of the ring holds the running totals as they were before it, so that the sum over a window is the difference
of two totals, whole numbers both, and a window moves by moving its first entry. Totals may wrap around; differences do
not.
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

_LOW: Any = np.int64(2**32 - 1)
_TAU_10S = 10e9


@kernel
def add_trade(state: Arena, time: int, tick: int, size: int, sign: int) -> None:
    """Count a trade; those of one instant at one mid share an entry of the ring.

    One without a sign is entered as if there were no mid before it: neither spread counts it.
    """
    before = state[k.LAST_MID] if sign != 0 else 0
    at = state[k.TRADES_AT]
    mask = state[k.TRADES_CAPACITY] - 1
    head = state[k.TRADES_HEAD]
    last = at + k.TRADE_WORDS * ((head - 1) & mask)
    if head == 0 or state[U(last)] != time or state[U(last + k.BEFORE)] != before:
        entry = at + k.TRADE_WORDS * (head & mask)
        state[U(entry)] = time
        state[U(entry + k.BEFORE)] = before
        for total in range(k.TRADE_TOTALS):
            state[U(entry + k.COUNT + total)] = state[U(k.TRADED + total)]
        state[k.TRADES_HEAD] = head + 1
    # tick * size needs up to 89 bits: high takes what low has beyond 32
    low = tick * (size & _LOW)
    high = tick * (size >> 32) + (low >> 32)
    low = (low & _LOW) + state[k.TRADED + k.VALUE_LOW - k.COUNT]
    state[k.TRADED + k.VALUE_LOW - k.COUNT] = low & _LOW
    state[k.TRADED + k.VALUE_HIGH - k.COUNT] += high + (low >> 32)
    state[k.TRADED] += 1
    state[k.TRADED + k.VOLUME - k.COUNT] += size
    state[k.TRADED + k.SIGNED - k.COUNT] += sign * size
    state[k.TRADED + k.SIDES - k.COUNT] += sign
    state[k.TRADED + k.SIDED_TICKS - k.COUNT] += sign * tick
    put_float(state, k.SIGNED_EW, get_float(state, k.SIGNED_EW) + sign * size)
    put_float(state, k.TRADES_EW_1S, get_float(state, k.TRADES_EW_1S) + 1.0)
    put_float(state, k.TRADES_EW_60S, get_float(state, k.TRADES_EW_60S) + 1.0)
    put_float(state, k.VOLUME_EW_60S, get_float(state, k.VOLUME_EW_60S) + size)
    if before > 0:
        paid = 2e4 * sign * (2 * tick - before) / before
        _average(state, k.EFFECTIVE_SUM, time - state[k.TRADE_TIME], paid, 1)
        state[k.TRADE_TIME] = time


@kernel
def _average(state: Arena, word: int, pause_ns: int, total: float, count: int) -> None:
    """Add values to an EW mean over trades, kept as two sums."""
    values = get_float(state, word)
    weight = get_float(state, word + 1)
    if pause_ns > 0 and weight > 0.0:
        rest = math.exp(-pause_ns / _TAU_10S)
        values *= rest
        weight *= rest
    put_float(state, word, values + total)
    put_float(state, word + 1, weight + count)


@kernel
def forget_trades(state: Arena, time: int) -> None:
    """Move the windows on to ``time``, and look at trades whose 5 s have passed.

    No row came since, so the mid at the end of their 5 s is the last one.
    """
    at = state[k.TRADES_AT]
    mask = state[k.TRADES_CAPACITY] - 1
    i = state[k.UNRIPE]
    while i < state[k.TRADES_HEAD] and state[U(at + k.TRADE_WORDS * (i & mask))] + 5 * k.SECOND < time:
        before = state[U(at + k.TRADE_WORDS * (i & mask) + k.BEFORE)]
        if before > 0:
            then = state[U(at + k.TRADE_WORDS * (i & mask))]
            sides = _total(state, i + 1, k.SIDES) - _total(state, i, k.SIDES)
            ticks = _total(state, i + 1, k.SIDED_TICKS) - _total(state, i, k.SIDED_TICKS)
            kept = 2e4 * (2 * ticks - sides * state[k.LAST_MID]) / before
            trades = _total(state, i + 1, k.COUNT) - _total(state, i, k.COUNT)
            _average(state, k.REALISED_SUM, then - state[k.RIPE_TIME], kept, trades)
            state[k.RIPE_TIME] = then
        i += 1
    state[k.UNRIPE] = i
    _forget(state, k.FROM_1S, time - k.SECOND)
    _forget(state, k.FROM_10S, time - 10 * k.SECOND)
    _forget(state, k.FROM_60S, time - 60 * k.SECOND)


@kernel
def _forget(state: Arena, window: int, until: int) -> None:
    at = state[k.TRADES_AT]
    mask = state[k.TRADES_CAPACITY] - 1
    i = state[U(window)]
    while i < state[k.TRADES_HEAD] and state[U(at + k.TRADE_WORDS * (i & mask))] <= until:
        i += 1
    state[U(window)] = i


@kernel
def _total(state: Arena, number: int, word: int) -> int:
    """A running total as it was before an entry; behind the last entry it is the present one."""
    if number == state[k.TRADES_HEAD]:
        return int(state[U(k.TRADED + word - k.COUNT)])
    mask = state[k.TRADES_CAPACITY] - 1
    return int(state[U(state[k.TRADES_AT] + k.TRADE_WORDS * (number & mask) + word)])


@kernel
def traded_since(state: Arena, window: int, word: int) -> int:
    """What one total has grown by in a window, ``FROM_1S``, ``FROM_10S`` or ``FROM_60S``."""
    return int(state[U(k.TRADED + word - k.COUNT)]) - _total(state, state[U(window)], word)


@kernel
def trade_flow(state: Arena, time: int, mid: int) -> None:
    """Write the family's columns; ``mid`` is in half ticks, 0 where the row has none."""
    unit = get_float(state, k.SIZE_UNITS)
    age = time - state[k.EPOCH_START]
    trades = traded_since(state, k.FROM_1S, k.COUNT)
    volume = traded_since(state, k.FROM_1S, k.VOLUME)
    imbalance = rate = size = burst = arrivals = intensity = k.NOT_A_NUMBER
    if age >= k.SECOND:
        rate = float(trades)
        size = volume / unit
        intensity = get_float(state, k.TRADES_EW_1S)
        if volume > 0:
            imbalance = traded_since(state, k.FROM_1S, k.SIGNED) / volume
        if get_float(state, k.TRADES_EW_60S) > 0.0:
            seconds = 60.0 * (1.0 - get_float(state, k.REST_60S))
            arrivals = trades * seconds / get_float(state, k.TRADES_EW_60S)
            burst = volume * seconds / get_float(state, k.VOLUME_EW_60S)
    put_float(state, k.TRADE_IMBALANCE_1S, imbalance)
    put_float(state, k.VOLUME_1S, size)
    put_float(state, k.VOLUME_BURST, burst)
    put_float(state, k.TRADE_RATE_1S, rate)
    put_float(state, k.ARRIVAL_BURST, arrivals)
    put_float(state, k.HAWKES_INTENSITY, intensity)
    imbalance = size = signed = mean = k.NOT_A_NUMBER
    volume = traded_since(state, k.FROM_10S, k.VOLUME)
    if age >= 10 * k.SECOND:
        size = volume / unit
        signed = get_float(state, k.SIGNED_EW) / unit
        if volume > 0:
            imbalance = traded_since(state, k.FROM_10S, k.SIGNED) / volume
            mean = volume / (traded_since(state, k.FROM_10S, k.COUNT) * unit)
    put_float(state, k.TRADE_IMBALANCE_10S, imbalance)
    put_float(state, k.SIGNED_VOLUME_EW_10S, signed)
    put_float(state, k.VOLUME_10S, size)
    put_float(state, k.MEAN_TRADE_SIZE_10S, mean)
    deviation = effective = realised = k.NOT_A_NUMBER
    volume = traded_since(state, k.FROM_60S, k.VOLUME)
    if age >= 60 * k.SECOND and volume > 0 and mid > 0:
        high = traded_since(state, k.FROM_60S, k.VALUE_HIGH)
        vwap = (high * 4294967296.0 + traded_since(state, k.FROM_60S, k.VALUE_LOW)) / volume
        if vwap > 0.0:
            deviation = 1e4 * (mid / 2.0 - vwap) / vwap
    if get_float(state, k.EFFECTIVE_WEIGHT) > 0.0:
        effective = get_float(state, k.EFFECTIVE_SUM) / get_float(state, k.EFFECTIVE_WEIGHT)
    if get_float(state, k.REALISED_WEIGHT) > 0.0:
        realised = get_float(state, k.REALISED_SUM) / get_float(state, k.REALISED_WEIGHT)
    put_float(state, k.VWAP_DEVIATION_BPS, deviation)
    put_float(state, k.EFFECTIVE_SPREAD_BPS, effective)
    put_float(state, k.REALISED_SPREAD_BPS, realised)
