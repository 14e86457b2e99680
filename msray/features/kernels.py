"""One record in, one row out: the order in which the families' kernels run.

A row is one applied depth message, after the trades before it in log order. It stands in ``state[ROW:ROW + 65]``
(floats) until the next one; what ``levels.py`` adds to it, where it does, in ``state[LEVEL_ROW:LEVEL_ROW + 67]``. Only
exchange time moves the state; ``local_ns`` enters ``feed_latency_ms`` and nothing else.

Every call on a record returns whether there was room for it. If not, nothing has been counted: make the state larger
(``state.grow``) and make the same call again.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.book import kernels as book_kernels
from msray.compiled import kernel
from msray.features import kernels_layout as k
from msray.features.kernels_book_shape import book_shape
from msray.features.kernels_borrow import address
from msray.features.kernels_levels import levels_of_row
from msray.features.kernels_order_flow import forget_depths, order_flow
from msray.features.kernels_price_path import age_mids, is_full, price_path
from msray.features.kernels_seconds import add_mid, close_seconds
from msray.features.kernels_trade_flow import add_trade, forget_trades, trade_flow
from msray.market import DEPTH, OTHER, SELL, TRADE, UNSIGNED, Levels, Messages
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]
Rows = NDArray[np.float64]

ROW = k.ROW
COLUMNS = k.COLUMNS
LEVEL_COLUMNS = k.LEVEL_COLUMNS
HAS_LEVELS = k.HAS_LEVELS
STATUS = k.STATUS
DONE, BOOK_FULL, STATE_FULL = 0, 1, 2

U: Any = np.uintp


@kernel
def on_trade(state: Arena, event_ns: int, tick: int, size: int, flags: int) -> bool:
    """Take one trade; ``flags`` as in its level. False: the state is full."""
    return _trade(address(state), event_ns, tick, size, _sign(flags))


@kernel
def _sign(flags: int) -> int:
    """Who was the aggressor: 1 the buyer, -1 the seller, 0 nobody says."""
    if flags & UNSIGNED:
        return 0
    return -1 if flags & SELL else 1


@kernel
def _trade(state: Arena, event_ns: int, tick: int, size: int, sign: int) -> bool:
    time = max(event_ns, state[k.TIME]) if state[k.HAS_STARTED] != 0 else event_ns
    if state[k.TRADES_HEAD] - state[k.FROM_60S] == state[k.TRADES_CAPACITY]:
        forget_trades(state, time)
        if state[k.TRADES_HEAD] - state[k.FROM_60S] == state[k.TRADES_CAPACITY]:
            return False
    _pass_time(state, time)
    add_trade(state, time, tick, size, sign)
    return True


@kernel
def on_depth(book: Arena, state: Arena, event_ns: int, local_ns: int) -> bool:
    """Write the row of a depth message that the book has applied. False: the state is full."""
    return _depth(address(book), address(state), event_ns, local_ns)


@kernel
def _depth(book: Arena, state: Arena, event_ns: int, local_ns: int) -> bool:
    time = max(event_ns, state[k.TIME]) if state[k.HAS_STARTED] != 0 else event_ns
    forget_trades(state, time)
    forget_depths(state, time)
    age_mids(state, time)
    if state[k.DEPTHS_HEAD] - state[k.DEPTHS_FROM_10S] == state[k.DEPTHS_CAPACITY] or is_full(state):
        return False
    _pass_time(state, time)
    close_seconds(state, time)
    state[k.WAS_VALID] = state[k.IS_VALID]
    state[k.WAS_WHOLE] = state[k.IS_WHOLE]
    state[k.TOP] = k.TOP_A + k.TOP_B - state[k.TOP]
    mid = book_shape(book, state)
    order_flow(state, time)
    trade_flow(state, time, mid)
    price_path(state, time, mid)
    if mid > 0:
        add_mid(state, time, mid)
    _feed(state, time, event_ns, local_ns)
    if state[k.HAS_LEVELS] != 0:
        levels_of_row(book, state)
    return True


@kernel
def step(book: Arena, state: Arena, messages: Messages, levels: Levels, at: int) -> int:
    """Take one DEPTH or TRADE message: ``DONE``, ``BOOK_FULL`` or ``STATE_FULL``.

    Whatever is full has to grow; the same call again then goes on where this one stopped.
    """
    return _step(address(book), address(state), messages, levels, at)


@kernel
def _step(book: Arena, state: Arena, messages: Messages, levels: Levels, at: int) -> int:
    message = messages[U(at)]
    if message.kind == TRADE:
        trade = levels[U(message.begin)]
        sign = _sign(trade.flags)
        return DONE if _trade(state, message.event_ns, trade.tick, trade.size, sign) else STATE_FULL
    if state[k.IS_APPLIED] == 0:
        if not book_kernels.apply(book, levels, message.begin, message.end):
            return BOOK_FULL
        state[k.IS_APPLIED] = 1
    if not _depth(book, state, message.event_ns, message.local_ns):
        return STATE_FULL
    state[k.IS_APPLIED] = 0
    return DONE


@kernel
def fold(book: Arena, state: Arena, messages: Messages, levels: Levels, lo: int, hi: int, rows: Rows) -> int:
    """Take messages ``lo`` to ``hi`` and write one row for each DEPTH, from ``rows[0]`` on: 65 columns, or 132.

    Returns the message it stopped at: ``hi``, or one of a kind that is no DEPTH or TRADE, or one for which ``rows`` has
    no room, or one that ``state[STATUS]`` says what has to grow for.
    """
    book_words = address(book)
    words = address(state)
    done = 0
    state[STATUS] = DONE
    for at in range(lo, hi):
        kind = messages[U(at)].kind
        if kind == OTHER:
            continue
        if kind != DEPTH and kind != TRADE:
            return at
        if kind == DEPTH and done == rows.shape[0]:
            return at
        status = _step(book_words, words, messages, levels, at)
        if status != DONE:
            state[STATUS] = status
            return at
        if kind == DEPTH:
            for column in range(COLUMNS):
                rows[U(done), U(column)] = get_float(words, ROW + column)
            if rows.shape[1] > COLUMNS:
                put_levels(words, rows, done)
            done += 1
    return hi


@kernel
def put_levels(state: Arena, rows: Rows, at: int) -> None:
    """Write the columns of ``levels.py`` behind the others of a row."""
    for column in range(LEVEL_COLUMNS):
        rows[U(at), U(COLUMNS + column)] = get_float(state, k.LEVEL_ROW + column)


@kernel
def _pass_time(state: Arena, time: int) -> None:
    """Let the EW sums decay up to ``time``."""
    if state[k.HAS_STARTED] == 0:
        state[k.HAS_STARTED] = 1
        state[k.EPOCH_START] = time
    elif time > state[k.TIME]:
        rest_60s = math.exp((state[k.TIME] - time) / 60e9)
        rest_10s = rest_60s**6
        rest_1s = rest_10s**10
        put_float(state, k.OFI_1S, get_float(state, k.OFI_1S) * rest_1s)
        put_float(state, k.TRADES_EW_1S, get_float(state, k.TRADES_EW_1S) * rest_1s)
        put_float(state, k.OFI_10S, get_float(state, k.OFI_10S) * rest_10s)
        put_float(state, k.SIGNED_EW, get_float(state, k.SIGNED_EW) * rest_10s)
        put_float(state, k.TRADES_EW_60S, get_float(state, k.TRADES_EW_60S) * rest_60s)
        put_float(state, k.VOLUME_EW_60S, get_float(state, k.VOLUME_EW_60S) * rest_60s)
        put_float(state, k.REST_60S, get_float(state, k.REST_60S) * rest_60s)
    state[k.TIME] = time


@kernel
def _feed(state: Arena, time: int, event_ns: int, local_ns: int) -> None:
    """Write the columns of ``feed.py``."""
    late = stale = k.NOT_A_NUMBER
    if local_ns > 0 and event_ns > 0:
        state[k.LEAST_LATENCY] = min(state[k.LEAST_LATENCY], local_ns - event_ns)
        late = (local_ns - event_ns - state[k.LEAST_LATENCY]) / 1e6
    if state[k.ROWS] > 0:
        stale = (time - state[k.ROW_TIME]) / 1e6
    state[k.ROWS] += 1
    state[k.ROW_TIME] = time
    angle = 2.0 * math.pi * ((time % k.DAY) / k.DAY)
    put_float(state, k.FEED_LATENCY_MS, late)
    put_float(state, k.STALENESS_MS, stale)
    put_float(state, k.SECONDS_OF_DAY_SIN, math.sin(angle))
    put_float(state, k.SECONDS_OF_DAY_COS, math.cos(angle))
