"""The simulated venue: a recorded book, and beside it the orders of one trader.

The recorded book is never changed by those orders. What they took of a level is written beside it and is gone from
there until the recording itself changes the level: nothing trades twice. Levels of one message are simultaneous: the
queue, the crossing and the liquidity of an order are judged after the whole of it.

What fills an order that rests:

* a trade of the recording at a price worse for its aggressor than the order's: the aggressor would have met the order
  first; best price first, then time, never more than the trade's size;
* a trade at its price, once those ahead of it in the queue are served; own orders of one price stand behind each other;
* a message after which the other side of the book stands at or through its price: at its own price, never more than
  what stands there.

A trade of which nobody says who was the aggressor (a hidden execution) fills nothing.

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
from msray.market import DEPTH, SELL, TRADE, UNSIGNED, Levels, Messages, OrderKind, ReportKind

Arena = NDArray[Any]

ORDERS, ORDERS_AT, ORDER_CAPACITY = 0, 1, 2
SENT_FIRST, SENT_LAST, SENT_AT, SENT_CAPACITY = 3, 4, 5, 6
TAKEN, TAKEN_AT, TAKEN_CAPACITY = 7, 8, 9
HIGHEST_BUY, LOWEST_SELL = 10, 11
QUEUE, QUEUE_POWER, SIZE_UNIT = 12, 13, 14
REPORTS, NOW, STOP = 15, 16, 17
IS_SYNCED, STOPS_AT_REPORTS = 18, 19
HEADER = 32

ID, SIDE, TICK, LEFT, AHEAD, SHOWN, TRADED = range(7)
ORDER_WORDS = 8
"""Of a resting order: what is left of it, what stands ahead of it, what its level showed and traded since."""

SENT_NS, ACTION, SENT_ID, SENT_SIDE, SENT_TICK, SENT_SIZE, SENT_KIND = range(7)
SENT_WORDS = 8
PLACE, CANCEL, REPLACE = range(3)

TAKEN_SIDE, TAKEN_TICK, TAKEN_SIZE, TAKEN_SHOWN = range(4)
TAKEN_WORDS = 4

RISK_AVERSE, POWER, LOGARITHM = range(3)

DONE, BOOK_FULL, REPORTED, SPECIAL, DESK_FULL, REPORTS_FULL = range(6)

NEVER = 2**62
MOST_SWEPT = 1024
"""Levels that one order can sweep; what is left of it then expires."""

_BUY, _SELL = 0, 1
_LIMIT, _IOC, _POST_ONLY, _MARKET = (int(kind) for kind in OrderKind)
_RESTING, _FILLED, _CANCELED, _EXPIRED, _WOULD_TAKE, _UNKNOWN_ORDER, _UNKNOWN_BOOK, _LOST = (int(k) for k in ReportKind)


@kernel
def _report(desk: Arena, reports: Any, kind: int, order_id: int, side: int, tick: int, size: int, left: int) -> None:
    """Write what happened; whether it is a maker's is for the caller to say afterwards."""
    n = desk[REPORTS]
    report = reports[n]
    report.at_ns = desk[NOW]
    report.order_id = order_id
    report.kind = kind
    report.side = side
    report.tick = tick
    report.size = size
    report.left = left
    report.is_maker = 0
    report.is_through = 0
    desk[REPORTS] = n + 1


@kernel
def _fill_resting(desk: Arena, reports: Any, o: int, size: int, is_through: int) -> None:
    """``size`` of the resting order at word ``o`` trades at its price."""
    desk[o + LEFT] -= size
    _report(desk, reports, _FILLED, desk[o + ID], desk[o + SIDE], desk[o + TICK], size, desk[o + LEFT])
    reports[desk[REPORTS] - 1].is_maker = 1
    reports[desk[REPORTS] - 1].is_through = is_through


@kernel
def _tidy(desk: Arena) -> None:
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
        if desk[to + SIDE] == _BUY:
            highest = max(highest, desk[to + TICK])
        else:
            lowest = min(lowest, desk[to + TICK])
    desk[ORDERS] = kept
    desk[HIGHEST_BUY] = highest
    desk[LOWEST_SELL] = lowest


@kernel
def _find(desk: Arena, order_id: int) -> int:
    """Word of a resting order, -1 if there is none of that id."""
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        if desk[o + ID] == order_id:
            return o
    return -1


@kernel
def _best_through(desk: Arena, side: int, tick: int) -> int:
    """Word of the best own order of a side with a better price than ``tick``, the oldest of that price; -1 if none."""
    found = -1
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        if desk[o + SIDE] != side or desk[o + LEFT] == 0:
            continue
        own = desk[o + TICK]
        if (own > tick) if side == _BUY else (own < tick):
            if found < 0 or ((own > desk[found + TICK]) if side == _BUY else (own < desk[found + TICK])):
                found = o
    return found


@kernel
def _trade(desk: Arena, reports: Any, side: int, tick: int, size: int) -> None:
    """A recorded trade that met the orders of ``side``."""
    traded = size
    o = _best_through(desk, side, tick)
    while o >= 0 and size > 0:
        filled = min(desk[o + LEFT], size)
        size -= filled
        _fill_resting(desk, reports, o, filled, 1)
        o = _best_through(desk, side, tick)
    own = 0
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        if desk[o + SIDE] != side or desk[o + TICK] != tick:
            continue
        reaching = size - own
        ahead = desk[o + AHEAD]
        desk[o + AHEAD] = max(ahead - reaching, 0)
        desk[o + TRADED] += traded
        filled = min(desk[o + LEFT], max(reaching - ahead, 0))
        if filled > 0:
            own += filled
            _fill_resting(desk, reports, o, filled, 0)
    _tidy(desk)


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
def _queue(desk: Arena, o: int, shown: int) -> None:
    """The level of the resting order at ``o`` shows another size now."""
    before = desk[o + SHOWN]
    left_it = before - shown - desk[o + TRADED]
    desk[o + SHOWN] = shown
    desk[o + TRADED] = 0
    ahead = desk[o + AHEAD]
    if desk[QUEUE] != RISK_AVERSE and left_it > 0:
        behind = before - ahead
        p = _share_behind(desk, ahead, behind)
        moved = float(ahead) - (1.0 - p) * left_it + min(behind - p * left_it, 0.0)
        ahead = max(math.ceil(moved), 0)
    desk[o + AHEAD] = min(ahead, shown)


@kernel
def _available(desk: Arena, side: int, tick: int, shown: int) -> int:
    """What is left for us of a recorded level."""
    for i in range(desk[TAKEN]):
        t = desk[TAKEN_AT] + i * TAKEN_WORDS
        if desk[t + TAKEN_TICK] == tick and desk[t + TAKEN_SIDE] == side:
            return max(shown - desk[t + TAKEN_SIZE], 0)
    return shown


@kernel
def _take(desk: Arena, side: int, tick: int, size: int, shown: int) -> bool:
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
def _next_level(ladder: Arena, side: int, tick: int) -> int:
    """The level of ``side`` behind ``tick``, -1 if the covered range has none."""
    if side == _SELL:
        found = book.at_or_above(ladder, 1, tick + 1)
        return found if found <= ladder[book.ASK_EDGE] and found != book.NO_ASK else -1
    found = book.at_or_below(ladder, 0, tick - 1)
    return found if found >= ladder[book.BID_EDGE] else -1


@kernel
def _meets(side: int, tick: int, limit: int) -> bool:
    """Whether a level of ``side`` is within the limit of an order of the other side."""
    return tick >= 0 and (tick <= limit if side == _SELL else tick >= limit)


@kernel
def _sweep(desk: Arena, ladder: Arena, reports: Any, side: int, limit: int, order_id: int, size: int, own: int) -> int:
    """Trade an order against recorded levels of ``side``, best first.

    ``own`` is the price of an order that rested before (it trades there, as maker), -1 for one that arrives (it trades
    at the levels' prices). Returns what is left of it.
    """
    tick = ladder[book.BEST_ASK] if side == _SELL else ladder[book.BEST_BID]
    if side == _SELL and (tick == book.NO_ASK or tick > ladder[book.ASK_EDGE]):
        tick = -1
    elif side == _BUY and tick < ladder[book.BID_EDGE]:
        tick = -1
    swept = 0
    while size > 0 and swept < MOST_SWEPT and _meets(side, tick, limit):
        shown = book.size_at(ladder, side, tick)
        filled = min(size, _available(desk, side, tick, shown))
        if filled > 0:
            if not _take(desk, side, tick, filled, shown):
                break
            size -= filled
            swept += 1
            _report(desk, reports, _FILLED, order_id, 1 - side, tick if own < 0 else own, filled, size)
            reports[desk[REPORTS] - 1].is_maker = 0 if own < 0 else 1
            reports[desk[REPORTS] - 1].is_through = 0 if own < 0 else 1
        tick = _next_level(ladder, side, tick)
    return size


@kernel
def _cross(desk: Arena, ladder: Arena, reports: Any) -> None:
    """Fill own orders that the other side of the book has reached, best price first."""
    for side in range(2):
        reached = ladder[book.BEST_ASK] - 1 if side == _BUY else ladder[book.BEST_BID] + 1
        done = -1
        o = _best_through(desk, side, reached)
        while o >= 0 and o != done:
            done = o
            desk[o + LEFT] = _sweep(
                desk, ladder, reports, 1 - side, desk[o + TICK], desk[o + ID], desk[o + LEFT], desk[o + TICK]
            )
            o = _best_through(desk, side, reached)
    _tidy(desk)


@kernel
def settle(desk: Arena, ladder: Arena, reports: Any) -> None:
    """After the recorded book changed: what was taken of changed levels is forgotten, queues move, orders are met."""
    kept = 0
    for i in range(desk[TAKEN]):
        t = desk[TAKEN_AT] + i * TAKEN_WORDS
        if book.size_at(ladder, desk[t + TAKEN_SIDE], desk[t + TAKEN_TICK]) == desk[t + TAKEN_SHOWN]:
            to = desk[TAKEN_AT] + kept * TAKEN_WORDS
            for w in range(TAKEN_WORDS):
                desk[to + w] = desk[t + w]
            kept += 1
    desk[TAKEN] = kept
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        shown = book.size_at(ladder, desk[o + SIDE], desk[o + TICK])
        if shown != desk[o + SHOWN]:
            _queue(desk, o, shown)
    if ladder[book.BEST_ASK] <= desk[HIGHEST_BUY] or ladder[book.BEST_BID] >= desk[LOWEST_SELL]:
        _cross(desk, ladder, reports)


@kernel
def _rest(desk: Arena, ladder: Arena, reports: Any, order_id: int, side: int, tick: int, size: int) -> None:
    """Put an order behind all that its level shows."""
    o = desk[ORDERS_AT] + desk[ORDERS] * ORDER_WORDS
    shown = book.size_at(ladder, side, tick)
    desk[o + ID] = order_id
    desk[o + SIDE] = side
    desk[o + TICK] = tick
    desk[o + LEFT] = size
    desk[o + AHEAD] = shown
    desk[o + SHOWN] = shown
    desk[o + TRADED] = 0
    desk[ORDERS] += 1
    if side == _BUY:
        desk[HIGHEST_BUY] = max(desk[HIGHEST_BUY], tick)
    else:
        desk[LOWEST_SELL] = min(desk[LOWEST_SELL], tick)
    _report(desk, reports, _RESTING, order_id, side, tick, 0, size)


@kernel
def _place(desk: Arena, ladder: Arena, reports: Any, s: int) -> None:
    """An order arrives."""
    order_id, side, tick = desk[s + SENT_ID], desk[s + SENT_SIDE], desk[s + SENT_TICK]
    size, kind = desk[s + SENT_SIZE], desk[s + SENT_KIND]
    if kind == _MARKET:
        tick = book.NO_ASK - 1 if side == _BUY else 0
    elif kind == _POST_ONLY:
        meets = ladder[book.BEST_ASK] <= tick if side == _BUY else ladder[book.BEST_BID] >= tick
        if meets:
            _report(desk, reports, _WOULD_TAKE, order_id, side, tick, 0, size)
            return
    if kind != _POST_ONLY:
        size = _sweep(desk, ladder, reports, 1 - side, tick, order_id, size, -1)
    if size > 0:
        if kind == _LIMIT or kind == _POST_ONLY:
            _rest(desk, ladder, reports, order_id, side, tick, size)
        else:
            _report(desk, reports, _EXPIRED, order_id, side, tick, 0, size)


@kernel
def _arrive(desk: Arena, ladder: Arena, reports: Any, s: int) -> None:
    """Do what was sent, the book being known."""
    action = desk[s + ACTION]
    if action == PLACE:
        _place(desk, ladder, reports, s)
        return
    o = _find(desk, desk[s + SENT_ID])
    if o < 0:
        _report(desk, reports, _UNKNOWN_ORDER, desk[s + SENT_ID], desk[s + SENT_SIDE], desk[s + SENT_TICK], 0, 0)
        return
    left = desk[o + LEFT]
    if action == REPLACE and desk[o + TICK] == desk[s + SENT_TICK] and 0 < desk[s + SENT_SIZE] <= left:
        desk[o + LEFT] = desk[s + SENT_SIZE]
        _report(desk, reports, _RESTING, desk[o + ID], desk[o + SIDE], desk[o + TICK], 0, desk[o + LEFT])
        return
    desk[o + LEFT] = 0
    if action == CANCEL:
        _report(desk, reports, _CANCELED, desk[o + ID], desk[o + SIDE], desk[o + TICK], 0, left)
        _tidy(desk)
        return
    desk[s + SENT_SIDE] = desk[o + SIDE]
    _tidy(desk)
    _place(desk, ladder, reports, s)


@kernel
def _receive(desk: Arena, ladder: Arena, reports: Any) -> None:
    """The next thing sent arrives."""
    s = desk[SENT_AT] + desk[SENT_FIRST] * SENT_WORDS
    desk[NOW] = max(desk[NOW], desk[s + SENT_NS])
    desk[SENT_FIRST] += 1
    if desk[SENT_FIRST] == desk[SENT_LAST]:
        desk[SENT_FIRST] = 0
        desk[SENT_LAST] = 0
    if desk[IS_SYNCED] == 1:
        _arrive(desk, ladder, reports, s)
    else:
        kind = _UNKNOWN_BOOK
        _report(
            desk, reports, kind, desk[s + SENT_ID], desk[s + SENT_SIDE], desk[s + SENT_TICK], 0, desk[s + SENT_SIZE]
        )


@kernel
def lose_all(desk: Arena, reports: Any) -> None:
    """The book became unknown: take out every order, forget what was taken."""
    for i in range(desk[ORDERS]):
        o = desk[ORDERS_AT] + i * ORDER_WORDS
        _report(desk, reports, _LOST, desk[o + ID], desk[o + SIDE], desk[o + TICK], 0, desk[o + LEFT])
        desk[o + LEFT] = 0
    _tidy(desk)
    desk[TAKEN] = 0


@kernel
def _market(desk: Arena, ladder: Arena, reports: Any, messages: Messages, levels: Levels, at: int) -> int:
    """Take one recorded message; DONE, or why it could not be taken."""
    message = messages[at]
    if message.kind == DEPTH:
        if not book.apply(ladder, levels, message.begin, message.end):
            return BOOK_FULL
        if desk[ORDERS] + desk[TAKEN] > 0:
            settle(desk, ladder, reports)
    elif message.kind == TRADE:
        if desk[ORDERS] > 0:
            level = levels[message.begin]
            if level.flags & UNSIGNED:
                pass
            elif level.flags & SELL:
                if level.tick <= desk[HIGHEST_BUY]:
                    _trade(desk, reports, _BUY, level.tick, level.size)
            elif level.tick >= desk[LOWEST_SELL]:
                _trade(desk, reports, _SELL, level.tick, level.size)
    else:
        return SPECIAL
    return DONE


@kernel
def advance(
    desk: Arena,
    ladder: Arena,
    messages: Messages,
    levels: Levels,
    exchange_ns: Arena,
    begin: int,
    until_ns: int,
    reports: Any,
) -> int:
    """Let the venue's time run up to ``until_ns``, included.

    Parameters
    ----------
    desk, ladder
        The trader's arena and the recorded book's.
    messages, levels, exchange_ns
        The recording, and the exchange time of each of its messages, which never goes back.
    begin
        First message that has not been taken.
    reports
        ``REPORT`` rows; ``desk[REPORTS]`` counts them.

    Returns the first message that has not been taken; ``desk[STOP]`` says why it is not beyond ``until_ns``: DONE
    (nothing is left up to then), REPORTED (something happened to an order, and the caller wants to be told at once), or
    what the caller has to do before it calls again. A message and an arrival at one instant: the message comes first.
    """
    m = begin
    n = messages.shape[0]
    room = reports.shape[0] - desk[ORDER_CAPACITY] - MOST_SWEPT - 8
    stop = DONE
    while True:
        arrival_ns = NEVER
        if desk[SENT_FIRST] < desk[SENT_LAST]:
            arrival_ns = desk[desk[SENT_AT] + desk[SENT_FIRST] * SENT_WORDS + SENT_NS]
        last_ns = min(arrival_ns, until_ns)
        reported = desk[REPORTS]
        while m < n and exchange_ns[m] <= last_ns and reported <= room:
            desk[NOW] = exchange_ns[m]
            stop = _market(desk, ladder, reports, messages, levels, m)
            if stop != DONE:
                break
            m += 1
            if desk[REPORTS] != reported:
                reported = desk[REPORTS]
                if desk[STOPS_AT_REPORTS] == 1:
                    stop = REPORTED
                    break
        if stop != DONE:
            break
        if reported > room:
            stop = REPORTS_FULL
            break
        if arrival_ns > until_ns:
            break
        if desk[ORDERS] == desk[ORDER_CAPACITY] or desk[TAKEN] + MOST_SWEPT > desk[TAKEN_CAPACITY]:
            stop = DESK_FULL
            break
        _receive(desk, ladder, reports)
        if desk[STOPS_AT_REPORTS] == 1:
            stop = REPORTED
            break
    desk[STOP] = stop
    return m


@kernel
def quiet_until(desk: Arena, messages: Messages, levels: Levels, exchange_ns: Arena, begin: int, until_ns: int) -> int:
    """Exchange time before which nothing can happen to an order; at most ``until_ns``.

    Looks ahead without taking anything, so that venues whose orders depend on each other's fills are taken in the order
    of time.
    """
    last_ns = until_ns
    if desk[SENT_FIRST] < desk[SENT_LAST]:
        last_ns = min(last_ns, desk[desk[SENT_AT] + desk[SENT_FIRST] * SENT_WORDS + SENT_NS])
    m = begin
    while m < messages.shape[0] and exchange_ns[m] <= last_ns:
        message = messages[m]
        if message.kind != DEPTH and message.kind != TRADE:
            return exchange_ns[m]
        for i in range(message.begin, message.end):
            level = levels[i]
            if level.size == 0:
                continue
            # A trade's seller meets buys, as a resting seller does.
            is_sell = level.flags & 1
            if (level.tick <= desk[HIGHEST_BUY]) if is_sell else (level.tick >= desk[LOWEST_SELL]):
                return exchange_ns[m]
        m += 1
    return last_ns
