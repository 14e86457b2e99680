"""Books of which the best ranks of each side are shown, row by row: what each row changes in the row before it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import ASK, EDGE, GAP, MAX_SIZE, MAX_TICK, Levels, Messages

Table = NDArray[np.int64]
U: Any = np.uintp
I64: Any = np.int64

NOTHING_THERE = 9_999_999_999
"""Price of a level that is not occupied, of either sign; its size is 0."""
FAR = 2**62

EVENT_NS, LOCAL_NS, ROW, BOOK_ROW, TRADES, IS_KNOWN, HEIGHTS = range(7)
"""Words of the state: times and number of the row, the row of the book that is known, trades so far; the heights of the
two stacks are the last two. Those of a venue come behind."""
WORDS = HEIGHTS + 2


@kernel
def are_levels(book: Table) -> bool:
    """Whether the levels of a row are in order, the occupied ones first, with prices and sizes in range.

    A row of a book is ask price, ask size, bid price and bid size of each rank.
    """
    for side in range(2):
        before = I64(-FAR)
        for place in range(2 - 2 * side, book.shape[0], 4):
            price, size = book[place], book[place + 1]
            if abs(price) == NOTHING_THERE and size == 0:
                before = FAR
                continue
            key = price if side == ASK else -price
            if not (1 <= price <= MAX_TICK and 1 <= size <= MAX_SIZE and key > before):
                return False
            before = key
    return True


@kernel
def is_crossed(book: Table) -> bool:
    """Whether the best bid of a row is at or above its best ask."""
    return bool(book[1] > 0 and book[3] > 0 and book[0] <= book[2])


@kernel
def lose(messages: Messages, m: int, n: int, state: Table, reason: int) -> int:
    """Say that the book is unknown from here on, if it was known; answers the number of messages then."""
    if state[IS_KNOWN] == 0:
        return m
    state[IS_KNOWN] = 0
    return write_message(messages, m, state, GAP, state[BOOK_ROW] + 1, state[ROW], reason, n, n)


@kernel
def write_message(
    messages: Messages, m: int, state: Table, kind: int, first_id: int, last_id: int, prev_id: int, begin: int, end: int
) -> int:
    """Write a message of the row; answers the number of messages then."""
    message = messages[U(m)]
    message.kind, message.instrument = kind, 0
    message.event_ns = message.trade_ns = state[EVENT_NS]
    message.local_ns = state[LOCAL_NS]
    message.first_id, message.last_id, message.prev_id = first_id, last_id, prev_id
    message.begin, message.end = begin, end
    return m + 1


@kernel
def write_level(levels: Levels, n: int, size: int, tick: int, flags: int) -> None:
    """Write one level."""
    level = levels[U(n)]
    level.size, level.tick, level.flags = size, tick, flags


@kernel
def write_book(book: Table, state: Table, levels: Levels, n: int) -> int:
    """Write the levels of a row; answers the number of levels then. From here on the book is known."""
    for place in range(0, book.shape[0], 2):
        if book[place + 1] > 0:
            write_level(levels, n, book[place + 1], book[place], 0 if place & 2 else ASK)
            n += 1
    state[IS_KNOWN] = 1
    state[HEIGHTS] = state[HEIGHTS + 1] = 0
    return n


@kernel
def write_side(last: Table, book: Table, side: int, state: Table, stacks: Table, levels: Levels, n: int) -> int:
    """Write what one side of a row changes; answers the number of levels then.

    Keys are prices that grow away from the touch. Beyond the edge, the last of all ranks, nothing is known; a side with
    fewer levels is known to its end. A stack holds the levels that left the ranks, the nearest on top: they may still
    be there, and are removed when the ranks come to show that they are not.
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
            write_level(levels, n, 0, sign * was, side)
            n += 1
        elif was > here or last[first + 4 * i + 1] != book[first + 4 * j + 1]:
            write_level(levels, n, book[first + 4 * j + 1], sign * here, side)
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
            write_level(levels, n, 0, sign * stack[height], side)
            n += 1
    state[HEIGHTS + side] = height
    if new_edge == old_edge:
        return n
    for at in range(start, n):
        level = levels[U(at)]
        if level.size == 0 if new_edge == FAR else level.tick == sign * new_edge:
            level.flags = side | EDGE
            return n
    write_level(levels, n, book[first + 4 * ranks - 3], sign * new_edge, side | EDGE)
    return n + 1


@kernel
def _occupied(book: Table, first: int) -> int:
    """Number of occupied levels of the side whose best price is in column ``first``."""
    count = 0
    while first + 4 * count < book.shape[0] and book[first + 4 * count + 1] > 0:
        count += 1
    return count
