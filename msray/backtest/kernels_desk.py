"""The desk: the orders of one trader at one venue, in one array; what happens to them without a look at the book.

Desk (one ``int64`` array)::

    header | orders, in time order | sent, not yet arrived, in the order of arrival | taken of recorded levels
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

import math
from typing import Any

from numpy.typing import NDArray

from msray.book import kernels as book
from msray.compiled import kernel
from msray.market import OrderKind, ReportKind

Arena = NDArray[Any]

ORDERS, ORDERS_AT, ORDER_CAPACITY = 0, 1, 2
SENT_FIRST, SENT_LAST, SENT_AT, SENT_CAPACITY = 3, 4, 5, 6
TAKEN, TAKEN_AT, TAKEN_CAPACITY = 7, 8, 9
HIGHEST_BUY, LOWEST_SELL = 10, 11
QUEUE, QUEUE_POWER, SIZE_UNIT = 12, 13, 14
REPORTS, NOW, STOP = 15, 16, 17
IS_SYNCED, STOPS_AT_REPORTS, BOOK_ID, PATIENCE = 18, 19, 20, 21
HEADER = 32

ID, SIDE, TICK, LEFT, AHEAD, SHOWN, TRADED, CAME = range(8)
ORDER_WORDS = 8
"""Of a resting order: what is left of it, what stands ahead of it, what its level showed and traded since, and the id
that the book had when it came."""

SENT_NS, ACTION, SENT_ID, SENT_SIDE, SENT_TICK, SENT_SIZE, SENT_KIND = range(7)
SENT_WORDS = 8
PLACE, CANCEL, REPLACE = range(3)

TAKEN_SIDE, TAKEN_TICK, TAKEN_SIZE, TAKEN_SHOWN = range(4)
TAKEN_WORDS = 4

RISK_AVERSE, FIFO, POWER, LOGARITHM = range(4)
"""Queue models; from POWER on it is a matter of chance where somebody stood who leaves."""

DONE, BOOK_FULL, REPORTED, SPECIAL, DESK_FULL, REPORTS_FULL = range(6)

NEVER = 2**62
NOT_SAID = -NEVER
"""Since when an order stands of which the recording says nothing."""
MOST_SWEPT = 1024
"""Levels that one order can sweep; what is left of it then expires."""

BUY, SELL = 0, 1
LIMIT, IOC, POST_ONLY, MARKET = (int(kind) for kind in OrderKind)
RESTING, FILLED, CANCELED, EXPIRED, WOULD_TAKE, UNKNOWN_ORDER, UNKNOWN_BOOK, LOST = (int(k) for k in ReportKind)


@kernel
def report(desk: Arena, reports: Any, kind: int, order_id: int, side: int, tick: int, size: int, left: int) -> None:
    """Write what happened; whether it is a maker's is for the caller to say afterwards."""
    n = desk[REPORTS]
    row = reports[n]
    row.at_ns = desk[NOW]
    row.order_id = order_id
    row.kind = kind
    row.side = side
    row.tick = tick
    row.size = size
    row.left = left
    row.is_maker = 0
    row.is_through = 0
    desk[REPORTS] = n + 1


@kernel
def fill_resting(desk: Arena, reports: Any, o: int, size: int, is_through: int) -> None:
    """``size`` of the resting order at word ``o`` trades at its price."""
    desk[o + LEFT] -= size
    report(desk, reports, FILLED, desk[o + ID], desk[o + SIDE], desk[o + TICK], size, desk[o + LEFT])
    reports[desk[REPORTS] - 1].is_maker = 1
    reports[desk[REPORTS] - 1].is_through = is_through


@kernel
def tidy(desk: Arena) -> None:
    """Drop orders of which nothing is left, the others keep their order; say anew how far orders reach."""
    first = desk[ORDERS_AT]
    kept = 0
    highest = -1
    lowest = book.NO_ASK
    for i in range(desk[ORDERS]):
        o = first + i * ORDER_WORDS
        if desk[o + LEFT] == 0:
            continue
        to = first + kept * ORDER_WORDS
        if to != o:
            for w in range(ORDER_WORDS):
                desk[to + w] = desk[o + w]
        kept += 1
        if desk[to + SIDE] == BUY:
            highest = max(highest, desk[to + TICK])
        else:
            lowest = min(lowest, desk[to + TICK])
    desk[ORDERS] = kept
    desk[HIGHEST_BUY] = highest
    desk[LOWEST_SELL] = lowest


@kernel
def find(desk: Arena, order_id: int) -> int:
    """Word of a resting order, -1 if there is none of that id."""
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        if desk[o + ID] == order_id:
            return o
    return -1


@kernel
def best_through(desk: Arena, side: int, tick: int) -> int:
    """Word of the best own order of a side with a better price than ``tick``, the oldest of that price; -1 if none."""
    found = -1
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        if desk[o + SIDE] != side or desk[o + LEFT] == 0:
            continue
        own = desk[o + TICK]
        if (own > tick) if side == BUY else (own < tick):
            if found < 0 or ((own > desk[found + TICK]) if side == BUY else (own < desk[found + TICK])):
                found = o
    return found


@kernel
def trade(desk: Arena, reports: Any, side: int, tick: int, size: int, since: int) -> None:
    """A recorded trade that met the orders of ``side``.

    ``since`` tells since when the order that was executed stood (``prev_id``, see ``market/events.py``). Own orders
    that came before it would have been met first, those that came after it come up behind it.
    """
    traded = size
    o = best_through(desk, side, tick)
    while o >= 0 and size > 0:
        filled = min(desk[o + LEFT], size)
        size -= filled
        fill_resting(desk, reports, o, filled, 1)
        o = best_through(desk, side, tick)
    own = 0
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        if desk[o + SIDE] != side or desk[o + TICK] != tick:
            continue
        reaching = size - own
        ahead = desk[o + AHEAD]
        if abs(since) <= desk[o + CAME]:
            desk[o + AHEAD] = max(ahead - traded, 0)
            reaching = 0
        elif since > 0:
            ahead = 0
        else:
            desk[o + AHEAD] = max(ahead - reaching, 0)
        desk[o + TRADED] += traded
        filled = min(desk[o + LEFT], max(reaching - ahead, 0))
        if filled > 0:
            own += filled
            fill_resting(desk, reports, o, filled, 0)
    tidy(desk)


@kernel
def leave(desk: Arena, side: int, tick: int, shown: int, since: int) -> None:
    """A recorded order, there since ``since``, became smaller or went: those that came after it come up."""
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        if desk[o + SIDE] == side and desk[o + TICK] == tick and abs(since) <= desk[o + CAME]:
            left_it = desk[o + SHOWN] - shown - desk[o + TRADED]
            desk[o + AHEAD] = max(desk[o + AHEAD] - max(left_it, 0), 0)


@kernel
def _share_behind(desk: Arena, ahead: int, behind: int) -> float:
    """Probability that what left a level stood behind an order, by the queue model."""
    if behind <= 0:
        return 0.0
    if desk[QUEUE] == POWER:
        power = float(desk[QUEUE_POWER]) / 1000.0
        back = float(behind) ** power
        return back / (back + float(ahead) ** power)
    back = math.log(1.0 + behind / desk[SIZE_UNIT])
    return back / (back + math.log(1.0 + ahead / desk[SIZE_UNIT]))


@kernel
def move_queue(desk: Arena, o: int, shown: int) -> None:
    """The level of the resting order at ``o`` shows another size now."""
    before = desk[o + SHOWN]
    left_it = before - shown - desk[o + TRADED]
    desk[o + SHOWN] = shown
    desk[o + TRADED] = 0
    ahead = desk[o + AHEAD]
    if desk[QUEUE] >= POWER and left_it > 0 and ahead < NEVER // 2:  # else nobody knows yet what stands ahead
        behind = before - ahead
        p = _share_behind(desk, ahead, behind)
        moved = float(ahead) - (1.0 - p) * left_it + min(behind - p * left_it, 0.0)
        ahead = max(math.ceil(moved), 0)
    desk[o + AHEAD] = min(ahead, shown)


@kernel
def available(desk: Arena, side: int, tick: int, shown: int) -> int:
    """What is left for us of a recorded level."""
    for i in range(desk[TAKEN]):
        t = desk[TAKEN_AT] + i * TAKEN_WORDS
        if desk[t + TAKEN_TICK] == tick and desk[t + TAKEN_SIDE] == side:
            return max(shown - desk[t + TAKEN_SIZE], 0)
    return shown


@kernel
def take(desk: Arena, side: int, tick: int, size: int, shown: int) -> bool:
    """Note that so much of a recorded level is ours; False where there is no room to note it."""
    for i in range(desk[TAKEN]):
        t = desk[TAKEN_AT] + i * TAKEN_WORDS
        if desk[t + TAKEN_TICK] == tick and desk[t + TAKEN_SIDE] == side:
            desk[t + TAKEN_SIZE] += size
            return True
    if desk[TAKEN] == desk[TAKEN_CAPACITY]:
        return False
    t = desk[TAKEN_AT] + desk[TAKEN] * TAKEN_WORDS
    desk[t + TAKEN_SIDE] = side
    desk[t + TAKEN_TICK] = tick
    desk[t + TAKEN_SIZE] = size
    desk[t + TAKEN_SHOWN] = shown
    desk[TAKEN] += 1
    return True


@kernel
def lose_all(desk: Arena, reports: Any) -> None:
    """The book became unknown: take out every order, forget what was taken."""
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        report(desk, reports, LOST, desk[o + ID], desk[o + SIDE], desk[o + TICK], 0, desk[o + LEFT])
        desk[o + LEFT] = 0
    tidy(desk)
    desk[TAKEN] = 0
