"""LOBSTER's rows: text to whole numbers, and numbers to records."""
# mypy: disable-error-code="no-any-return"
# What a word of an array is, only the kernel knows.

import numpy as np

from msray.compiled import allocating_kernel, kernel
from msray.market import (
    ASK,
    DEPTH,
    GAP,
    MAX_SIZE,
    MAX_TICK,
    ORDER,
    SELL,
    SNAPSHOT,
    TRADE,
    UNSIGNED,
    GapReason,
    Levels,
    Messages,
)
from msray.venues import kernels_ranks as ranks
from msray.venues.kernels_lines import find_new_line
from msray.venues.kernels_orders import place_of
from msray.venues.kernels_ranks import BOOK_ROW, EVENT_NS, I64, IS_KNOWN, LOCAL_NS, ROW, TRADES, Table, U
from msray.venues.kernels_text import Bytes

COMMA, MINUS, POINT, RETURN = 44, 45, 46, 13
MOST_DIGITS = 18
DECIMALS = 9

NS, TYPE, ORDER_ID, SIZE, PRICE, SIDE = range(6)
"""Columns of a message; the time is in nanoseconds after midnight."""
NEW, VISIBLE, HIDDEN, CROSS, HALT = 1, 4, 5, 6, 7
"""Types of messages: a new order, executions, a cross, the halt of trading; between the first two, cancellations."""
DAY_NS = 86_400_000_000_000
UNREADABLE = -(2**63)

MIDNIGHT, IS_HALTED, ORDERS = ranks.WORDS, ranks.WORDS + 1, ranks.WORDS + 2
"""Words of the state, behind those of the ranks."""
WORDS = ORDERS + 1

SEEN, SPARE = range(2)
"""Rows of what is seen: at each price of the book the row since which it is in the ranks; room to move those."""

FINE, BAD_MESSAGE, BAD_BOOK, BAD_TIME, BAD_TYPE, BAD_SIZE, BAD_PRICE, BAD_SIDE, BAD_LEVELS = range(9)
SEQUENCE, CROSSED, CLOSED = int(GapReason.SEQUENCE), int(GapReason.CROSSED), int(GapReason.CLOSED)


@kernel
def read_table(text: Bytes, begin: int, end: int, is_timed: bool, table: Table) -> tuple[int, int]:
    """Read whole lines of whole numbers with commas between them.

    Row ``i`` of ``table`` gets the numbers of line ``i``, one a column. Where the table is timed, the first is seconds
    with up to nine decimals and comes out as nanoseconds. A line that is anything else has ``UNREADABLE`` in its first
    column, and the begin and end of its text in the next two.

    Returns the number of lines, at most ``len(table)``, and the place behind the last of them.
    """
    lines = 0
    p = begin
    while lines < table.shape[0]:
        stop = find_new_line(text, p, end)
        if stop == end:
            break
        last = stop - 1 if stop > p and text[U(stop - 1)] == RETURN else stop
        q = p
        column = 0
        while column < table.shape[1]:
            is_negative = q < last and text[U(q)] == MINUS
            q += is_negative
            value, digits = I64(0), 0
            while q < last and digits <= MOST_DIGITS and np.uint8(text[U(q)] - 48) <= 9:
                value = value * 10 + I64(text[U(q)]) - 48
                q += 1
                digits += 1
            if digits == 0 or digits > MOST_DIGITS:
                break
            if is_timed and column == 0:
                if digits > MOST_DIGITS - DECIMALS:
                    break
                decimals = 0
                if q < last and text[U(q)] == POINT:
                    q += 1
                    while q < last and decimals < DECIMALS and np.uint8(text[U(q)] - 48) <= 9:
                        value = value * 10 + I64(text[U(q)]) - 48
                        q += 1
                        decimals += 1
                    if decimals == 0:
                        break
                for _ in range(DECIMALS - decimals):
                    value *= 10
            table[lines, column] = -value if is_negative else value
            column += 1
            if column < table.shape[1]:
                if q >= last or text[U(q)] != COMMA:
                    break
                q += 1
        if column < table.shape[1] or q != last:
            table[lines, 0], table[lines, 1], table[lines, 2] = UNREADABLE, p, last
        lines += 1
        p = stop + 1
    return lines, p


@allocating_kernel
def read_rows(
    events: Table,
    books: Table,
    state: Table,
    last: Table,
    seen: Table,
    stacks: Table,
    orders: Table,
    messages: Messages,
    levels: Levels,
    refused: Table,
) -> tuple[int, int, int]:
    """Make records of rows; what each does is said in ``lobster.py``.

    Parameters
    ----------
    events, books
        The same rows of both files: ``(n, 6)`` and ``(n, 4 * ranks)``.
    state
        ``WORDS`` words that go from call to call; ``MIDNIGHT`` is in nanoseconds since 1970.
    last
        The row of the book that is known, ``4 * ranks`` words.
    seen
        ``(2, 4 * ranks)``: what else is known of that row, as said above.
    stacks
        ``(2, room)``: levels of each side that left the ranks, the nearest on top.
    orders
        Since which row each order stands, see ``kernels_orders.py``; room for ``n`` more than ``state[ORDERS]``.
    messages, levels
        Get the records: up to ``3 n + 1``, and ``(5 * ranks + 2) n`` with what is on the stacks.
    refused
        ``(n, 2)``: gets row and reason of what is not believed.

    Returns the number of messages, levels and refused rows.
    """
    m = n = bad = 0
    for i in range(events.shape[0]):
        event = events[i]
        book = books[i]
        state[ROW] += 1
        reason = _judge(event, book)
        if reason == FINE:
            state[EVENT_NS] = state[LOCAL_NS] = state[MIDNIGHT] + event[NS]
        if state[ROW] == 1:
            m = ranks.write_message(messages, m, state, GAP, 0, 0, CLOSED, n, n)
        if reason != FINE:
            refused[bad, 0], refused[bad, 1] = state[ROW], reason
            bad += 1
            m = ranks.lose(messages, m, n, state, SEQUENCE)
            continue
        kind = event[TYPE]
        since = _since(event, last, seen, state, orders) if kind <= VISIBLE else I64(-1)
        if kind == HALT:
            if event[PRICE] == -1:
                state[IS_HALTED] = 1
                m = ranks.lose(messages, m, n, state, CLOSED)
            elif event[PRICE] == 1:
                state[IS_HALTED] = 0
        elif kind == VISIBLE or kind == HIDDEN:
            flags = ORDER | (SELL if event[SIDE] == 1 else 0) if kind == VISIBLE else UNSIGNED
            ranks.write_level(levels, n, event[SIZE], event[PRICE], flags)
            state[TRADES] += 1
            m = ranks.write_message(messages, m, state, TRADE, state[TRADES], state[TRADES], since, n, n + 1)
            n += 1
        if state[IS_HALTED] != 0:
            continue
        if ranks.is_crossed(book):
            m = ranks.lose(messages, m, n, state, CROSSED)
            continue
        start = n
        if state[IS_KNOWN] == 0:
            n = ranks.write_book(book, state, levels, n)
            m = ranks.write_message(messages, m, state, SNAPSHOT, book.shape[0] // 4, state[ROW], -1, start, n)
            seen[SEEN, :] = state[ROW]
        else:
            n = ranks.write_side(last, book, 0, state, stacks, levels, n)
            n = ranks.write_side(last, book, ASK, state, stacks, levels, n)
            if n == start:
                continue
            if kind > VISIBLE or not _is_its_doing(event, last, book, levels, start, n):
                since = I64(-1)
            m = ranks.write_message(messages, m, state, DEPTH, state[BOOK_ROW] + 1, state[ROW], since, start, n)
            _see(last, seen, book, 0, state[ROW])
            _see(last, seen, book, ASK, state[ROW])
        state[BOOK_ROW] = state[ROW]
        last[:] = book
    return m, n, bad


@kernel
def _column(book: Table, event: Table) -> int:
    """Where the price of an event stands on its side of a row; -1 if it does not."""
    for place in range(0 if event[SIDE] == -1 else 2, book.shape[0], 4):
        if book[place] == event[PRICE] and book[place + 1] > 0:
            return place
    return -1


@kernel
def _since(event: Table, last: Table, seen: Table, state: Table, orders: Table) -> int:
    """Since which row the order of an event stands; negative: that is not known, but it stood there by this row.

    An order that nobody saw come was there when its level came into the ranks, or had come before.
    """
    order = event[ORDER_ID]
    row = place_of(orders, order)
    if event[TYPE] != NEW and order != 0 and orders[row, 0] == order:
        return orders[row, 1]
    since = state[ROW]
    if event[TYPE] != NEW:
        place = _column(last, event) if state[IS_KNOWN] == 1 else -1
        since = -seen[SEEN, place] if place >= 0 else -since
    if order != 0:
        state[ORDERS] += orders[row, 0] == 0
        orders[row, 0], orders[row, 1] = order, since
    return since


@kernel
def _is_its_doing(event: Table, before: Table, book: Table, levels: Levels, start: int, end: int) -> bool:
    """Whether the level of an event's order changed by its size; then it is marked among those that changed."""
    was, here = _column(before, event), _column(book, event)
    change = (book[here + 1] if here >= 0 else 0) - (before[was + 1] if was >= 0 else 0)
    if change != (event[SIZE] if event[TYPE] == NEW else -event[SIZE]):
        return False
    for at in range(start, end):
        level = levels[U(at)]
        if level.tick == event[PRICE] and (level.flags & ASK) == (ASK if event[SIDE] == -1 else 0):
            level.flags |= ORDER
            return True
    return False


@kernel
def _see(last: Table, seen: Table, book: Table, side: int, row: int) -> None:
    """Since when each level of a new row is in the ranks."""
    sign = 1 if side == ASK else -1
    first = 0 if side == ASK else 2
    width = book.shape[0]
    i = first
    for j in range(first, width, 4):
        if book[j + 1] == 0:
            break
        while i < width and last[i + 1] > 0 and sign * last[i] < sign * book[j]:
            i += 4
        is_there = i < width and last[i + 1] > 0 and last[i] == book[j]
        seen[SPARE, j] = seen[SEEN, i] if is_there else row
    for j in range(first, width, 4):
        seen[SEEN, j] = seen[SPARE, j]


@kernel
def _judge(event: Table, book: Table) -> int:
    """Why a row is not believed, or ``FINE``."""
    if event[NS] == UNREADABLE:
        return BAD_MESSAGE
    if book[0] == UNREADABLE:
        return BAD_BOOK
    if not 0 <= event[NS] < DAY_NS:
        return BAD_TIME
    if not 1 <= event[TYPE] <= HALT:
        return BAD_TYPE
    if event[TYPE] == HALT:
        if not -1 <= event[PRICE] <= 1:
            return BAD_PRICE
    elif event[TYPE] != CROSS:
        if not 1 <= event[SIZE] <= MAX_SIZE:
            return BAD_SIZE
        if not 1 <= event[PRICE] <= MAX_TICK:
            return BAD_PRICE
        if abs(event[SIDE]) != 1:
            return BAD_SIDE
    if not ranks.are_levels(book):
        return BAD_LEVELS
    return FINE
