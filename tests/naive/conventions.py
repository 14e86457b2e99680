"""Our simulated venue and hftbacktest's two exchanges as one slow venue, whose conventions are switched one by one."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from math import ceil, floor

from msray.market import TRADE, OrderKind

BUY, SELL = 0, 1
Level = tuple[int, int]


class There(Enum):
    """What hftbacktest does otherwise than we."""

    UNCOVERED = "levels beyond those that the snapshot covers are known: traded against, and stood behind"
    TAKEN_AGAIN = "what an order took of a level is there again for the next one"
    ALONE = "each order meets a trade as if it were the only one of ours"
    THROUGH_WHOLE = "a trade beyond the price fills the whole order, whatever its own size"
    REACHED_WHOLE = "the other side reaching the price fills the whole order, whatever stands there"
    FRACTIONS = "the place in the queue is a fraction, and may be below nothing"
    REST_AT_LIMIT = "what a limit order that takes does not find trades at its own price, instead of resting"
    SHORT_SWEEP = "a market order goes 100 ticks far, what is left expires"
    QUEUE_WHOLE = "a trade that serves any of the order fills all of it"
    TAKES_WHOLE = "an order that takes trades whole at the best price, whatever stands there"


_EACH = tuple(There)[:6]
PARTIAL = (*_EACH, There.REST_AT_LIMIT, There.SHORT_SWEEP)
"""PartialFillExchange."""
WHOLE = (*_EACH, There.QUEUE_WHOLE, There.TAKES_WHOLE)
"""NoPartialFillExchange."""


OUT_OF_SIGHT = 2.0**62
"""Ahead of an order that came where nobody knows what stands."""


@dataclass
class Book:
    """Sizes by tick of both sides, and the best tick of each."""

    sizes: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    best: tuple[int, int] = (-1, 2**31 - 1)
    covered: tuple[int, int] = (0, 2**31 - 1)

    def at(self, side: int, tick: int) -> int:
        return self.sizes[side].get(tick, 0)

    def reaches(self, side: int, tick: int) -> bool:
        """Whether the other side stands at the price of an order of this one, or through it."""
        return self.best[SELL] <= tick if side == BUY else self.best[BUY] >= tick


@dataclass
class Order:
    order_id: int
    side: int
    tick: int
    left: int
    ahead: float
    traded: int = 0


@dataclass
class Venue:
    """A venue with some of hftbacktest's conventions and, for the rest, ours.

    ``power`` is the queue model's exponent, 0: risk-averse. ``breaks`` are the times at which hftbacktest's
    PartialFillExchange breaks off a run, and the order for which: it keeps one that a trade filled exactly, and refuses
    to fill it once more when the market comes to it again.
    """

    book: Book
    there: frozenset[There] = frozenset()
    power: float = 0.0
    orders: list[Order] = field(default_factory=list)
    taken: dict[Level, int] = field(default_factory=dict)
    fills: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    exactly: list[Order] = field(default_factory=list)
    breaks: list[tuple[int, int]] = field(default_factory=list)

    def depth(self, at_ns: int, before: dict[Level, int]) -> None:
        """The sizes of some levels have changed; ``before`` has what they were."""
        if self.taken:
            self.taken = {level: size for level, size in self.taken.items() if level not in before}
        for order in self.orders:
            if (order.side, order.tick) in before:
                self._queue(order, before[order.side, order.tick])
        self._break_off(at_ns, lambda order: self.book.reaches(order.side, order.tick))
        reached = [order for order in self.orders if self.book.reaches(order.side, order.tick)]
        for order in self._best_first(reached):
            self._reached(at_ns, order)
        if reached:
            self.orders = [order for order in self.orders if order.left]

    def trade(self, at_ns: int, tick: int, size: int, seller: bool) -> None:
        side, left, sign = (BUY, size, 1) if seller else (SELL, size, -1)
        self._break_off(at_ns, lambda order: order.side == side and (order.tick - tick) * sign >= 0)
        met = [order for order in self.orders if order.side == side and (order.tick - tick) * sign >= 0]
        for order in self._best_first(met):
            if order.tick != tick:
                filled = order.left if left and There.THROUGH_WHOLE in self.there else min(order.left, left)
            else:
                served = self._serve(order, left, size)
                filled = order.left if served and There.QUEUE_WHOLE in self.there else min(order.left, served)
                self.exactly += [order] if served == order.left else []
            left -= 0 if There.ALONE in self.there else min(filled, left)
            self._fill(at_ns, order, order.tick, filled, is_maker=True)
        if met:
            self.orders = [order for order in self.orders if order.left]

    def place(self, at_ns: int, order_id: int, side: int, kind: OrderKind, tick: int, size: int) -> None:
        takes = kind is OrderKind.MARKET or self.book.reaches(side, tick)
        order = Order(order_id, side, tick, size, self.book.at(side, tick))
        if takes and kind is OrderKind.POST_ONLY:
            return
        if takes and There.TAKES_WHOLE in self.there:
            self._fill(at_ns, order, self.book.best[1 - side], size, is_maker=False)
        elif takes:
            self._sweep(at_ns, order, kind)
            if kind is OrderKind.LIMIT and There.REST_AT_LIMIT in self.there:
                self._fill(at_ns, order, tick, order.left, is_maker=False)
        if order.left and kind in (OrderKind.LIMIT, OrderKind.POST_ONLY):
            lowest, highest = self.book.covered
            if There.UNCOVERED not in self.there and (tick < lowest if side == BUY else tick > highest):
                order.ahead = OUT_OF_SIGHT
            self.orders.append(order)

    def cancel(self, order_id: int) -> None:
        self.orders = [order for order in self.orders if order.order_id != order_id]
        self.exactly = [order for order in self.exactly if order.order_id != order_id]

    def _best_first(self, orders) -> list[Order]:
        return sorted(orders, key=lambda order: (order.side, -order.tick if order.side == BUY else order.tick))

    def _break_off(self, at_ns: int, met) -> None:
        if not self.exactly:
            return
        self.breaks += [(at_ns, order.order_id) for order in self.exactly if met(order)]
        self.exactly = [order for order in self.exactly if not met(order)]

    def _queue(self, order: Order, before: int) -> None:
        shown = self.book.at(order.side, order.tick)
        left_it = before - shown - order.traded
        order.traded = 0
        if self.power and left_it > 0 and order.ahead < OUT_OF_SIGHT / 2:
            behind = before - order.ahead
            back, front = max(behind, 0) ** self.power, order.ahead**self.power
            p = back / (back + front) if back else 0.0
            order.ahead += min(behind - p * left_it, 0.0) - (1.0 - p) * left_it
            if There.FRACTIONS not in self.there:
                order.ahead = max(ceil(order.ahead), 0)
        order.ahead = min(order.ahead, shown)

    def _serve(self, order: Order, reaching: int, traded: int) -> int:
        """Units of the order that a trade at its price serves."""
        order.ahead -= traded if There.ALONE in self.there else reaching
        order.traded += traded
        served = max(floor(0.5 - order.ahead), 0)
        if served:
            order.ahead = 0
        return served

    def _reached(self, at_ns: int, order: Order) -> None:
        if There.REACHED_WHOLE in self.there:
            self._fill(at_ns, order, order.tick, order.left, is_maker=True)
        else:
            self._sweep(at_ns, order, OrderKind.LIMIT, is_maker=True)

    def _sweep(self, at_ns: int, order: Order, kind: OrderKind, *, is_maker: bool = False) -> None:
        other, sign = 1 - order.side, 1 - 2 * order.side
        best, (nearer, farthest) = self.book.best[other], (min, max) if sign > 0 else (max, min)
        limit = order.tick
        if kind is OrderKind.MARKET:
            limit = farthest(self.book.sizes[other])
            if There.SHORT_SWEEP in self.there:
                limit = nearer(limit, best + 99 if sign > 0 else best - 100)
        if There.UNCOVERED not in self.there:
            limit = nearer(limit, self.book.covered[other])
        for tick in range(best, limit + sign, sign):
            free = self.book.at(other, tick) - self.taken.get((other, tick), 0)
            filled = min(free, order.left)
            if filled > 0:
                self._fill(at_ns, order, order.tick if is_maker else tick, filled, is_maker=is_maker)
                if There.TAKEN_AGAIN not in self.there:
                    self.taken[other, tick] = self.taken.get((other, tick), 0) + filled
            if order.left == 0:
                return

    def _fill(self, at_ns: int, order: Order, tick: int, size: int, *, is_maker: bool) -> None:
        if size > 0:
            order.left -= size
            self.fills.append((order.order_id, at_ns, tick, size, int(is_maker)))


def play(messages, orders, venues: list[Venue]) -> None:
    """Let one book and all venues on it live through a recording.

    ``messages``: (exchange ns, kind, [(side, tick, size), ...], best bid and ask after it), a trade has one level;
    ``orders``: (arrival ns, order id, side, kind, tick, size), of a cancel only the first two; both in order of time.
    """
    book, todo = venues[0].book, deque(orders)
    for at_ns, kind, levels, best in messages:
        while todo and todo[0][0] < at_ns:
            _arrive(todo.popleft(), venues)
        if kind == TRADE:
            for venue in venues:
                venue.trade(at_ns, levels[0][1], levels[0][2], bool(levels[0][0]))
            continue
        before = {(side, tick): book.at(side, tick) for side, tick, size in levels if book.at(side, tick) != size}
        for side, tick, size in levels:
            book.sizes[side][tick] = size
            if size == 0:
                del book.sizes[side][tick]
        book.best = best
        for venue in venues:
            venue.depth(at_ns, before)
    for order in todo:
        _arrive(order, venues)


def _arrive(order, venues: list[Venue]) -> None:
    for venue in venues:
        if len(order) == 2:
            venue.cancel(order[1])
        else:
            venue.place(*order)
