"""Scripted orders on a recorded chain, and their way through our simulated venue and through a whole backtest."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from book_peers import loaded
from chains import Chain
from numpy.typing import NDArray

from msray.backtest.compiled import Act, CompiledStrategy, Decide, Why, decision
from msray.backtest.config import MS, BacktestConfig, LatencyConfig, QueueConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.exchange import Reports, SimulatedVenue
from msray.backtest.result import BacktestResult
from msray.backtest.strategy import Desk, Strategy
from msray.backtest.tape import Tape, TwoClocks, check_clocks
from msray.market import DEPTH, OrderKind, ReportKind, Side

Rows = NDArray[np.int64]
FOREVER_NS = 2**62 - 1

AT_NS, ORDER_ID, IS_CANCEL, SIDE, KIND, TICK, SIZE = range(7)
WIDTH = 7
"""Columns of scripted orders: local time, number, whether it is the cancel of that number, and what the order is."""
FILL_ID, FILL_NS, FILL_TICK, FILL_SIZE, FILL_IS_MAKER = range(5)
"""Columns of fills: one row for what an order traded at one exchange time, at the price of the last."""


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What a run assumes.

    Attributes
    ----------
    queue, power
        Where resting orders stand: ``risk_averse`` or ``power``.
    entry_ns, response_ns
        Latency of orders and answers.
    maker_fee, taker_fee
        Fractions of the value.
    """

    queue: str = "risk_averse"
    power: float = 2.0
    entry_ns: int = 5 * MS
    response_ns: int = 5 * MS
    maker_fee: float = 0.0002
    taker_fee: float = 0.0005

    @property
    def queue_config(self) -> QueueConfig:
        """The queue as ours is told of it."""
        return QueueConfig(model=self.queue, power=self.power)


class Market:
    """A chain with the exchange's time and ours of each of its messages.

    Parameters
    ----------
    chain
        Whose log it is.
    clock_correction_ms
        Added to the recorder's clock; by default the least whole number by which nothing comes before it was sent.
    """

    def __init__(self, chain: Chain, clock_correction_ms: int | None = None) -> None:
        if clock_correction_ms is None:
            clocks = TwoClocks(BacktestConfig())
            clocks.read(chain.log)
            clock_correction_ms = max(0, -(clocks.shortest_ns // MS))
        self.chain = chain
        self.config = BacktestConfig(clock_correction_ms=clock_correction_ms)
        clocks = TwoClocks(self.config)
        self.exchange_ns, self.known_ns = clocks.read(chain.log)
        check_clocks({chain.instrument.id: clocks})

    def tape(self) -> Tape:
        """What a backtest needs of it: the best prices after each message, from a book of its own."""
        chain = self.chain
        rows, bests = np.flatnonzero(chain.log.messages["kind"] == DEPTH), np.zeros((len(chain.depth), 4), np.int64)
        loaded(chain).replay(chain.depth, bests)
        return Tape(
            instrument=chain.instrument,
            records=chain.log,
            row_message=rows,
            bests=bests,
            values=np.zeros((len(rows), 0)),
            columns=(),
            signals=(),
            signal_message=np.zeros(0, np.int64),
        )


def scripted(market: Market, seed: int, *, each_s: float = 0.5, largest: float = 0.01) -> Rows:
    """Orders of every kind near the best prices known when each is sent, and cancels after 0.3 to 100 s.

    Parameters
    ----------
    market
        Whose prices.
    seed
        Of all that is random.
    each_s
        Mean seconds from one order to the next.
    largest
        Size of the largest, as a fraction of what stands at the touch.
    """
    rng, tape = np.random.default_rng(seed), market.tape()
    known_ns = market.known_ns[tape.row_message]
    first_ns, last_ns = int(known_ns[0]), int(known_ns[-1])
    times = np.sort(rng.integers(first_ns, last_ns, round((last_ns - first_ns) / 1e9 / each_s)))
    rows = []
    for number, at_ns in enumerate(times.tolist(), 1):
        bid, bid_size, ask, ask_size = tape.bests[np.searchsorted(known_ns, at_ns, "right") - 1].tolist()
        side = Side(int(rng.integers(2)))
        near, far = (bid, ask) if side is Side.BUY else (ask, bid)
        if rng.random() < 0.6:
            kind = OrderKind.POST_ONLY if rng.random() < 0.5 else OrderKind.LIMIT
            tick = near - side.sign * int(rng.choice([0, 0, 0, 1, 2, 5, 20, -1]))
        else:
            kind = OrderKind(int(rng.choice([OrderKind.MARKET, OrderKind.IOC, OrderKind.LIMIT])))
            tick = far + side.sign * int(rng.choice([0, 0, 1, 5]))
        size = max(1, round((bid_size if near == bid else ask_size) * largest * 10 ** rng.uniform(-1.5, 0)))
        rows.append((at_ns, number, 0, side, kind, tick, size))
        if kind in (OrderKind.POST_ONLY, OrderKind.LIMIT):
            rows.append((at_ns + int(10 ** rng.uniform(-0.5, 2) * 1e9), number, 1, 0, 0, 0, 0))
    orders = np.array(sorted(rows), np.int64)
    return orders[orders[:, AT_NS] < last_ns]


def play(venue: SimulatedVenue, market: Market, orders: Rows, assumed: Assumed) -> Reports:
    """Tell our venue of the recording and of all orders at once, each to arrive at its time, and let it run."""
    venue.feed(market.chain.log, market.exchange_ns)
    for at_ns, number, is_cancel, side, kind, tick, size in orders.tolist():
        if is_cancel:
            venue.cancel(at_ns + assumed.entry_ns, number)
        else:
            venue.place(at_ns + assumed.entry_ns, number, SIDES[side], KINDS[kind], tick, size)
    return venue.advance(FOREVER_NS)


SIDES, KINDS = tuple(Side), tuple(OrderKind)


def new_venue(market: Market, assumed: Assumed) -> SimulatedVenue:
    """A venue that runs through."""
    return SimulatedVenue(market.chain.instrument, assumed.queue_config, stops_at_reports=False)


def venue_fills(market: Market, orders: Rows, assumed: Assumed) -> Rows:
    """Fills of scripted orders at our simulated venue."""
    reports = play(new_venue(market, assumed), market, orders, assumed)
    reports = reports[reports["kind"] == ReportKind.FILLED]
    return merged(np.column_stack([reports[name] for name in ("order_id", "at_ns", "tick", "size", "is_maker")]))


def merged(fills: Rows) -> Rows:
    """Fills of one order at one time as one, by order and time."""
    found: dict[tuple[int, int], list[int]] = {}
    for number, at_ns, tick, size, is_maker in fills.tolist():
        before = found.get((number, at_ns))
        found[number, at_ns] = [number, at_ns, tick, size + (before[FILL_SIZE] if before else 0), is_maker]
    return np.array(sorted(found.values()), np.int64).reshape(-1, 5)


class Scripted(Strategy):
    """Sends scripted orders, each at its time, whatever happens.

    Attributes
    ----------
    numbers
        The script's number of each of the desk's.
    """

    def __init__(self, instrument: str, orders: Rows) -> None:
        self._instrument = instrument
        self._orders = orders.tolist()
        self._sent: dict[int, int] = {}
        self.numbers: dict[int, int] = {}

    def on_start(self, desk: Desk) -> None:
        """Ask to be told of every time."""
        for row, order in enumerate(self._orders):
            desk.wake_at(order[AT_NS], row)

    def on_time(self, token: int, desk: Desk) -> None:
        """Send what is to be sent now."""
        _, number, is_cancel, side, kind, tick, size = self._orders[token]
        if is_cancel:
            desk.cancel(self._sent[number])
            return
        placed = desk.place(self._instrument, SIDES[side], size, kind=KINDS[kind], tick=tick)
        assert isinstance(placed, int), placed
        self._sent[number], self.numbers[placed] = placed, number


def _send_next(told: Any, values: Any, words: Any, reals: Any, asks: Any) -> int:
    """Send the script's next row at its time; ``words``: how many were sent, then the rows."""
    sent, count = words[0], 0
    row = 1 + WIDTH * sent
    if told.why == Why.TIME:
        ask = asks[0]
        ask.what = Act.CANCEL if words[row + IS_CANCEL] else Act.PLACE
        ask.token, ask.side, ask.kind = words[row + ORDER_ID], words[row + SIDE], words[row + KIND]
        ask.tick, ask.size = words[row + TICK], words[row + SIZE]
        words[0] += 1
        row += WIDTH
        count = 1
    elif told.why != Why.START:
        return 0
    if row < len(words):
        asks[count].what, asks[count].token, asks[count].at_ns = Act.WAKE, 0, words[row + AT_NS]
        count += 1
    return count


@functools.cache
def _compiled() -> Decide:
    return decision(_send_next)


class CompiledScript(CompiledStrategy):
    """The same as :class:`Scripted`, but compiled.

    Attributes
    ----------
    numbers
        The script's number of each of the desk's.
    """

    def __init__(self, orders: Rows) -> None:
        super().__init__(_compiled(), words=np.concatenate([[0], orders.ravel()]))
        placed = orders[orders[:, IS_CANCEL] == 0, ORDER_ID]
        self.numbers = dict(enumerate(placed.tolist(), 1))


def backtest(market: Market, tape: Tape, strategy: Strategy, assumed: Assumed) -> BacktestResult:
    """A backtest whose limits let everything pass."""
    risk = RiskConfig(
        max_position_pct=100,
        max_exposure_pct=100,
        max_order_pct=100,
        max_open_orders=10_000,
        max_orders_per_s=100_000,
        max_daily_loss_pct=1,
        max_drawdown_pct=1,
    )
    config = BacktestConfig(
        initial_capital=1e12,
        clock_correction_ms=market.config.clock_correction_ms,
        fee_rate=assumed.taker_fee,
        maker_fee_rate=assumed.maker_fee,
        latency=LatencyConfig(entry_ms=assumed.entry_ns / MS, response_ms=assumed.response_ns / MS),
        queue=assumed.queue_config,
        risk=risk,
    )
    return BacktestingEngine(config, strategy).run([tape])


def backtest_fills(result: BacktestResult, strategy: Scripted | CompiledScript) -> Rows:
    """Fills of a backtest, by the script's numbers."""
    tick = result.instruments[0].exact_price(1)
    rows = [(strategy.numbers[f.order_id], f.exchange_ns, f.price // tick, f.size, f.is_maker) for f in result.fills]
    return merged(np.array(rows, np.int64))
