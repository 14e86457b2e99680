"""``MarketMaker``: a bid and an ask about the mid, lower the more is held; models and units in ``quoting.py``."""

import math
from dataclasses import dataclass, field
from itertools import product

from msray.backtest.config import MS, SECOND, BacktestConfig, MarketMakerConfig
from msray.backtest.inventory import Quoted
from msray.backtest.quotes import Quote
from msray.backtest.quoting import Intensity, Widths, avellaneda_stoikov, glft
from msray.backtest.recent import RecentMarket
from msray.backtest.strategy import Answer, Desk, Strategy
from msray.errors import UnknownNameError, UsageError
from msray.market import MAX_TICK, Instrument, OrderKind, ReportKind, Side


@dataclass(slots=True)
class _Order:
    """A quote that may be open; only one change of it is on its way at a time.

    Attributes
    ----------
    price
        As last asked for, in the venue's ticks; None: it was asked to be taken out.
    is_waiting
        Whether the answer to that is still due.
    """

    number: int
    price: int | None
    is_waiting: bool = True
    is_resting: bool = False


@dataclass(slots=True)
class _Book:
    """What the maker knows and does in one instrument.

    Attributes
    ----------
    size
        Of each quote, in units; 0 before the first look.
    mid
        At the last look, in the venue's ticks; NaN where the book was not known then.
    exit_number
        Of the order that closes the position after a halt.
    """

    token: int
    instrument: Instrument
    recent: RecentMarket
    size: int = 0
    mid: float = math.nan
    orders: dict[Side, _Order] = field(default_factory=dict)
    exit_number: int | None = None
    quoted: Quoted = field(default_factory=Quoted)


class MarketMaker(Strategy):
    """Keeps a bid and an ask in each instrument of the desk, both post-only.

    Parameters
    ----------
    config
        Model, size, limits and what they are computed from.

    Notes
    -----
    Looks at the market at fixed times from the first quote on, and asks for a change of an order only where its tick
    changes. A side of which a change is on its way is left alone until the answer is there, so there is never more than
    one order a side; a side whose fill would lead beyond the limit is taken out. While the book is unknown nothing is
    sent. At a halt both quotes are taken out, then what is held is closed by a market order: the only one there is.

    Volatility and intensity are of the past as it was known at each look: changes of the mid between looks, and how far
    the trades between two looks reached from the mid at the first.
    """

    def __init__(self, config: MarketMakerConfig | None = None) -> None:
        self._config = config or MarketMakerConfig()
        self._interval_ns = round(self._config.interval_ms * MS)
        self._fixed: Intensity | None = None
        arrivals, decay = self._config.arrivals_per_s, self._config.decay_per_tick
        if arrivals is not None and decay is not None:
            self._fixed = Intensity(arrivals_per_s=arrivals, decay_per_tick=decay)
        self.wants_prints = self._fixed is None
        self._is_halted = False
        self._books: dict[str, _Book] = {}

    def neighbours(self, config: BacktestConfig) -> list[BacktestConfig]:
        """Half and twice the aversion to risk and the least distance of quotes."""
        maker, found = config.maker, []
        for risk, distance in product((0.5, 1.0, 2.0), repeat=2):
            changes = {"gamma": maker.gamma * risk, "min_half_spread_ticks": maker.min_half_spread_ticks * distance}
            other = config.model_copy(update={"maker": maker.model_copy(update=changes)})
            if other != config:
                found.append(other)
        return found

    def quoted(self, instrument: str) -> Quoted:
        """How often an instrument has been quoted so far.

        Raises
        ------
        UsageError
            If it is none of the desk's.
        """
        if instrument not in self._books:
            raise UnknownNameError("instrument", instrument, self._books)
        return self._books[instrument].quoted

    def on_start(self, desk: Desk) -> None:
        """Begin with the first quote of each instrument, whatever it is."""
        self._is_halted = False
        for token, instrument in enumerate(desk.instruments):
            self._books[instrument.id] = _Book(token, instrument, RecentMarket(self._config.half_life_s))
            any_price = instrument.exact_price(MAX_TICK)
            desk.watch(instrument.id, Side.BUY, any_price, any_price, token)

    def on_touch(self, token: int, desk: Desk) -> None:
        """The first quote."""
        self.on_time(token, desk)

    def on_time(self, token: int, desk: Desk) -> None:
        """Look at the market, and move the quotes."""
        book = next(book for book in self._books.values() if book.token == token)
        name = book.instrument.id
        if self._is_halted:
            self._close(book, desk)
            if book.orders or desk.position(name):
                desk.wake_at(desk.now_ns + self._interval_ns, token)
            return
        desk.wake_at(desk.now_ns + self._interval_ns, token)
        book.quoted.look(*(side in book.orders and book.orders[side].is_resting for side in Side))
        quote = desk.quote(name)
        if quote is None or not desk.is_synced(name):
            desk.prints(name)  # of trades around a gap nobody knows how far they reached
            book.mid = math.nan
            return
        self._observe(book, quote, desk)
        widths = self._widths(book.recent)
        if widths is not None:
            self._quote(book, quote, widths, desk)

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Keep what is known of the orders up to date."""
        book = self._books[answer.instrument]
        if answer.order_id == book.exit_number and answer.is_over:
            book.exit_number = None  # what is left of the position waits for the next look
        side = next((side for side, order in book.orders.items() if order.number == answer.order_id), None)
        if side is None:
            return
        if answer.is_over:
            del book.orders[side]
        elif answer.kind is ReportKind.RESTING:
            book.orders[side].is_waiting, book.orders[side].is_resting = False, True
        if self._is_halted:
            self._close(book, desk)

    def on_halt(self, desk: Desk) -> None:
        """Take both quotes out, then leave."""
        self._is_halted = True
        for book in self._books.values():
            for order in book.orders.values():
                self._take_out(order, desk)
            self._close(book, desk)

    def _observe(self, book: _Book, quote: Quote, desk: Desk) -> None:
        """Learn from what happened since the last look; at the first, say how large quotes are."""
        mid = (quote.bid_tick + quote.ask_tick) / 2 / quote.instrument.ticks_per_step
        if book.size == 0:
            book.size = self._size(book.instrument, desk)
        prints = desk.prints(book.instrument.id)
        if not math.isnan(book.mid):
            reaches: tuple[float, ...] = ()
            if len(prints):
                step = prints.instrument.ticks_per_step
                reaches = int(prints.ticks.max()) / step - book.mid, book.mid - int(prints.ticks.min()) / step
            book.recent.observe(self._interval_ns, mid - book.mid, reaches)
        book.mid = mid

    def _size(self, instrument: Instrument, desk: Desk) -> int:
        word, wanted = "order_size", self._config.order_size
        if wanted is None:
            word, size = "order_value_pct", desk.size_for(instrument.id, desk.equity * self._config.order_value_pct)
        else:
            size = round(wanted * float(10**instrument.size_decimals))
        if size < 1:
            raise UsageError(f"{word} must come to {instrument.size(1):g} of {instrument.id} or more, got less")
        return size

    def _widths(self, recent: RecentMarket) -> Widths | None:
        """How far from the mid to quote; None while too little is known of the past."""
        config, intensity = self._config, self._fixed or recent.intensity
        if intensity is None or recent.watched_ns < config.half_life_s * SECOND:
            return None
        if config.model == "glft":
            return glft(intensity, gamma=config.gamma, volatility_ticks=recent.volatility_ticks)
        return avellaneda_stoikov(
            gamma=config.gamma,
            volatility_ticks=recent.volatility_ticks,
            decay_per_tick=intensity.decay_per_tick,
            left_s=config.horizon_s,
        )

    def _quote(self, book: _Book, quote: Quote, widths: Widths, desk: Desk) -> None:
        """Move both quotes to where they should be, neither through the market nor through each other."""
        step = quote.instrument.ticks_per_step
        middle = book.mid - desk.position(book.instrument.id) / book.size * widths.skew_ticks
        half = max(widths.half_spread_ticks, self._config.min_half_spread_ticks)
        bid = min(math.floor(middle - half), (quote.ask_tick - 1) // step)
        ask = max(math.ceil(middle + half), quote.bid_tick // step + 1)
        own_ask = book.orders.get(Side.SELL)
        is_up = own_ask is not None and own_ask.price is not None and bid >= own_ask.price
        for side in (Side.SELL, Side.BUY) if is_up else (Side.BUY, Side.SELL):
            price = bid if side is Side.BUY else ask
            self._move(book, side, price if 1 <= price <= MAX_TICK // step else None, step, desk)

    def _move(self, book: _Book, side: Side, price: int | None, step: int, desk: Desk) -> None:
        """Place, move or take out the quote of one side; None: there should be none."""
        name, order, other = book.instrument.id, book.orders.get(side), book.orders.get(side.other)
        if order is not None and (order.is_waiting or order.price == price):
            return
        room = self._config.max_inventory_orders * book.size - side.sign * desk.position(name)
        if price is None or room < book.size:
            if order is not None:
                self._take_out(order, desk)
        elif other is not None and other.price is not None and side.sign * (price - other.price) >= 0:
            return  # the other one could not be moved out of the way yet
        elif order is None:
            placed = desk.place(name, side, book.size, kind=OrderKind.POST_ONLY, tick=price * step, reason="quote")
            if isinstance(placed, int):
                book.orders[side] = _Order(placed, price)
                book.quoted.placed += 1
        elif desk.replace(order.number, price * step, book.size) is None:
            order.price, order.is_waiting = price, True
            book.quoted.moved += 1
        else:
            self._take_out(order, desk)

    @staticmethod
    def _take_out(order: _Order, desk: Desk) -> None:
        desk.cancel(order.number)
        order.price, order.is_waiting = None, True

    @staticmethod
    def _close(book: _Book, desk: Desk) -> None:
        """Close what is held, once nothing on its way can change it any more."""
        name = book.instrument.id
        held = desk.position(name)
        if held and not book.orders and book.exit_number is None and desk.is_synced(name):
            placed = desk.place(name, Side.SELL if held > 0 else Side.BUY, abs(held), reason="halt")
            book.exit_number = placed if isinstance(placed, int) else None
