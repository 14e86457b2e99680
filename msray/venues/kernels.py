"""Binance frames to records, many a call: exact integers, codes instead of exceptions.

``scan`` reads ``depthUpdate``, ``trade`` and ``aggTrade`` of the three markets, raw or in the combined wrapper, keys in
any order. It accepts a frame only if every byte of it is understood: a key that is read stands there once and is
compared whole; a value under any other key must be a valid JSON scalar of ASCII text. Everything else gets a negative
code (``kernels_text``) as its ``kind`` and is for the slow path (``wire.py``) to judge, so a code is no verdict.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import DEPTH, MAX_SIZE, MAX_TICK, OTHER, SELL, TRADE, Levels, Messages
from msray.venues.kernels_symbol import SPOT, Symbols, find_symbol, word
from msray.venues.kernels_text import (
    BARE_SNAPSHOT,
    CLOSE,
    COLON,
    COMMA,
    EVENT,
    FULL,
    KEYS,
    MAX_FRAME_BYTES,
    OFF_GRID,
    OPEN,
    OPEN_LIST,
    QUOTE,
    RANGE,
    SPARE_BYTES,
    STRUCTURE,
    TEXT,
    TOO_LONG,
    UNKNOWN_SYMBOL,
    Bytes,
    has_spare_bytes,
    nanoseconds,
    read_count,
    read_decimal,
    read_levels,
    read_literal,
    read_word,
    skip_levels,
    skip_scalar,
)

Counts = NDArray[np.int64]
I64: Any = np.int64
U: Any = np.uintp


def _bits(*keys: str) -> int:
    return sum(1 << (ord(key) - 64) for key in keys)


DEPTH_HEAD, DEPTH_TAIL = word("depthUpdate")
TRADE_HEAD, _ = word("trade")
AGGREGATE_HEAD, _ = word("aggTrade")
TICKER_HEAD, TICKER_TAIL = word("bookTicker")
MARK_HEAD, MARK_TAIL = word("markPriceUpdate")
PREVIOUS_KEY, _ = word("pu")
DATA_KEY, _ = word("data")
STREAM_KEY, _ = word("stream")
RESULT_KEY, _ = word("result")
ID_KEY, _ = word("id")
UPDATE_ID_KEY, UPDATE_ID_TAIL = word("lastUpdateId")

# What a frame held: a bit for each single letter (A is 1, z is 58), others in the places between and above.
SEEN_PREVIOUS, SEEN_STREAM, SEEN_RESULT, SEEN_ID = 1 << 27, 1 << 28, 1 << 29, 1 << 30
BID_LEVELS, ASK_LEVELS = 1 << 31, 1 << 32
SEEN_DATA, AGGREGATE_ID = 1 << 59, 1 << 60
SEEN_EVENT, SEEN_SYMBOL = _bits("e"), _bits("s")
NEEDED_DEPTH = _bits("e", "E", "s", "U", "u") | BID_LEVELS | ASK_LEVELS
NEEDED_FUTURES = NEEDED_DEPTH | _bits("T") | SEEN_PREVIOUS
NEEDED_TRADE = _bits("e", "E", "s", "p", "q", "T", "m")
TRADE_ID = _bits("t")
QUOTE_TICKER = _bits("u", "s", "b", "B", "a", "A")
ANSWER = SEEN_RESULT | SEEN_ID


@kernel
def scan(
    buffer: Bytes, begin: Counts, end: Counts, local_ns: Counts, symbols: Symbols, messages: Messages, levels: Levels
) -> int:
    """Read frames ``buffer[begin[i]:end[i]]`` into ``messages[i]``, their levels one behind the other into ``levels``.

    ``buffer`` must end with ``SPARE_BYTES`` zero bytes behind the last frame. A row whose ``kind`` is negative was not
    read (``kernels_text`` names the codes); of it only ``local_ns`` and, where known, ``instrument`` mean anything.

    Returns the number of levels used, or -1 where the spare bytes are not there.
    """
    if not has_spare_bytes(buffer):
        return -1
    room = buffer.shape[0] - SPARE_BYTES
    n = 0
    for i in range(begin.shape[0]):
        lo, hi = begin[i], end[i]
        message = messages[i]
        message.local_ns = local_ns[i]
        first_level = n
        code = 0
        p = lo + 1
        place = 0  # outside the wrapper's data, 1 inside, 2 behind
        seen = 0
        row = -1
        market = SPOT
        price_decimals, size_decimals, grid = 0, 0, 1
        event_head, event_tail = 0, 0
        event_time, trade_time, first_id, last_id, previous_id, trade_id, aggregate_id = 0, 0, 0, 0, -1, 0, 0
        price_at, size_at, maker = 0, 0, 0
        bids_at, asks_at = 0, 0
        highest = 0
        if hi - lo > MAX_FRAME_BYTES:
            code = TOO_LONG
        elif lo < 0 or hi <= lo or hi > room or buffer[U(lo)] != OPEN:
            code = STRUCTURE
        while code == 0:
            # One key and its value a turn.
            if buffer[U(p)] != QUOTE:
                code = STRUCTURE
                break
            key = I64(buffer[U(p + 1)])
            if buffer[U(p + 2)] == QUOTE and ((key | 32) - 97) & 0xFF < 26:
                p += 3
                head, tail = 0, 0
            else:
                key = 0
                head, tail, bits, q = read_word(buffer, p)
                if q < 0 or bits > 127:
                    code = TEXT
                    break
                p = q
            if buffer[U(p)] != COLON:
                code = STRUCTURE
                break
            p += 1
            if key != 0:
                bit = I64(1) << (key - 64)
                if seen & bit or place == 2:
                    code = KEYS
                    break
                seen |= bit
                if key == 98 or key == 97:  # b, a: levels; elsewhere a quote, an order id, an aggregate trade's id
                    c = buffer[U(p)]
                    if c == OPEN_LIST:
                        seen |= BID_LEVELS if key == 98 else ASK_LEVELS
                        if row >= 0 and (key == 98 or (seen & BID_LEVELS and bids_at == 0)):
                            side = 0 if key == 98 else 1
                            p, n, top = read_levels(buffer, p, price_decimals, grid, size_decimals, side, levels, n)
                            highest = max(highest, top)
                        elif key == 98:
                            bids_at = p
                            p = skip_levels(buffer, p, hi)
                        else:
                            asks_at = p
                            p = skip_levels(buffer, p, hi)
                    elif key == 97 and c != QUOTE:
                        aggregate_id, p = read_count(buffer, p)
                        seen |= AGGREGATE_ID
                    else:
                        p = skip_scalar(buffer, p)
                elif key == 69:  # E
                    event_time, p = read_count(buffer, p)
                elif key == 84:  # T
                    trade_time, p = read_count(buffer, p)
                elif key == 101:  # e
                    if buffer[U(p)] != QUOTE:
                        code = STRUCTURE
                        break
                    event_head, event_tail, bits, p = read_word(buffer, p)
                    if bits > 127:
                        code = TEXT
                        break
                elif key == 115:  # s
                    q = p
                    if buffer[U(p)] != QUOTE:
                        code = STRUCTURE
                        break
                    head, tail, bits, p = read_word(buffer, p)
                    if p >= 0:
                        row = find_symbol(buffer, q + 1, p - q - 2, head, tail, symbols)
                        if row >= 0:
                            symbol = symbols[U(row)]
                            market = symbol.market
                            price_decimals, size_decimals = I64(symbol.price_decimals), I64(symbol.size_decimals)
                            grid = symbol.grid
                        elif bits > 127:
                            code = TEXT
                            break
                elif key == 85:  # U
                    first_id, p = read_count(buffer, p)
                elif key == 117:  # u
                    last_id, p = read_count(buffer, p)
                elif key == 116:  # t
                    trade_id, p = read_count(buffer, p)
                elif key == 112:  # p
                    price_at = p
                    p = skip_scalar(buffer, p)
                elif key == 113:  # q
                    size_at = p
                    p = skip_scalar(buffer, p)
                elif key == 109:  # m
                    maker = I64(buffer[U(p)] == 116)
                    if buffer[U(p)] == 110:  # null
                        code = KEYS
                        break
                    p = read_literal(buffer, p)
                else:
                    p = skip_scalar(buffer, p)
            elif head == PREVIOUS_KEY:
                if seen & SEEN_PREVIOUS or place == 2:
                    code = KEYS
                    break
                seen |= SEEN_PREVIOUS
                previous_id, p = read_count(buffer, p)
            elif place != 1 and head == STREAM_KEY:
                if seen & SEEN_STREAM or buffer[U(p)] != QUOTE:
                    code = KEYS
                    break
                seen |= SEEN_STREAM
                p = skip_scalar(buffer, p)
            elif place != 1 and head == DATA_KEY:
                if seen & ~SEEN_STREAM or buffer[U(p)] != OPEN:
                    code = KEYS
                    break
                seen |= SEEN_DATA
                place = 1
                p += 1
                continue
            elif place == 0 and head == RESULT_KEY:
                seen |= SEEN_RESULT
                p = skip_scalar(buffer, p)
            elif place == 0 and head == ID_KEY:
                seen |= SEEN_ID
                p = skip_scalar(buffer, p)
            elif head == UPDATE_ID_KEY and tail == UPDATE_ID_TAIL:
                code = BARE_SNAPSHOT if place == 0 else EVENT
                break
            else:
                p = skip_scalar(buffer, p)
            if p < 0:
                code = p
                break
            c = buffer[U(p)]
            p += 1
            if c == COMMA:
                continue
            if c != CLOSE:
                code = STRUCTURE
                break
            if place == 1:
                place = 2
                c = buffer[U(p)]
                p += 1
                if c == COMMA:
                    continue
                if c != CLOSE:
                    code = STRUCTURE
            break
        kind = OTHER
        is_aggregate = event_head == AGGREGATE_HEAD and event_tail == 0
        if code == 0:
            while p < hi and (buffer[U(p)] == 10 or buffer[U(p)] == 32 or buffer[U(p)] == 13 or buffer[U(p)] == 9):
                p += 1
            if p != hi:
                code = STRUCTURE
            elif seen & SEEN_DATA and not seen & SEEN_STREAM:
                code = KEYS
            elif event_head == DEPTH_HEAD and event_tail == DEPTH_TAIL:
                kind = DEPTH
            elif event_head == TRADE_HEAD or is_aggregate:
                kind = TRADE
            elif event_head == TICKER_HEAD and event_tail == TICKER_TAIL:
                pass
            elif event_head == MARK_HEAD and event_tail == MARK_TAIL:
                pass
            elif seen & SEEN_EVENT:
                code = EVENT
            elif seen & QUOTE_TICKER != QUOTE_TICKER and seen & ANSWER != ANSWER:
                code = EVENT
            if code == 0 and kind != DEPTH and seen & (BID_LEVELS | ASK_LEVELS):
                code = KEYS  # lists that may have been passed over without a look inside
        if code == 0 and kind != OTHER:
            event_time, trade_time = nanoseconds(event_time), nanoseconds(trade_time)
            if not seen & SEEN_SYMBOL:
                code = KEYS
            elif row < 0:
                code = UNKNOWN_SYMBOL
            elif event_time < 0 or trade_time < 0:
                code = RANGE
        if code == 0 and kind == DEPTH:
            needed = NEEDED_DEPTH if market == SPOT else NEEDED_FUTURES
            if seen & needed != needed or (market == SPOT and seen & SEEN_PREVIOUS):
                code = KEYS
            elif first_id > last_id:
                code = RANGE
            if code == 0 and bids_at:
                p, n, top = read_levels(buffer, bids_at, price_decimals, grid, size_decimals, 0, levels, n)
                highest = max(highest, top)
                code = min(p, 0)
            if code == 0 and asks_at:
                p, n, top = read_levels(buffer, asks_at, price_decimals, grid, size_decimals, 1, levels, n)
                highest = max(highest, top)
                code = min(p, 0)
        elif code == 0 and kind == TRADE:
            first_id = aggregate_id if is_aggregate else trade_id
            last_id, previous_id = first_id, -1
            needed = NEEDED_TRADE | (AGGREGATE_ID if is_aggregate else TRADE_ID)
            price, p = read_decimal(buffer, price_at, price_decimals)
            size, q = read_decimal(buffer, size_at, size_decimals)
            if seen & needed != needed:
                code = KEYS
            elif p < 0 or q < 0:
                code = min(p, q)
            elif price % grid:
                code = OFF_GRID
            elif price == 0 or price // grid > MAX_TICK or size == 0 or size > MAX_SIZE:
                code = RANGE
            elif n >= levels.shape[0]:
                code = FULL
            else:
                level = levels[U(n)]
                level.tick, level.size, level.flags = price // grid, size, maker * SELL
                highest = price // grid
                n += 1
        if code < 0 or kind == OTHER:
            n = first_level
        elif highest > symbols[U(row)].highest:
            symbols[U(row)].highest = highest
        message.kind = code if code < 0 else kind
        message.instrument = row
        message.event_ns, message.trade_ns = event_time, trade_time
        message.first_id, message.last_id, message.prev_id = first_id, last_id, previous_id
        message.begin, message.end = first_level, n
    return n


@kernel
def keep_records(messages: Messages) -> int:
    """Move the rows that are records together, in order, over those of kind OTHER; answer how many there are.

    Where a row has not been read, nothing is moved, and the answer is -1.
    """
    for i in range(messages.shape[0]):
        if messages[U(i)].kind < 0:
            return -1
    kept = 0
    for i in range(messages.shape[0]):
        if messages[U(i)].kind != OTHER:
            if i != kept:
                messages[U(kept)] = messages[U(i)]
            kept += 1
    return kept
