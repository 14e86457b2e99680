"""Rows of exchange snapshots to records: what changed between two of them, and what was traded."""

from msray.compiled import allocating_kernel, kernel
from msray.market import ASK, DEPTH, GAP, MAX_TICK, SELL, SNAPSHOT, TRADE, UNSIGNED, GapReason, Levels, Messages
from msray.venues import kernels_ranks as ranks
from msray.venues.kernels_ranks import BOOK_ROW, EVENT_NS, IS_KNOWN, LOCAL_NS, ROW, TRADES, Table

LOCAL, EVENT, VOLUME, TURNOVER, LOWEST, HIGHEST, BOOK = range(7)
"""Columns of a row: times in nanoseconds, lots and ticks times lots of the trading day so far, the day's price limits,
and from ``BOOK`` on the book. An unreadable row has ``UNREADABLE`` in its first column."""
UNREADABLE = -(2**63)
BREAK_NS = 30_000_000_000
"""A market that is open is not silent for so long."""
APART_NS = 3_600_000_000_000
"""No recorder's clock is so far from the exchange's."""
MAX_VOLUME = 2**31
"""Largest number of lots: times a price it stays below 2 ** 62."""

VOLUME_SO_FAR, TURNOVER_SO_FAR, IS_BEGUN = ranks.WORDS, ranks.WORDS + 1, ranks.WORDS + 2
"""Words of the state, behind those of the ranks: of the last good row, and whether there is one."""
WORDS = IS_BEGUN + 1

FINE, BAD_ROW, BAD_TIME, TOO_EARLY, BAD_LEVELS, BAD_VOLUME, BAD_AMOUNT, BAD_SPREAD = range(8)
SEQUENCE, CROSSED, CLOSED = int(GapReason.SEQUENCE), int(GapReason.CROSSED), int(GapReason.CLOSED)


@allocating_kernel
def read_rows(
    rows: Table, state: Table, last: Table, stacks: Table, messages: Messages, levels: Levels, refused: Table
) -> tuple[int, int, int]:
    """Make records of rows; what each does is said in ``shfe.py``.

    Parameters
    ----------
    rows
        ``(n, BOOK + 4 * ranks)``.
    state
        ``WORDS`` words that go from call to call.
    last
        The row of the book that is known, ``4 * ranks`` words.
    stacks
        ``(2, room)``: levels of each side that left the ranks, the nearest on top.
    messages, levels
        Get the records: up to ``4 n``, and ``(5 * ranks + 3) n`` with what is on the stacks.
    refused
        ``(n, 2)``: gets row and reason of what is not believed.

    Returns the number of messages, levels and refused rows.
    """
    m = n = bad = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        book = row[BOOK:]
        state[ROW] += 1
        is_begun = state[IS_BEGUN] != 0
        is_break = is_begun and row[EVENT] - state[EVENT_NS] >= BREAK_NS
        reason = _judge(row, book, state, is_break)
        if reason != FINE:
            refused[bad, 0], refused[bad, 1] = state[ROW], reason
            bad += 1
            m = ranks.lose(messages, m, n, state, CROSSED if reason == BAD_SPREAD else SEQUENCE)
            continue
        state[LOCAL_NS], state[EVENT_NS] = row[LOCAL], row[EVENT]
        if not is_begun:
            m = ranks.write_message(messages, m, state, GAP, 0, 0, CLOSED, n, n)
        elif is_break:
            m = ranks.lose(messages, m, n, state, CLOSED)
        if is_begun:
            start = n
            n = _trades(row, last, state, levels, n)
            for at in range(start, n):
                state[TRADES] += 1
                m = ranks.write_message(messages, m, state, TRADE, state[TRADES], state[TRADES], -1, at, at + 1)
        state[IS_BEGUN], state[VOLUME_SO_FAR], state[TURNOVER_SO_FAR] = 1, row[VOLUME], row[TURNOVER]
        start = n
        if state[IS_KNOWN] == 0:
            n = ranks.write_book(book, state, levels, n)
            m = ranks.write_message(messages, m, state, SNAPSHOT, book.shape[0] // 4, state[ROW], -1, start, n)
        else:
            n = ranks.write_side(last, book, 0, state, stacks, levels, n)
            n = ranks.write_side(last, book, ASK, state, stacks, levels, n)
            m = ranks.write_message(messages, m, state, DEPTH, state[BOOK_ROW] + 1, state[ROW], -1, start, n)
        state[BOOK_ROW] = state[ROW]
        last[:] = book
    return m, n, bad


@kernel
def _judge(row: Table, book: Table, state: Table, is_break: bool) -> int:
    """Why a row is not believed, or ``FINE``."""
    if row[0] == UNREADABLE:
        return BAD_ROW
    if row[LOCAL] <= 0 or abs(row[LOCAL] - row[EVENT]) > APART_NS:
        return BAD_TIME
    if row[EVENT] < state[EVENT_NS] or row[LOCAL] < state[LOCAL_NS]:
        return TOO_EARLY
    if not ranks.are_levels(book):
        return BAD_LEVELS
    if ranks.is_crossed(book):
        return BAD_SPREAD
    if not 0 <= row[VOLUME] <= MAX_VOLUME:
        return BAD_VOLUME
    traded, turnover = row[VOLUME] - state[VOLUME_SO_FAR], row[TURNOVER] - state[TURNOVER_SO_FAR]
    if state[IS_BEGUN] == 0 or (traded < 0 and is_break):
        return FINE
    if traded < 0:
        return BAD_VOLUME
    lowest, highest = max(row[LOWEST], 1), min(row[HIGHEST], MAX_TICK)
    if not traded * lowest <= turnover <= traded * highest:
        return BAD_AMOUNT
    return FINE


@kernel
def _trades(row: Table, last: Table, state: Table, levels: Levels, n: int) -> int:
    """Write what was traded since the row before, up to two levels; answers the number of levels then.

    All was traded at two prices: at the last bid and ask if the mean price lies between them, else at the two ticks
    around the mean, which keeps the amount exactly.
    """
    traded, turnover = row[VOLUME] - state[VOLUME_SO_FAR], row[TURNOVER] - state[TURNOVER_SO_FAR]
    if traded <= 0:
        return n
    low = turnover // traded
    high = low + 1
    flags_low = flags_high = UNSIGNED
    if state[IS_KNOWN] != 0:
        has_bid, has_ask = last[3] > 0, last[1] > 0
        if has_bid and turnover <= last[2] * traded:
            flags_low = flags_high = SELL
        elif has_ask and turnover >= last[0] * traded:
            flags_low = flags_high = 0
        elif has_bid and has_ask:
            low, high = last[2], last[0]
            flags_low, flags_high = SELL, 0
    step = high - low
    at_high = (2 * (turnover - low * traded) + step) // (2 * step)
    if traded > at_high:
        ranks.write_level(levels, n, traded - at_high, low, flags_low)
        n += 1
    if at_high > 0:
        ranks.write_level(levels, n, at_high, high, flags_high)
        n += 1
    return n
