"""Columns made of whole exchange seconds: the volatilities of ``price_path.py`` and all but one of ``technical.py``.

They are written when a second closes and stand until the next one does.
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
_KEPT = k.KEPT_BARS - 1
_W_60S = 1.0 - math.exp(-1.0 / 60.0)


@kernel
def close_seconds(state: Arena, time: int) -> None:
    """Close every second that ended at or before ``time``; after a long silence start anew instead."""
    second = time // k.SECOND
    if state[k.BAR_IS_OPEN] == 0 or second == state[k.BAR_SECOND]:
        return
    if second - state[k.BAR_SECOND] > k.MAX_SILENCE:
        start_seconds(state)
        return
    while state[k.BAR_SECOND] < second:
        _close(state)
        state[k.BAR_SECOND] += 1
        state[k.BAR_HIGH] = state[k.LAST_MID]
        state[k.BAR_LOW] = state[k.LAST_MID]


@kernel
def start_seconds(state: Arena) -> None:
    """Forget all seconds; the next valid mid opens the first one."""
    for word in range(k.BAR_IS_OPEN, k.HAS_CROSSED + 1):
        state[U(word)] = 0
    for word in range(k.RISES, k.AUTO_BEFORE + 1):
        put_float(state, word, 0.0)
    for word in range(k.CLOSES, k.RINGS):
        state[U(word)] = 0
    for word in range(k.REALISED_VOL_10S, k.VOL_RATIO + 1):
        put_float(state, word, k.NOT_A_NUMBER)
    put_float(state, k.AUTOCORR_R_60S, k.NOT_A_NUMBER)
    for word in range(k.RSI_14, k.EMA_CROSS + 1):
        put_float(state, word, k.NOT_A_NUMBER)


@kernel
def add_mid(state: Arena, time: int, mid: int) -> None:
    """Take a row's mid, in half ticks, into the open second."""
    if state[k.BAR_IS_OPEN] == 0:
        state[k.BAR_IS_OPEN] = 1
        state[k.BAR_SECOND] = time // k.SECOND
        state[k.BAR_HIGH] = mid
        state[k.BAR_LOW] = mid
    state[k.BAR_HIGH] = max(state[k.BAR_HIGH], mid)
    state[k.BAR_LOW] = min(state[k.BAR_LOW], mid)


@kernel
def _close(state: Arena) -> None:
    """Close the open second at the last valid mid."""
    bar = state[k.BARS]
    close = state[k.LAST_MID]
    slot = bar & _KEPT
    state[U(k.CLOSES + slot)] = close
    state[U(k.HIGHS + slot)] = state[k.BAR_HIGH]
    state[U(k.LOWS + slot)] = state[k.BAR_LOW]
    state[k.BARS] = bar + 1
    if bar == 0:
        state[k.FIRST_CLOSE] = close
    else:
        before = state[U(k.CLOSES + ((bar - 1) & _KEPT))]
        _returns(state, bar, math.log1p((close - before) / before))
        _wilder(state, bar, close, before)
    _means(state, bar, close)
    _channel(state, bar, close)


@kernel
def _returns(state: Arena, count: int, r: float) -> None:
    """Volatility and autocorrelation, with the ``count``-th return."""
    before = get_float(state, k.LAST_RETURN)
    put_float(state, k.LAST_RETURN, r)
    put_float(state, k.SQUARES + (count & _KEPT), r * r)
    put_float(state, k.PAIRS + (count & _KEPT), abs(r * before))
    cross = both = 0.0
    if count > 1:
        cross = _moved(state, k.AUTO_CROSS, r * before, _W_60S)
        both = _moved(state, k.AUTO_NOW, r * r, _W_60S) * _moved(state, k.AUTO_BEFORE, before * before, _W_60S)
    if count < 10:
        return
    short = _sum(state, k.SQUARES, count, 10)
    put_float(state, k.REALISED_VOL_10S, math.sqrt(short))
    if count < 60:
        return
    long = _sum(state, k.SQUARES, count, 60)
    bipower = math.pi / 2.0 * _sum(state, k.PAIRS, count, 59)
    put_float(state, k.REALISED_VOL_60S, math.sqrt(long))
    put_float(state, k.BIPOWER_VOL_60S, math.sqrt(bipower))
    put_float(state, k.JUMP_SHARE_60S, max(0.0, 1.0 - bipower / long) if long > 0.0 else k.NOT_A_NUMBER)
    put_float(state, k.VOL_RATIO, math.sqrt(6.0 * short / long) if long > 0.0 else k.NOT_A_NUMBER)
    put_float(state, k.AUTOCORR_R_60S, cross / math.sqrt(both) if both > 0.0 else k.NOT_A_NUMBER)


@kernel
def _sum(state: Arena, ring: int, newest: int, count: int) -> float:
    """Sum of the newest values of a ring, in four lanes: in one, every addition would wait for the one before."""
    a = b = c = d = 0.0
    for back in range(0, count - 3, 4):
        a += get_float(state, ring + ((newest - back) & _KEPT))
        b += get_float(state, ring + ((newest - back - 1) & _KEPT))
        c += get_float(state, ring + ((newest - back - 2) & _KEPT))
        d += get_float(state, ring + ((newest - back - 3) & _KEPT))
    for back in range(count - count % 4, count):
        a += get_float(state, ring + ((newest - back) & _KEPT))
    return (a + b) + (c + d)


@kernel
def _moved(state: Arena, word: int, x: float, w: float) -> float:
    """Move an EW mean towards a value; returns it."""
    mean = get_float(state, word)
    mean += w * (x - mean)
    put_float(state, word, mean)
    return mean


@kernel
def _wilder(state: Arena, count: int, close: int, before: int) -> None:
    """Relative strength and average true range, from the ``count``-th change of the close on."""
    rises = _wilder_mean(state, k.RISES, count, max(close - before, 0))
    falls = _wilder_mean(state, k.FALLS, count, max(before - close, 0))
    # the open second began with the close before, so this is the true range
    true_range = _wilder_mean(state, k.TRUE_RANGE, count, state[k.BAR_HIGH] - state[k.BAR_LOW])
    if count < 14:
        return
    moved = rises + falls
    put_float(state, k.RSI_14, 100.0 * rises / moved if moved > 0.0 else k.NOT_A_NUMBER)
    put_float(state, k.ATR_14_BPS, 1e4 * true_range / close)


@kernel
def _wilder_mean(state: Arena, word: int, count: int, x: int) -> float:
    """Sum of the first 13 values, then Wilder's mean; returns it."""
    mean = get_float(state, word)
    mean = mean + x if count < 14 else (mean + x) / 14.0 if count == 14 else mean + (x - mean) / 14.0
    put_float(state, word, mean)
    return mean


@kernel
def _means(state: Arena, bar: int, close: int) -> None:
    """Moving averages of closes and what is read off them."""
    x = float(close - state[k.FIRST_CLOSE])
    faster = _moved(state, k.EW5, x, 2.0 / 6.0)
    slower = _moved(state, k.EW20, x, 2.0 / 21.0)
    macd = _moved(state, k.EW12, x, 2.0 / 13.0) - _moved(state, k.EW26, x, 2.0 / 27.0)
    signal = _moved(state, k.EW9, macd, 2.0 / 10.0)
    if bar >= 25:
        put_float(state, k.MACD, 1e4 * macd / close)
    if bar >= 33:
        put_float(state, k.MACD_SIGNAL, 1e4 * signal / close)
    # after a long standstill the difference of two means is the rounding of either
    least = 2e-6 * state[k.TICKS_PER_STEP]
    gap = faster - slower
    sign = 1 if gap > least else -1 if gap < -least else 0
    state[k.CROSS_AGE] += 1
    if sign != 0:
        if state[k.CROSS_SIGN] == -sign:
            state[k.CROSS_AGE] = 0
            state[k.HAS_CROSSED] = 1
        state[k.CROSS_SIGN] = sign
    if bar >= 19 and state[k.HAS_CROSSED] != 0:
        put_float(state, k.EMA_CROSS, float(state[k.CROSS_AGE]))


@kernel
def _channel(state: Arena, bar: int, close: int) -> None:
    """Where the close lies in the last 14 bars and in the bands of the last 20 closes."""
    if bar >= 13:
        high = close
        low = close
        for back in range(14):
            slot = (bar - back) & _KEPT
            high = max(high, state[U(k.HIGHS + slot)])
            low = min(low, state[U(k.LOWS + slot)])
        put_float(state, k.STOCHASTIC_K_14, (close - low) / (high - low) if high > low else k.NOT_A_NUMBER)
    if bar < 19:
        return
    total = 0
    for back in range(20):
        total += state[U(k.CLOSES + ((bar - back) & _KEPT))] - close
    mean = total / 20.0
    squares = 0.0
    for back in range(20):
        away = state[U(k.CLOSES + ((bar - back) & _KEPT))] - close - mean
        squares += away * away
    put_float(
        state, k.BOLLINGER_POSITION, -mean / (2.0 * math.sqrt(squares / 20.0)) if squares > 0.0 else k.NOT_A_NUMBER
    )
