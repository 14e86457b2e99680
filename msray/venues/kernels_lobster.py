"""LOBSTER's rows: text to whole numbers, and what each row of a book changes in the row before it."""
# mypy: disable-error-code="no-any-return"
# What a word of an array is, only the kernel knows.

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import (
    ASK,
    DEPTH,
    EDGE,
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
from msray.venues.kernels_lines import find_new_line
from msray.venues.kernels_orders import place_of
from msray.venues.kernels_text import Bytes

Table = NDArray[np.int64]
U: Any = np.uintp
I64: Any = np.int64

COMMA, MINUS, POINT, RETURN = 44, 45, 46, 13
MOST_DIGITS = 18
DECIMALS = 9

NS, TYPE, ORDER_ID, SIZE, PRICE, SIDE = range(6)
"""Columns of a message; the time is in nanoseconds after midnight."""
NEW, VISIBLE, HIDDEN, CROSS, HALT = 1, 4, 5, 6, 7
"""Types of messages: a new order, executions, a cross, the halt of trading; between the first two, cancellations."""
NOTHING_THERE = 9_999_999_999
"""Price of a level that is not occupied; its size is 0."""
DAY_NS = 86_400_000_000_000
UNREADABLE = -(2**63)
FAR = 2**62

MIDNIGHT, ROW, TRADES, BOOK_ROW, IS_KNOWN, IS_HALTED, TIME, ORDERS, HEIGHTS = range(9)
"""Words of the state; the heights of the two stacks are the last two."""
WORDS = HEIGHTS + 2

BOOK, SEEN, SPARE = range(3)
"""Rows of what is known: the book; at each price of it the row since which it is in the ranks; room to move those."""

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


@kernel
def read_rows(
    events: Table,
    books: Table,
    state: Table,
    known: Table,
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
        ``WORDS`` words that go from call to call; the first is midnight in nanoseconds since 1970.
    known
        ``(3, 4 * ranks)``: the row of the book that is known, and what else is in a row of each kind above.
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
            state[TIME] = state[MIDNIGHT] + event[NS]
        if state[ROW] == 1:
            m = _message(messages, m, state, GAP, 0, 0, CLOSED, n, n)
        if reason != FINE:
            refused[bad, 0], refused[bad, 1] = state[ROW], reason
            bad += 1
            m = _lose(messages, m, n, state, SEQUENCE)
            continue
        kind = event[TYPE]
        since = _since(event, known, state, orders) if kind <= VISIBLE else I64(-1)
        if kind == HALT:
            if event[PRICE] == -1:
                state[IS_HALTED] = 1
                m = _lose(messages, m, n, state, CLOSED)
            elif event[PRICE] == 1:
                state[IS_HALTED] = 0
        elif kind == VISIBLE or kind == HIDDEN:
            flags = ORDER | (SELL if event[SIDE] == 1 else 0) if kind == VISIBLE else UNSIGNED
            _level(levels, n, event[SIZE], event[PRICE], flags)
            state[TRADES] += 1
            m = _message(messages, m, state, TRADE, state[TRADES], state[TRADES], since, n, n + 1)
            n += 1
        if state[IS_HALTED] != 0:
            continue
        if book[1] > 0 and book[3] > 0 and book[0] <= book[2]:
            m = _lose(messages, m, n, state, CROSSED)
            continue
        start = n
        if state[IS_KNOWN] == 0:
            for place in range(0, book.shape[0], 2):
                if book[place + 1] > 0:
                    _level(levels, n, book[place + 1], book[place], 0 if place & 2 else ASK)
                    n += 1
            m = _message(messages, m, state, SNAPSHOT, book.shape[0] // 4, state[ROW], -1, start, n)
            state[IS_KNOWN] = 1
            state[HEIGHTS] = state[HEIGHTS + 1] = 0
            known[SEEN, :] = state[ROW]
        else:
            n = _side(known[BOOK], book, 0, state, stacks, levels, n)
            n = _side(known[BOOK], book, ASK, state, stacks, levels, n)
            if n == start:
                continue
            if kind > VISIBLE or not _is_its_doing(event, known[BOOK], book, levels, start, n):
                since = I64(-1)
            m = _message(messages, m, state, DEPTH, state[BOOK_ROW] + 1, state[ROW], since, start, n)
            _see(known, book, 0, state[ROW])
            _see(known, book, ASK, state[ROW])
        state[BOOK_ROW] = state[ROW]
        known[BOOK, :] = book
    return m, n, bad


@kernel
def _column(book: Table, event: Table) -> int:
    """Where the price of an event stands on its side of a row; -1 if it does not."""
    for place in range(0 if event[SIDE] == -1 else 2, book.shape[0], 4):
        if book[place] == event[PRICE] and book[place + 1] > 0:
            return place
    return -1


@kernel
def _since(event: Table, known: Table, state: Table, orders: Table) -> int:
    """Since which row the order of an event stands; negative: that is not known, but it stood there by this row.

    An order that nobody saw come was there when its level came into the ranks, or had come before.
    """
    order = event[ORDER_ID]
    row = place_of(orders, order)
    if event[TYPE] != NEW and order != 0 and orders[row, 0] == order:
        return orders[row, 1]
    since = state[ROW]
    if event[TYPE] != NEW:
        place = _column(known[BOOK], event) if state[IS_KNOWN] == 1 else -1
        since = -known[SEEN, place] if place >= 0 else -since
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
def _see(known: Table, book: Table, side: int, row: int) -> None:
    """Since when each level of a new row is in the ranks."""
    sign = 1 if side == ASK else -1
    first = 0 if side == ASK else 2
    width = book.shape[0]
    i = first
    for j in range(first, width, 4):
        if book[j + 1] == 0:
            break
        while i < width and known[BOOK, i + 1] > 0 and sign * known[BOOK, i] < sign * book[j]:
            i += 4
        is_there = i < width and known[BOOK, i + 1] > 0 and known[BOOK, i] == book[j]
        known[SPARE, j] = known[SEEN, i] if is_there else row
    for j in range(first, width, 4):
        known[SEEN, j] = known[SPARE, j]


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
    for side in range(2):
        before = I64(-FAR)
        for place in range(2 - 2 * side, book.shape[0], 4):
            price, size = book[place], book[place + 1]
            if abs(price) == NOTHING_THERE and size == 0:
                before = FAR
                continue
            key = price if side == ASK else -price
            if not (1 <= price <= MAX_TICK and 1 <= size <= MAX_SIZE and key > before):
                return BAD_LEVELS
            before = key
    return FINE


@kernel
def _lose(messages: Messages, m: int, n: int, state: Table, reason: int) -> int:
    """The book is unknown from here on, if it was known."""
    if state[IS_KNOWN] == 0:
        return m
    state[IS_KNOWN] = 0
    return _message(messages, m, state, GAP, state[BOOK_ROW] + 1, state[ROW], reason, n, n)


@kernel
def _message(
    messages: Messages, m: int, state: Table, kind: int, first_id: int, last_id: int, prev_id: int, begin: int, end: int
) -> int:
    message = messages[U(m)]
    message.kind, message.instrument = kind, 0
    message.event_ns = message.trade_ns = message.local_ns = state[TIME]
    message.first_id, message.last_id, message.prev_id = first_id, last_id, prev_id
    message.begin, message.end = begin, end
    return m + 1


@kernel
def _level(levels: Levels, n: int, size: int, tick: int, flags: int) -> None:
    level = levels[U(n)]
    level.size, level.tick, level.flags = size, tick, flags


@kernel
def _occupied(book: Table, first: int) -> int:
    """Number of occupied levels of the side whose best price is in column ``first``."""
    count = 0
    while first + 4 * count < book.shape[0] and book[first + 4 * count + 1] > 0:
        count += 1
    return count


@kernel
def _side(last: Table, book: Table, side: int, state: Table, stacks: Table, levels: Levels, n: int) -> int:
    """Write what one side of a row changes; answers the number of levels then.

    Keys are prices that grow away from the touch. Beyond the edge, the last of all ranks, nothing is known; a side with
    fewer levels is known to its end.
    """
    first = 0 if side == ASK else 2
    sign = 1 if side == ASK else -1
    ranks = book.shape[0] // 4
    old, new = _occupied(last, first), _occupied(book, first)
    old_edge = sign * last[first + 4 * old - 4] if old == ranks else FAR
    new_edge = sign * book[first + 4 * new - 4] if new == ranks else FAR
    stack = stacks[side]
    height = state[HEIGHTS + side]
    start = n
    i = j = 0
    while i < old or j < new:
        was = sign * last[first + 4 * i] if i < old else FAR
        here = sign * book[first + 4 * j] if j < new else FAR
        if was < here:
            if was > new_edge:
                break
            _level(levels, n, 0, sign * was, side)
            n += 1
        elif was > here or last[first + 4 * i + 1] != book[first + 4 * j + 1]:
            _level(levels, n, book[first + 4 * j + 1], sign * here, side)
            n += 1
        i += was <= here
        j += here <= was
    for rank in range(old - 1, i - 1, -1):  # out of the ranks, and maybe still there
        stack[height] = sign * last[first + 4 * rank]
        height += 1
    j = 0
    while height > 0 and stack[height - 1] <= new_edge:  # back in the range of the ranks
        height -= 1
        while j < new and sign * book[first + 4 * j] < stack[height]:
            j += 1
        if j == new or sign * book[first + 4 * j] != stack[height]:
            _level(levels, n, 0, sign * stack[height], side)
            n += 1
    state[HEIGHTS + side] = height
    if new_edge == old_edge:
        return n
    for at in range(start, n):
        level = levels[U(at)]
        if level.size == 0 if new_edge == FAR else level.tick == sign * new_edge:
            level.flags = side | EDGE
            return n
    _level(levels, n, book[first + 4 * ranks - 3], sign * new_edge, side | EDGE)
    return n + 1
