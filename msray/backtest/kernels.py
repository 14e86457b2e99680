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

Under FIFO a recording says of every order since when it stands, so those ahead are counted, not guessed: one that came
before ours and leaves lets ours come up, one that came after ours does not, and where it is executed, ours is. What it
does not say (what happened to a level out of sight) counts as risk-averse, so ours never stands nearer than it would.
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

from numpy.typing import NDArray

from msray.backtest import kernels_desk as d
from msray.book import kernels as book
from msray.compiled import kernel
from msray.market import ASK, DEPTH, ORDER, SELL, TRADE, UNSIGNED, Levels, Messages

Arena = NDArray[Any]


@kernel
def _next_level(ladder: Arena, side: int, tick: int) -> int:
    """The level of ``side`` behind ``tick``, -1 if the covered range has none."""
    if side == d.SELL:
        found = book.at_or_above(ladder, 1, tick + 1)
        return found if found <= ladder[book.ASK_EDGE] and found != book.NO_ASK else -1
    found = book.at_or_below(ladder, 0, tick - 1)
    return found if found >= ladder[book.BID_EDGE] else -1


@kernel
def _meets(side: int, tick: int, limit: int) -> bool:
    """Whether a level of ``side`` is within the limit of an order of the other side."""
    return tick >= 0 and (tick <= limit if side == d.SELL else tick >= limit)


@kernel
def _is_in_sight(ladder: Arena, side: int, tick: int) -> bool:
    """Whether the book knows what stands there."""
    return tick <= ladder[book.ASK_EDGE] if side == d.SELL else tick >= ladder[book.BID_EDGE]


@kernel
def _sweep(desk: Arena, ladder: Arena, reports: Any, side: int, limit: int, order_id: int, size: int, own: int) -> int:
    """Trade an order against recorded levels of ``side``, best first.

    ``own`` is the price of an order that rested before (it trades there, as maker), -1 for one that arrives (it trades
    at the levels' prices). Returns what is left of it.
    """
    tick = ladder[book.BEST_ASK] if side == d.SELL else ladder[book.BEST_BID]
    if side == d.SELL and (tick == book.NO_ASK or tick > ladder[book.ASK_EDGE]):
        tick = -1
    elif side == d.BUY and tick < ladder[book.BID_EDGE]:
        tick = -1
    swept = 0
    while size > 0 and swept < d.MOST_SWEPT and _meets(side, tick, limit):
        shown = book.size_at(ladder, side, tick)
        filled = min(size, d.available(desk, side, tick, shown))
        if filled > 0:
            if not d.take(desk, side, tick, filled, shown):
                break
            size -= filled
            swept += 1
            d.report(desk, reports, d.FILLED, order_id, 1 - side, tick if own < 0 else own, filled, size)
            reports[desk[d.REPORTS] - 1].is_maker = 0 if own < 0 else 1
            reports[desk[d.REPORTS] - 1].is_through = 0 if own < 0 else 1
        tick = _next_level(ladder, side, tick)
    return size


@kernel
def _cross(desk: Arena, ladder: Arena, reports: Any) -> None:
    """Fill own orders that the other side of the book has reached, best price first."""
    for side in range(2):
        reached = ladder[book.BEST_ASK] - 1 if side == d.BUY else ladder[book.BEST_BID] + 1
        done = -1
        o = d.best_through(desk, side, reached)
        while o >= 0 and o != done:
            done = o
            desk[o + d.LEFT] = _sweep(
                desk, ladder, reports, 1 - side, desk[o + d.TICK], desk[o + d.ID], desk[o + d.LEFT], desk[o + d.TICK]
            )
            o = d.best_through(desk, side, reached)
    d.tidy(desk)


@kernel
def settle(desk: Arena, ladder: Arena, reports: Any) -> None:
    """After the recorded book changed: what was taken of changed levels is forgotten, queues move, orders are met."""
    kept = 0
    for i in range(desk[d.TAKEN]):
        t = desk[d.TAKEN_AT] + i * d.TAKEN_WORDS
        if book.size_at(ladder, desk[t + d.TAKEN_SIDE], desk[t + d.TAKEN_TICK]) == desk[t + d.TAKEN_SHOWN]:
            to = desk[d.TAKEN_AT] + kept * d.TAKEN_WORDS
            for w in range(d.TAKEN_WORDS):
                desk[to + w] = desk[t + w]
            kept += 1
    desk[d.TAKEN] = kept
    for i in range(desk[d.ORDERS]):
        o = desk[d.ORDERS_AT] + i * d.ORDER_WORDS
        shown = book.size_at(ladder, desk[o + d.SIDE], desk[o + d.TICK])
        comes_into_sight = desk[o + d.AHEAD] > shown and _is_in_sight(ladder, desk[o + d.SIDE], desk[o + d.TICK])
        if shown != desk[o + d.SHOWN] or comes_into_sight:
            d.move_queue(desk, o, shown)
    if ladder[book.BEST_ASK] <= desk[d.HIGHEST_BUY] or ladder[book.BEST_BID] >= desk[d.LOWEST_SELL]:
        _cross(desk, ladder, reports)


@kernel
def _rest(desk: Arena, ladder: Arena, reports: Any, order_id: int, side: int, tick: int, size: int) -> None:
    """Put an order behind all that its level shows."""
    o = desk[d.ORDERS_AT] + desk[d.ORDERS] * d.ORDER_WORDS
    shown = book.size_at(ladder, side, tick)
    desk[o + d.ID] = order_id
    desk[o + d.SIDE] = side
    desk[o + d.TICK] = tick
    desk[o + d.LEFT] = size
    desk[o + d.AHEAD] = shown
    desk[o + d.SHOWN] = shown
    desk[o + d.TRADED] = 0
    desk[o + d.CAME] = desk[d.BOOK_ID]
    if not _is_in_sight(ladder, side, tick):
        desk[o + d.AHEAD] = d.NEVER  # what stands there is not shown: at most what is when it comes into sight
    desk[d.ORDERS] += 1
    if side == d.BUY:
        desk[d.HIGHEST_BUY] = max(desk[d.HIGHEST_BUY], tick)
    else:
        desk[d.LOWEST_SELL] = min(desk[d.LOWEST_SELL], tick)
    d.report(desk, reports, d.RESTING, order_id, side, tick, 0, size)


@kernel
def _place(desk: Arena, ladder: Arena, reports: Any, s: int) -> None:
    """An order arrives."""
    order_id, side, tick = desk[s + d.SENT_ID], desk[s + d.SENT_SIDE], desk[s + d.SENT_TICK]
    size, kind = desk[s + d.SENT_SIZE], desk[s + d.SENT_KIND]
    if kind == d.MARKET:
        tick = book.NO_ASK - 1 if side == d.BUY else 0
    elif kind == d.POST_ONLY:
        meets = ladder[book.BEST_ASK] <= tick if side == d.BUY else ladder[book.BEST_BID] >= tick
        if meets:
            d.report(desk, reports, d.WOULD_TAKE, order_id, side, tick, 0, size)
            return
    if kind != d.POST_ONLY:
        size = _sweep(desk, ladder, reports, 1 - side, tick, order_id, size, -1)
    if size > 0:
        if kind == d.LIMIT or kind == d.POST_ONLY:
            _rest(desk, ladder, reports, order_id, side, tick, size)
        else:
            d.report(desk, reports, d.EXPIRED, order_id, side, tick, 0, size)


@kernel
def _arrive(desk: Arena, ladder: Arena, reports: Any, s: int) -> None:
    """Do what was sent, the book being known."""
    action = desk[s + d.ACTION]
    if action == d.PLACE:
        _place(desk, ladder, reports, s)
        return
    o = d.find(desk, desk[s + d.SENT_ID])
    if o < 0:
        d.report(
            desk, reports, d.UNKNOWN_ORDER, desk[s + d.SENT_ID], desk[s + d.SENT_SIDE], desk[s + d.SENT_TICK], 0, 0
        )
        return
    left = desk[o + d.LEFT]
    if action == d.REPLACE and desk[o + d.TICK] == desk[s + d.SENT_TICK] and 0 < desk[s + d.SENT_SIZE] <= left:
        desk[o + d.LEFT] = desk[s + d.SENT_SIZE]
        d.report(desk, reports, d.RESTING, desk[o + d.ID], desk[o + d.SIDE], desk[o + d.TICK], 0, desk[o + d.LEFT])
        return
    desk[o + d.LEFT] = 0
    if action == d.CANCEL:
        d.report(desk, reports, d.CANCELED, desk[o + d.ID], desk[o + d.SIDE], desk[o + d.TICK], 0, left)
        d.tidy(desk)
        return
    desk[s + d.SENT_SIDE] = desk[o + d.SIDE]
    d.tidy(desk)
    _place(desk, ladder, reports, s)


@kernel
def _receive(desk: Arena, ladder: Arena, reports: Any) -> None:
    """The next thing sent arrives."""
    s = desk[d.SENT_AT] + desk[d.SENT_FIRST] * d.SENT_WORDS
    desk[d.NOW] = max(desk[d.NOW], desk[s + d.SENT_NS])
    desk[d.SENT_FIRST] += 1
    if desk[d.SENT_FIRST] == desk[d.SENT_LAST]:
        desk[d.SENT_FIRST] = 0
        desk[d.SENT_LAST] = 0
    if desk[d.IS_SYNCED] == 1:
        _arrive(desk, ladder, reports, s)
    else:
        order_id, size = desk[s + d.SENT_ID], desk[s + d.SENT_SIZE]
        d.report(desk, reports, d.UNKNOWN_BOOK, order_id, desk[s + d.SENT_SIDE], desk[s + d.SENT_TICK], 0, size)


@kernel
def _market(desk: Arena, ladder: Arena, reports: Any, messages: Messages, levels: Levels, at: int) -> int:
    """Take one recorded message; DONE, or why it could not be taken."""
    message = messages[at]
    if message.kind == DEPTH:
        if not book.apply(ladder, levels, message.begin, message.end):
            return d.BOOK_FULL
        desk[d.BOOK_ID] = message.last_id
        if desk[d.ORDERS] + desk[d.TAKEN] > 0:
            if desk[d.QUEUE] == d.FIFO:
                for i in range(message.begin, message.end):
                    level = levels[i]
                    if level.flags & ORDER:
                        d.leave(desk, level.flags & ASK, level.tick, level.size, message.prev_id)
            settle(desk, ladder, reports)
    elif message.kind == TRADE:
        if desk[d.ORDERS] > 0:
            level = levels[message.begin]
            since = message.prev_id if desk[d.QUEUE] == d.FIFO and level.flags & ORDER else d.NOT_SAID
            if level.flags & UNSIGNED:
                pass
            elif level.flags & SELL:
                if level.tick <= desk[d.HIGHEST_BUY]:
                    d.trade(desk, reports, d.BUY, level.tick, level.size, since)
            elif level.tick >= desk[d.LOWEST_SELL]:
                d.trade(desk, reports, d.SELL, level.tick, level.size, since)
    else:
        return d.SPECIAL
    return d.DONE


@kernel
def advance(
    desk: Arena,
    ladder: Arena,
    messages: Messages,
    levels: Levels,
    exchange_ns: Arena,
    begin: int,
    until_ns: int,
    arrivals_until_ns: int,
    reports: Any,
) -> int:
    """Let the venue's time run up to ``until_ns``, included; for what was sent only up to ``arrivals_until_ns``.

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
    (nothing is left up to then, or up to so long after the first report as the caller has patience), REPORTED
    (something happened to an order, and the caller wants to be told at once), or what the caller has to do before it
    calls again. A message and an arrival at one instant: the message comes first.
    """
    m = begin
    n = messages.shape[0]
    room = reports.shape[0] - desk[d.ORDER_CAPACITY] - d.MOST_SWEPT - 8
    stop = d.DONE
    stops = desk[d.STOPS_AT_REPORTS] == 1
    patience = desk[d.PATIENCE]
    if stops and desk[d.REPORTS] > 0:
        until_ns = min(until_ns, reports[0].at_ns + patience)
    while True:
        arrival_ns = d.NEVER
        if desk[d.SENT_FIRST] < desk[d.SENT_LAST]:
            arrival_ns = desk[desk[d.SENT_AT] + desk[d.SENT_FIRST] * d.SENT_WORDS + d.SENT_NS]
        if arrival_ns > arrivals_until_ns:
            arrival_ns = d.NEVER
        last_ns = min(arrival_ns, until_ns)
        reported = desk[d.REPORTS]
        while m < n and exchange_ns[m] <= last_ns and reported <= room:
            desk[d.NOW] = exchange_ns[m]
            stop = _market(desk, ladder, reports, messages, levels, m)
            if stop != d.DONE:
                break
            m += 1
            if desk[d.REPORTS] != reported:
                reported = desk[d.REPORTS]
                if stops:
                    if patience == 0:
                        stop = d.REPORTED
                        break
                    until_ns = min(until_ns, reports[0].at_ns + patience)
                    last_ns = min(last_ns, until_ns)
        if stop != d.DONE:
            break
        if reported > room:
            stop = d.REPORTS_FULL
            break
        if arrival_ns > until_ns:
            break
        if desk[d.ORDERS] == desk[d.ORDER_CAPACITY] or desk[d.TAKEN] + d.MOST_SWEPT > desk[d.TAKEN_CAPACITY]:
            stop = d.DESK_FULL
            break
        _receive(desk, ladder, reports)
        if stops:
            if patience == 0:
                stop = d.REPORTED
                break
            until_ns = min(until_ns, reports[0].at_ns + patience)
    desk[d.STOP] = stop
    return m


@kernel
def quiet_until(desk: Arena, messages: Messages, levels: Levels, exchange_ns: Arena, begin: int, until_ns: int) -> int:
    """Exchange time before which nothing can happen to an order; at most ``until_ns``.

    Looks ahead without taking anything, so that venues whose orders depend on each other's fills are taken in the order
    of time.
    """
    last_ns = until_ns
    if desk[d.SENT_FIRST] < desk[d.SENT_LAST]:
        last_ns = min(last_ns, desk[desk[d.SENT_AT] + desk[d.SENT_FIRST] * d.SENT_WORDS + d.SENT_NS])
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
            if (level.tick <= desk[d.HIGHEST_BUY]) if is_sell else (level.tick >= desk[d.LOWEST_SELL]):
                return exchange_ns[m]
        m += 1
    return last_ns
