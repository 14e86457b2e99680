"""``TradingDesk``: our side of the markets - what is known, what is open, what is held, and what may be sent."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from msray.backtest.agenda import NEVER_NS, Agenda, Kind
from msray.backtest.config import BacktestConfig
from msray.backtest.exchange import SimulatedVenue
from msray.backtest.latency import Latency
from msray.backtest.portfolio import PortfolioManager
from msray.backtest.prints import PrintQueue, Prints
from msray.backtest.quotes import Quote, Quotes
from msray.backtest.risk import Exposure, Refusal, RiskManager
from msray.backtest.strategy import Answer
from msray.errors import UnknownNameError
from msray.market import Fill, Instrument, OrderKind, ReportKind, Side


@dataclass(slots=True)
class Market:
    """One instrument: its venue, and what we know of it.

    Attributes
    ----------
    answered_ns, row_ns
        When we learned of the last answer, and of the last row that the strategy was told of.
    asked
        Sum over its open orders, by side.
    """

    instrument: Instrument
    venue: SimulatedVenue
    prints: PrintQueue
    quotes: Quotes = field(default_factory=Quotes)
    answered_ns: int = 0
    row_ns: int = -1
    asked: list[int] = field(default_factory=lambda: [0, 0])


@dataclass(slots=True)
class Order:
    """An order that may still be open.

    Attributes
    ----------
    left
        What has not traded, as far as we know.
    asked
        The same, or more where it was asked to be enlarged and the answer is due: what limits are judged by.
    """

    market: Market
    side: Side
    kind: OrderKind
    left: int
    asked: int
    reason: str


@dataclass(slots=True)
class _Watch:
    market: Market
    side: Side
    low: int
    high: int
    is_found: bool = False

    @property
    def instrument(self) -> str:
        return self.market.instrument.id


class TradingDesk:
    """Implements :class:`~msray.backtest.strategy.Desk` on simulated venues.

    Parameters
    ----------
    config
        What is assumed.
    latency
        How long an order is on its way.
    agenda
        Takes what the desk is to be told of.
    """

    def __init__(self, config: BacktestConfig, latency: Latency, agenda: Agenda) -> None:
        self.portfolio = PortfolioManager(config.initial_capital, config.fee_rate, config.maker_rate)
        self.risk = RiskManager(config.risk)
        self.markets: dict[str, Market] = {}
        self.fills: list[Fill] = []
        self.answers: Counter[ReportKind] = Counter()
        self.sent = 0
        self._config, self._latency, self._agenda = config, latency, agenda
        self._now_ns = 0
        self._orders: dict[int, Order] = {}
        self._watches: dict[int, _Watch] = {}

    def add(self, instrument: Instrument) -> Market:
        """Trade an instrument; Binance's COIN-M futures are inverse, everything else is linear."""
        contract = self._config.contract_size if instrument.venue == "binance_coinm" else 0.0
        self.portfolio.add(instrument, contract)
        venue = SimulatedVenue(instrument, self._config.queue, patience_ns=self._latency.least_response_ns)
        market = Market(instrument, venue, PrintQueue(instrument))
        self.markets[instrument.id] = market
        return market

    def go_to(self, now_ns: int) -> None:
        """It is this time now: learn what has become known."""
        self._now_ns = max(self._now_ns, now_ns)
        for market in self.markets.values():
            if market.quotes.go_to(self._now_ns):
                self.portfolio.mark(market.instrument.id, market.quotes.mid_price)

    def book(self, answer: Answer) -> None:
        """The venue's answer to an order has come."""
        self.answers[answer.kind] += 1
        order = self._orders.get(answer.order_id)
        if answer.fill is not None:
            self.fills.append(answer.fill)
            self.portfolio.apply(answer.fill, order.reason if order else "")
        if order is not None:
            order.left = answer.left
            self._ask(order, answer.left)
            if answer.is_over:
                self._ask(order, 0)
                del self._orders[answer.order_id]

    def look(self, instrument: str) -> None:
        """New rows of an instrument are at hand: find out when they touch what is watched for."""
        for token, watch in self._watches.items():
            if watch.market.instrument.id == instrument and not watch.is_found:
                self._look(token, watch)

    def touched(self, watch: object) -> int | None:
        """Token of a watch that has been touched and ends with it; None where it was replaced or given up."""
        for token, mine in self._watches.items():
            if mine is watch:
                del self._watches[token]
                return token
        return None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is held, ordered or watched for."""
        return (
            not self._watches
            and self.portfolio.is_flat
            and all(market.venue.is_idle for market in self.markets.values())
        )

    @property
    def orders(self) -> dict[int, Order]:
        """Those that may be open, by number."""
        return self._orders

    @property
    def now_ns(self) -> int:
        """See :class:`~msray.backtest.strategy.Desk`, as for all that follows."""
        return self._now_ns

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What can be traded."""
        return tuple(market.instrument for market in self.markets.values())

    @property
    def equity(self) -> float:
        """Cash and positions at their mids."""
        return self.portfolio.equity

    def quote(self, instrument: str) -> Quote | None:
        """The newest best prices."""
        return self._market(instrument).quotes.last

    def is_synced(self, instrument: str) -> bool:
        """Whether the quote tells of a book that is known."""
        return self._market(instrument).quotes.is_synced

    def prints(self, instrument: str) -> Prints:
        """The market's trades since they were last asked for."""
        return self._market(instrument).prints.take(self._now_ns)

    def values(self, instrument: str) -> NDArray[np.float64]:
        """The newest values of the strategy's columns."""
        return self._market(instrument).quotes.values

    def position(self, instrument: str) -> int:
        """Units held."""
        return self.portfolio.position(self._market(instrument).instrument.id)

    def average_price(self, instrument: str) -> float:
        """Average price of what is held."""
        return self.portfolio.accounts[self._market(instrument).instrument.id].average_price()

    def size_for(self, instrument: str, value: float) -> int:
        """Units that are worth so much at the newest mid."""
        scale = 10**12  # of units, so that a size too small for one is not lost before the division
        each = self.portfolio.value(self._market(instrument).instrument.id, scale)
        return int(value / each * scale) if each > 0 else 0

    def place(
        self,
        instrument: str,
        side: Side,
        size: int,
        *,
        kind: OrderKind = OrderKind.MARKET,
        tick: int = 0,
        reason: str = "",
    ) -> int | Refusal:
        """Send an order."""
        market = self._market(instrument)
        refusal = self._refused(market, side, size)
        if refusal is not None:
            return refusal
        number = self.sent + 1
        market.venue.place(self._arrival_ns(), number, side, kind, self._venue_tick(market, tick), size)
        self._orders[number] = Order(market, side, kind, size, size, reason)
        market.asked[side] += size
        self.sent = number
        return number

    def cancel(self, order_id: int) -> None:
        """Send the wish to take an order out; for one that is over nothing is sent."""
        if order_id in self._orders:
            self.risk.note_sent(self._now_ns)
            self._orders[order_id].market.venue.cancel(self._arrival_ns(), order_id)

    def replace(self, order_id: int, tick: int, size: int) -> Refusal | None:
        """Send the wish to change an order."""
        order = self._orders.get(order_id)
        if order is None:
            return Refusal("unknown_order", f"order {order_id} is not open")
        refusal = self._refused(order.market, order.side, size - order.asked, replaced=1)
        if refusal is None:
            self._ask(order, max(order.asked, size))
            tick = self._venue_tick(order.market, tick)
            order.market.venue.replace(self._arrival_ns(), order_id, order.kind, tick, size)
        return refusal

    def wake_at(self, at_ns: int, token: int) -> None:
        """Be told at a local time, now if it has passed."""
        self._agenda.write(max(at_ns, self._now_ns), Kind.TIME, token)

    def watch(self, instrument: str, side: Side, low: int, high: int, token: int) -> None:
        """Be told when a price is reached; another watch of the same token is replaced."""
        self._watches[token] = _Watch(self._market(instrument), side, low, high)
        self._look(token, self._watches[token])

    def unwatch(self, token: int) -> None:
        """Be told no more."""
        self._watches.pop(token, None)

    def _look(self, token: int, watch: _Watch) -> None:
        at_ns = watch.market.quotes.next_touch(watch.side, watch.low, watch.high)
        if at_ns < NEVER_NS:
            watch.is_found = True
            self._agenda.write(max(at_ns, self._now_ns), Kind.TOUCH, watch)

    @staticmethod
    def _ask(order: Order, size: int) -> None:
        order.market.asked[order.side] += size - order.asked
        order.asked = size

    def _market(self, instrument: str) -> Market:
        if instrument not in self.markets:
            raise UnknownNameError("instrument", instrument, self.markets)
        return self.markets[instrument]

    def _venue_tick(self, market: Market, tick: int) -> int:
        """A tick of the grid we know on the venue's own, which may have become finer since."""
        if market.venue.is_idle:
            market.venue.advance(self._now_ns)  # an idle venue stays behind; here nothing can happen that is reported
        known = market.quotes.instrument or market.instrument
        if known is market.venue.instrument:
            return tick
        return tick * (known.exact_price(1) // market.venue.instrument.exact_price(1))

    def _arrival_ns(self) -> int:
        return self._now_ns + self._latency.entry_ns(self._now_ns)

    def _refused(self, market: Market, side: Side, size: int, *, replaced: int = 0) -> Refusal | None:
        """Why so much more of a side may not be asked for: all that is open on that side counts as traded."""
        name, portfolio = market.instrument.id, self.portfolio
        held = portfolio.position(name)
        before = portfolio.value(name, held)
        return self.risk.check(
            Exposure(
                equity=portfolio.equity,
                order_value=portfolio.value(name, max(size, 0)),
                position_before=before,
                position_after=portfolio.value(name, held + side.sign * (market.asked[side] + size)),
                others=portfolio.exposure - abs(before),
                open_orders=len(self._orders) - replaced,
            ),
            self._now_ns,
        )
