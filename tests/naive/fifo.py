"""The simulated venue where every order is known: a level is a line of orders, ours among those of the recording."""

from dataclasses import dataclass, field

from tests.naive.venue import NaiveVenue, Order


@dataclass
class NaiveFifo(NaiveVenue):
    """First in, first out. What the recording says of an order is done, whatever ours would have changed about it."""

    lines: dict[tuple[int, int], list[Order]] = field(default_factory=dict)
    recorded: dict[int, Order] = field(default_factory=dict)

    def add(self, at_ns: int, number: int, side: int, tick: int, size: int) -> None:
        """A recorded order comes."""
        order = self.recorded[number] = Order(-number, side, tick, size)
        self.lines.setdefault((side, tick), []).append(order)
        self._shown(at_ns, side, tick)

    def shrink(self, at_ns: int, number: int, size: int) -> None:
        """So much of a recorded order is cancelled, or was executed."""
        order = self.recorded[number]
        order.left -= size
        if order.left == 0:
            self.lines[order.side, order.tick].remove(order)
        self._shown(at_ns, order.side, order.tick)

    def execute(self, at_ns: int, number: int, size: int) -> None:
        """Somebody trades with a recorded order; with ours of a better price, and with older ones, they would first."""
        met, side = self.recorded[number], self.recorded[number].side
        line = self.lines[side, met.tick]
        ahead = [one for one in line[: line.index(met)] if self._is_own(one)]
        through = [one for one in self._by_price(side) if (one.tick > met.tick if side == 0 else one.tick < met.tick)]
        left = size
        for order in [*through, *ahead]:
            filled = min(left, order.left)
            if filled:
                left -= filled
                self._fill(at_ns, order, order.tick, filled, True)
        self._tidy()
        self.shrink(at_ns, number, size)

    def _shown(self, at_ns: int, side: int, tick: int) -> None:
        others = [order for order in self.lines[side, tick] if not self._is_own(order)]
        self.depth(at_ns, [(side, tick, sum(order.left for order in others))])

    def _is_own(self, order: Order) -> bool:
        return order.order_id >= 0

    def _join(self, order: Order) -> None:
        self.lines.setdefault((order.side, order.tick), []).append(order)

    def _drop_units(self, order: Order, size: int) -> None:
        """An order of a line holds what is left of it itself."""

    def _tidy(self) -> None:
        super()._tidy()
        self.lines = {level: [one for one in line if one.left] for level, line in self.lines.items()}
