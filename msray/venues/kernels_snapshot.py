"""REST depth snapshots to one SNAPSHOT record: read as exactly as the streams, up to 10,000 levels."""

from typing import Any

import numpy as np

from msray.compiled import kernel
from msray.market import SNAPSHOT, Levels, Messages
from msray.venues.kernels_symbol import Symbols, find_symbol, word
from msray.venues.kernels_text import (
    CLOSE,
    COLON,
    COMMA,
    KEYS,
    OPEN,
    QUOTE,
    RANGE,
    STRUCTURE,
    TEXT,
    UNKNOWN_SYMBOL,
    Bytes,
    nanoseconds,
    read_count,
    read_levels,
    read_word,
    skip_scalar,
)

I64: Any = np.int64
U: Any = np.uintp

UPDATE_ID_HEAD, UPDATE_ID_TAIL = word("lastUpdateId")
SYMBOL_HEAD, _ = word("symbol")
BIDS_HEAD, _ = word("bids")
ASKS_HEAD, _ = word("asks")
EVENT_HEAD, _ = word("e")
DATA_HEAD, _ = word("data")
EVENT_TIME_HEAD, _ = word("E")
TRADE_TIME_HEAD, _ = word("T")
SEEN_UPDATE_ID, SEEN_BIDS, SEEN_ASKS, SEEN_SYMBOL, SEEN_EVENT_TIME, SEEN_TRADE_TIME = 1, 2, 4, 8, 16, 32
NEEDED = SEEN_UPDATE_ID | SEEN_BIDS | SEEN_ASKS


@kernel
def scan_snapshot(
    buffer: Bytes, lo: int, hi: int, owner: int, symbols: Symbols, messages: Messages, levels: Levels
) -> int:
    """Read the snapshot ``buffer[lo:hi]`` into ``messages[0]`` and ``levels[0:]``.

    ``owner`` is the row of the instrument it is known to be for, -1 where only its own ``symbol`` can tell; the two
    must not disagree. ``first_id`` becomes the number of levels on the longer side. ``buffer`` as for ``scan``.

    Returns the number of levels used, or a negative code (``kernels_text``): then the slow path is to judge.
    """
    if buffer[U(lo)] != OPEN:
        return STRUCTURE
    message = messages[0]
    p = lo + 1
    n, longest, highest = 0, 0, 0
    seen, row = 0, owner
    last_id, event_time, trade_time = 0, 0, 0
    while True:
        if buffer[U(p)] != QUOTE:
            return STRUCTURE
        head, tail, bits, q = read_word(buffer, p)
        if q < 0 or bits > 127:
            return TEXT
        if buffer[U(q)] != COLON:
            return STRUCTURE
        p = q + 1
        bit = 0
        if head == UPDATE_ID_HEAD and tail == UPDATE_ID_TAIL:
            bit = SEEN_UPDATE_ID
            last_id, p = read_count(buffer, p)
        elif head == BIDS_HEAD or head == ASKS_HEAD:
            side = 0 if head == BIDS_HEAD else 1
            bit = SEEN_ASKS if side else SEEN_BIDS
            # Bids first and after the symbol, as the venue sends them; other orders are for the slow path.
            if row < 0 or seen & (SEEN_ASKS if side else NEEDED - SEEN_UPDATE_ID):
                return KEYS
            symbol = symbols[U(row)]
            before = n
            p, n, top = read_levels(
                buffer, p, I64(symbol.price_decimals), symbol.grid, I64(symbol.size_decimals), side, levels, n
            )
            longest, highest = max(longest, n - before), max(highest, top)
        elif head == SYMBOL_HEAD:
            bit = SEEN_SYMBOL
            if buffer[U(p)] != QUOTE:
                return STRUCTURE
            q = p + 1
            head, tail, bits, p = read_word(buffer, p)
            if p >= 0:
                row = find_symbol(buffer, q, p - 1 - q, head, tail, symbols)
                if row < 0 or (owner >= 0 and row != owner):
                    return UNKNOWN_SYMBOL
        elif head == EVENT_TIME_HEAD:
            bit = SEEN_EVENT_TIME
            event_time, p = read_count(buffer, p)
        elif head == TRADE_TIME_HEAD:
            bit = SEEN_TRADE_TIME
            trade_time, p = read_count(buffer, p)
        elif head == EVENT_HEAD or head == DATA_HEAD:
            return KEYS  # an event, or a wrapper: no snapshot
        else:
            p = skip_scalar(buffer, p)
        if p < 0:
            return p
        if seen & bit:
            return KEYS
        seen |= bit
        c = buffer[U(p)]
        p += 1
        if c == COMMA:
            continue
        if c != CLOSE:
            return STRUCTURE
        break
    while p < hi and (buffer[U(p)] == 10 or buffer[U(p)] == 32 or buffer[U(p)] == 13 or buffer[U(p)] == 9):
        p += 1
    if p != hi:
        return STRUCTURE
    if seen & NEEDED != NEEDED:
        return KEYS
    event_ns, trade_ns = nanoseconds(event_time), nanoseconds(trade_time)
    if event_ns < 0 or trade_ns < 0:
        return RANGE
    message.kind = SNAPSHOT
    message.instrument = row
    message.event_ns, message.trade_ns = event_ns, trade_ns
    message.first_id, message.last_id, message.prev_id = longest, last_id, -1
    message.begin, message.end = 0, n
    symbols[U(row)].highest = max(symbols[U(row)].highest, highest)
    return n
