"""The columns of ``book_shape.py``, from the covered levels of the book."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.book import kernels as book_kernels
from msray.compiled import kernel
from msray.features import kernels_layout as k
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]

U: Any = np.uintp
U64: Any = np.uint64


@kernel
def book_shape(book: Arena, state: Arena) -> int:
    """Read the top of the book into ``state[TOP]`` and write the family's columns.

    Returns the mid in half ticks, 0 where the book has none.
    """
    top = state[k.TOP]
    book_kernels.top(book, k.RANKS, state, top)
    bids = state[U(top + k.BIDS_FOUND)]
    asks = state[U(top + k.ASKS_FOUND)]
    for rank in range(bids, k.RANKS):
        state[U(top + rank)] = book_kernels.NO_BID
        state[U(top + k.SIZES + rank)] = 0
    for rank in range(asks, k.RANKS):
        state[U(top + k.ASKS + rank)] = book_kernels.NO_ASK
        state[U(top + k.ASKS + k.SIZES + rank)] = 0
    bid_ends = book[book_kernels.BID_EDGE] == book_kernels.NO_BID
    ask_ends = book[book_kernels.ASK_EDGE] == book_kernels.NO_ASK
    bid = state[U(top)]
    ask = state[U(top + k.ASKS)]
    is_valid = bids > 0 and asks > 0 and bid < ask
    has_bids = is_valid and (bids == k.RANKS or bid_ends)
    has_asks = is_valid and (asks == k.RANKS or ask_ends)
    state[k.IS_VALID] = is_valid
    state[k.IS_WHOLE] = has_bids and has_asks
    before = k.TOP_A + k.TOP_B - top
    state[k.BIDS_STAND] = _stands(state, top, before)
    state[k.ASKS_STAND] = _stands(state, top + k.ASKS, before + k.ASKS)
    if not is_valid:
        state[k.FITTED_BIDS] = -1
        state[k.FITTED_ASKS] = -1
        for word in range(k.MID_PRICE, k.GAP_L1_L2_TICKS + 1):
            put_float(state, word, k.NOT_A_NUMBER)
        return 0
    mid = bid + ask
    _touch(state, top)
    _imbalances(state, top, (bids >= 5 or bid_ends) and (asks >= 5 or ask_ends))
    unit = get_float(state, k.SIZE_UNITS)
    _fit(state, 0, bids if has_bids else 0)
    _fit(state, 1, asks if has_asks else 0)
    ticks_per_bps = mid / 2e4
    scale = ticks_per_bps / unit
    put_float(state, k.SLOPE_BID, get_float(state, k.BID_SLOPE) * scale)
    put_float(state, k.SLOPE_ASK, get_float(state, k.ASK_SLOPE) * scale)
    curve = (get_float(state, k.BID_CURVE) + get_float(state, k.ASK_CURVE)) / 2.0
    put_float(state, k.BOOK_CONVEXITY, curve * ticks_per_bps * scale)
    if not has_bids:
        put_float(state, k.DEPTH_BID_L10, k.NOT_A_NUMBER)
    if not has_asks:
        put_float(state, k.DEPTH_ASK_L10, k.NOT_A_NUMBER)
    # 10 bps of a mid of `mid` half ticks, in whole ticks, rounded towards the mid
    lowest = -((-mid * 999) // 2000)
    highest = (mid * 1001) // 2000
    near = k.NOT_A_NUMBER
    if book[book_kernels.BID_EDGE] <= lowest:
        near = _bids_from(book, lowest) / unit
    put_float(state, k.DEPTH_BID_10BPS, near)
    near = k.NOT_A_NUMBER
    if book[book_kernels.ASK_EDGE] >= highest:
        near = _asks_to(book, highest) / unit
    put_float(state, k.DEPTH_ASK_10BPS, near)
    put_float(state, k.VWAP_SPREAD_BPS, 2e4 * (_slip(book, state, 0) + _slip(book, state, 1)) / mid)
    gap = k.NOT_A_NUMBER
    if bids > 1 and asks > 1:
        gap = (bid - state[U(top + 1)] + state[U(top + k.ASKS + 1)] - ask) / (2.0 * state[k.TICKS_PER_STEP])
    put_float(state, k.GAP_L1_L2_TICKS, gap)
    return int(mid)


@kernel
def _touch(state: Arena, top: int) -> None:
    bid = state[U(top)]
    ask = state[U(top + k.ASKS)]
    bid_size = state[U(top + k.SIZES)]
    ask_size = state[U(top + k.ASKS + k.SIZES)]
    mid = bid + ask
    spread = ask - bid
    grid = state[k.GRID]
    price_units = get_float(state, k.PRICE_UNITS)
    imbalance = (bid_size - ask_size) / (bid_size + ask_size)
    spread_bps = 2e4 * spread / mid
    put_float(state, k.MID_PRICE, mid * grid / (2.0 * price_units))
    put_float(state, k.SPREAD, spread * grid / price_units)
    put_float(state, k.SPREAD_BPS, spread_bps)
    put_float(state, k.SPREAD_TICKS, spread / state[k.TICKS_PER_STEP])
    put_float(state, k.MICROPRICE, (mid + spread * imbalance) * grid / (2.0 * price_units))
    put_float(state, k.MICROPRICE_OFFSET_BPS, spread_bps * imbalance / 2.0)
    put_float(state, k.IMBALANCE_L1, imbalance)
    put_float(state, k.QUEUE_IMBALANCE_LOG, math.log(bid_size / ask_size))


@kernel
def _imbalances(state: Arena, top: int, has_five: bool) -> None:
    bid_size = 0
    ask_size = 0
    five = k.NOT_A_NUMBER
    more = 0.0
    all_of_it = 0.0
    for rank in range(k.RANKS):
        bid = state[U(top + k.SIZES + rank)]
        ask = state[U(top + k.ASKS + k.SIZES + rank)]
        bid_size += bid
        ask_size += ask
        more += k.WEIGHTS[rank] * (bid - ask)
        all_of_it += k.WEIGHTS[rank] * (bid + ask)
        if rank == 4 and has_five:
            five = (bid_size - ask_size) / (bid_size + ask_size)
    unit = get_float(state, k.SIZE_UNITS)
    is_whole = state[k.IS_WHOLE] != 0
    put_float(state, k.IMBALANCE_L5, five)
    put_float(state, k.IMBALANCE_L10, (bid_size - ask_size) / (bid_size + ask_size) if is_whole else k.NOT_A_NUMBER)
    put_float(state, k.IMBALANCE_WEIGHTED, more / all_of_it if is_whole else k.NOT_A_NUMBER)
    put_float(state, k.DEPTH_BID_L10, bid_size / unit)
    put_float(state, k.DEPTH_ASK_L10, ask_size / unit)


@kernel
def _stands(state: Arena, now: int, before: int) -> bool:
    """Whether a side's ten levels are what they were."""
    moved = 0
    for word in range(2 * k.RANKS):
        moved |= state[U(now + word)] ^ state[U(before + word)]
    return moved == 0


@kernel
def _fit(state: Arena, side: int, found: int) -> None:
    """Slope of a line, and quadratic term of a parabola, through cumulative size over distance in ticks.

    Both are unchanged when distances are measured from the best level and not from the mid, so they stand as long as
    the side does. The parabola is fitted on polynomials made orthogonal level by level, which keeps its digits where
    one level lies far out.
    """
    if state[U(k.BIDS_STAND + side)] != 0 and state[U(k.FITTED_BIDS + side)] == found:
        return
    state[U(k.FITTED_BIDS + side)] = found
    put_float(state, k.BID_SLOPE + side, k.NOT_A_NUMBER)
    put_float(state, k.BID_CURVE + side, k.NOT_A_NUMBER)
    if found < 2:
        return
    at = state[k.TOP] + side * k.ASKS
    best = state[U(at)]
    centre = 0
    for rank in range(found):
        centre += abs(state[U(at + rank)] - best)
    part = 1.0 / found
    mean = centre * part
    square = 0.0
    cube = 0.0
    rise = 0.0
    size = 0
    for rank in range(found):
        x = abs(state[U(at + rank)] - best) - mean
        size += state[U(at + k.SIZES + rank)]
        square += x * x
        cube += x * x * x
        rise += x * size
    steep = 1.0 / square
    put_float(state, k.BID_SLOPE + side, rise * steep)
    if found < 3:
        return
    level = square * part
    lean = cube * steep
    square = 0.0
    rise = 0.0
    size = 0
    for rank in range(found):
        x = abs(state[U(at + rank)] - best) - mean
        size += state[U(at + k.SIZES + rank)]
        bow = x * (x - lean) - level
        square += bow * bow
        rise += bow * size
    if square > 0.0:
        put_float(state, k.BID_CURVE + side, rise / square)


@kernel
def _bids_from(book: Arena, lowest: int) -> int:
    """Size of all bids at ``lowest`` or above."""
    total = 0
    tick = book[book_kernels.BEST_BID]
    while tick >= lowest:
        entry = U(book[book_kernels.DIRECTORY_AT] + 2 * (tick >> 12))
        pages = U64(book[entry + U(1)])
        base = book[book_kernels.BLOCKS_AT] + book[entry] * book_kernels.BLOCK_WORDS
        start = (tick >> 12) << 12
        while pages != book_kernels.NIL:
            page = book_kernels.highest_bit(pages)
            pages ^= book_kernels.ONE << U64(page)
            below = lowest - (start + (page << 6))
            if below > 63:
                return total
            total += _page_size(book, base + 2 * page, max(below, 0), 63)
        tick = book_kernels.at_or_below(book, 0, start - 1)
    return total


@kernel
def _asks_to(book: Arena, highest: int) -> int:
    """Size of all asks at ``highest`` or below."""
    total = 0
    tick = book[book_kernels.BEST_ASK]
    while tick <= highest:
        entry = U(book[book_kernels.DIRECTORY_AT] + 2 * (book[book_kernels.BLOCKS_PER_SIDE] + (tick >> 12)))
        pages = U64(book[entry + U(1)])
        base = book[book_kernels.BLOCKS_AT] + book[entry] * book_kernels.BLOCK_WORDS
        start = (tick >> 12) << 12
        while pages != book_kernels.NIL:
            page = book_kernels.lowest_bit(pages)
            pages &= pages - book_kernels.ONE
            last = highest - (start + (page << 6))
            if last < 0:
                return total
            total += _page_size(book, base + 2 * page, 0, min(last, 63))
        tick = book_kernels.at_or_above(book, 1, start + 4096)
    return total


@kernel
def _page_size(book: Arena, slot: int, first: int, last: int) -> int:
    """Sum of the sizes at ticks ``first`` to ``last`` of a page; ticks without a level hold 0."""
    at = book[book_kernels.PAGES_AT] + (book[U(slot)] << 6)
    total = 0
    for word in range(first, last + 1):
        total += book[U(at + word)]
    return total


@kernel
def _slip(book: Arena, state: Arena, side: int) -> float:
    """Ticks between the mid and the average price of trading the notional against a side; NaN if it is not there."""
    top = state[k.TOP]
    mid = state[U(top)] + state[U(top + k.ASKS)]
    at = top + side * k.ASKS
    found = state[U(top + k.BIDS_FOUND + side)]
    left = get_float(state, k.NOTIONAL)
    size = 0.0
    slip = 0.0
    rank = 0
    tick = state[U(at)]
    while True:
        if rank < found:
            tick = state[U(at + rank)]
            here = float(state[U(at + k.SIZES + rank)])
        else:
            if side == 0:
                tick = book_kernels.at_or_below(book, 0, tick - 1)
                if tick < book[book_kernels.BID_EDGE] or tick < 0:
                    return k.NOT_A_NUMBER
            else:
                tick = book_kernels.at_or_above(book, 1, tick + 1)
                if tick > book[book_kernels.ASK_EDGE] or tick == book_kernels.NO_ASK:
                    return k.NOT_A_NUMBER
            here = float(book_kernels.size_at(book, side, tick))
        rank += 1
        value = tick * here
        if value >= left:
            here = left / tick
        size += here
        slip += abs(2 * tick - mid) * here
        if value >= left:
            return float(slip / (2.0 * size))
        left -= value
