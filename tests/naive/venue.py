"""The simulated venue, unit by unit: every level where we have orders is a list of whose unit stands where."""

from dataclasses import dataclass, field

from msray.market import EDGE, OrderKind, ReportKind

BUY, SELL = 0, 1
FARTHEST = 0, 2**31 - 1
CROWD = 750
"""Units ahead of an order that came where nobody knows what stands: more than these markets trade."""


@dataclass
class Order:
    order_id: int
    side: int
    tick: int
    left: int


@dataclass
class NaiveVenue:
    """Risk-averse queue: whoever leaves a level without a trade stood at its end.

    ``book`` is the recording's: two dicts of sizes by tick, known to be so as far as ``edges``. ``taken`` is what we
    took of levels since they changed. ``queues`` has, for every level with orders of ours, the units in the order of
    service: None is somebody else's.
    """

    book: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    edges: list[int] = field(default_factory=lambda: [*FARTHEST])
    taken: dict[tuple[int, int], int] = field(default_factory=dict)
    queues: dict[tuple[int, int], list[int | None]] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    reports: list[tuple] = field(default_factory=list)

    def depth(self, at_ns: int, changes: list[tuple[int, int, int]]) -> None:
        """Set (side, tick, size) of several levels at once; a side with ``EDGE`` is known that far."""
        before = [dict(side) for side in self.book]
        for flags, tick, size in changes:
            side = flags & 1
            self.book[side][tick] = size
            if size == 0:
                del self.book[side][tick]
            if flags & EDGE:
                self.edges[side] = tick if size else FARTHEST[side]
        for side, tick in list(self.taken):
            if before[side].get(tick, 0) != self.book[side].get(tick, 0):
                del self.taken[side, tick]
        for (side, tick), queue in self.queues.items():
            others, shown = queue.count(None), self.book[side].get(tick, 0)
            comes_into_sight = others > shown and self._is_in_sight(side, tick)
            if before[side].get(tick, 0) == shown and not comes_into_sight:
                continue
            while others > shown:
                last = max(i for i, unit in enumerate(queue) if unit is None)
                del queue[last]
                others -= 1
            queue += [None] * (shown - others)
        for side in (BUY, SELL):
            for order in self._by_price(side):
                if self._reaches(side, order.tick):
                    self._sweep(at_ns, order, order.tick, is_maker=True)
        self._tidy()

    def trade(self, at_ns: int, tick: int, size: int, seller: bool) -> None:
        side = BUY if seller else SELL
        for order in self._by_price(side):
            if order.tick > tick if side == BUY else order.tick < tick:
                filled = min(size, order.left)
                if filled:
                    size -= filled
                    self._fill(at_ns, order, order.tick, filled, True, from_queue=True)
        queue = self.queues.get((side, tick), [])
        served = {}
        for _ in range(size):
            if not queue:
                break
            unit = queue.pop(0)
            if unit is not None:
                served[unit] = served.get(unit, 0) + 1
        for unit, filled in served.items():
            self._fill(at_ns, self.orders[unit], tick, filled, True)
        self._tidy()

    def place(self, at_ns: int, order_id: int, side: int, kind: OrderKind, tick: int, size: int) -> None:
        order = Order(order_id, side, tick, size)
        if kind is OrderKind.POST_ONLY and self._reaches(side, tick):
            self._say(at_ns, order, ReportKind.REFUSED_WOULD_TAKE, tick, 0)
            return
        if kind is OrderKind.MARKET:
            order.tick = tick = 2**31 - 2 if side == BUY else 0
        if kind is not OrderKind.POST_ONLY:
            self._sweep(at_ns, order, tick, is_maker=False)
        if order.left == 0:
            return
        if kind in (OrderKind.LIMIT, OrderKind.POST_ONLY):
            self.orders[order_id] = order
            self._join(order)
            self._say(at_ns, order, ReportKind.RESTING, tick, 0)
        else:
            self._say(at_ns, order, ReportKind.EXPIRED, tick, 0)

    def cancel(self, at_ns: int, order_id: int) -> None:
        order = self.orders.get(order_id)
        if order is None:
            self.reports.append((at_ns, order_id, ReportKind.REFUSED_UNKNOWN_ORDER, 0, 0, 0, 0))
            return
        self._say(at_ns, order, ReportKind.CANCELED, order.tick, 0)
        self._drop_units(order, order.left)
        order.left = 0
        self._tidy()

    def replace(self, at_ns: int, order_id: int, kind: OrderKind, tick: int, size: int) -> None:
        order = self.orders.get(order_id)
        if order is None:
            self.reports.append((at_ns, order_id, ReportKind.REFUSED_UNKNOWN_ORDER, 0, 0, 0, 0))
        elif tick == order.tick and size <= order.left:
            self._drop_units(order, order.left - size)
            order.left = size
            self._say(at_ns, order, ReportKind.RESTING, tick, 0)
        else:
            self._drop_units(order, order.left)
            order.left = 0
            self._tidy()
            self.place(at_ns, order_id, order.side, kind, tick, size)

    def _join(self, order: Order) -> None:
        """Whoever came since the last change of the level stands behind the others that were there."""
        shown = self.book[order.side].get(order.tick, 0) if self._is_in_sight(order.side, order.tick) else CROWD
        queue = self.queues.setdefault((order.side, order.tick), [])
        queue += [None] * (shown - queue.count(None))
        queue += [order.order_id] * order.left

    def _is_in_sight(self, side: int, tick: int) -> bool:
        return tick >= self.edges[side] if side == BUY else tick <= self.edges[side]

    def _best(self, side: int) -> int | None:
        levels = self.book[side]
        return (max(levels) if side == BUY else min(levels)) if levels else None

    def _reaches(self, side: int, tick: int) -> bool:
        best = self._best(1 - side)
        return best is not None and (best <= tick if side == BUY else best >= tick)

    def _sweep(self, at_ns: int, order: Order, limit: int, *, is_maker: bool) -> None:
        other = 1 - order.side
        for tick in sorted(self.book[other], reverse=other == BUY):
            if order.left == 0 or (tick > limit if other == SELL else tick < limit):
                return
            if not self._is_in_sight(other, tick):
                return
            free = self.book[other][tick] - self.taken.get((other, tick), 0)
            filled = min(free, order.left)
            if filled > 0:
                self.taken[other, tick] = self.taken.get((other, tick), 0) + filled
                self._fill(at_ns, order, order.tick if is_maker else tick, filled, is_maker, from_queue=is_maker)

    def _by_price(self, side: int) -> list[Order]:
        mine = [order for order in self.orders.values() if order.side == side]
        return sorted(mine, key=lambda order: -order.tick if side == BUY else order.tick)

    def _fill(self, at_ns: int, order: Order, tick: int, size: int, is_maker: bool, from_queue: bool = False) -> None:
        order.left -= size
        if from_queue:
            self._drop_units(order, size)
        self._say(at_ns, order, ReportKind.FILLED, tick, size, is_maker)

    def _drop_units(self, order: Order, size: int) -> None:
        queue = self.queues[order.side, order.tick]
        for _ in range(min(size, queue.count(order.order_id))):
            queue.remove(order.order_id)

    def _tidy(self) -> None:
        self.orders = {number: order for number, order in self.orders.items() if order.left}
        levels = {(order.side, order.tick) for order in self.orders.values()}
        self.queues = {level: queue for level, queue in self.queues.items() if level in levels}

    def _say(self, at_ns: int, order: Order, kind: ReportKind, tick: int, size: int, is_maker: bool = False) -> None:
        self.reports.append((at_ns, order.order_id, kind, tick, size, order.left, int(is_maker)))
