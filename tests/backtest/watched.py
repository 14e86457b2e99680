"""A market maker whose every step is judged, and markets for it."""

import numpy as np

from msray.backtest.config import BacktestConfig, LatencyConfig, MarketMakerConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.market_maker import MarketMaker
from msray.market import OrderKind, ReportKind, concatenate
from tests.backtest.made import INSTRUMENT, gap, random_messages, records, tape, times

MS = 1_000_000
FREE = BacktestConfig(
    fee_rate=0.0,
    compute_ms=0.0,
    latency=LatencyConfig(entry_ms=0.0, response_ms=0.0),
    risk=RiskConfig(max_daily_loss_pct=1.0, max_drawdown_pct=1.0),
)
STILL = MarketMakerConfig(
    model="avellaneda_stoikov",
    order_size=2.0,
    max_inventory_orders=2,
    arrivals_per_s=1.0,
    decay_per_tick=1000.0,
    min_half_spread_ticks=2.0,
    half_life_s=1.0,
)
"""Two ticks from the mid, whatever happens; but lower when it holds something and the mid has moved."""
LEARNING = MarketMakerConfig(order_size=2.0, max_inventory_orders=2, half_life_s=1.0, interval_ms=40.0, gamma=0.1)


class Watched(MarketMaker):
    """A maker whose every step is written down, and judged: what it sends, what it hears."""

    def __init__(self, config):
        super().__init__(config)
        self.diary = []
        self.unanswered = set()
        self.words = config

    def on_start(self, desk):
        self.desk = desk
        self._place, self._replace, self._cancel = desk.place, desk.replace, desk.cancel
        desk.place, desk.replace, desk.cancel = self.place, self.replace, self.cancel
        super().on_start(desk)

    def place(self, instrument, side, size, *, kind=OrderKind.MARKET, tick=0, reason=""):
        assert self.desk.is_synced(instrument)
        placed = self._place(instrument, side, size, kind=kind, tick=tick, reason=reason)
        if isinstance(placed, int):
            self.unanswered.add(placed)
        self._judge("place", placed, side.name, size, kind.name, tick)
        return placed

    def replace(self, order_id, tick, size):
        assert self.desk.is_synced(self.desk._orders[order_id].market.instrument.id)
        assert order_id not in self.unanswered
        refusal = self._replace(order_id, tick, size)
        if refusal is None:
            self.unanswered.add(order_id)
        self._judge("replace", order_id, tick, size, refusal)
        return refusal

    def cancel(self, order_id):
        assert self._is_halted or order_id not in self.unanswered
        self._cancel(order_id)
        self.unanswered.add(order_id)
        self._judge("cancel", order_id)

    def on_answer(self, answer, desk):
        if answer.fill is not None and not self._is_halted:
            assert answer.fill.is_maker
        if answer.is_over or answer.kind is ReportKind.RESTING:
            self.unanswered.discard(answer.order_id)
        super().on_answer(answer, desk)
        self._judge("answer", answer.order_id, answer.kind.name, answer.left, answer.fill)

    def _judge(self, *line):
        """At most one order a side, the bid below the ask, and less than one order more than the limit held."""
        self.diary.append((self.desk.now_ns, *line, *(self.desk.position(one.id) for one in self.desk.instruments)))
        for name, book in self._books.items():
            open_ = [order.side for order in self.desk._orders.values() if order.market.instrument.id == name]
            assert len(open_) == len(set(open_))
            prices = [order.price for _, order in sorted(book.orders.items()) if order.price is not None]
            assert len(prices) < 2 or prices[0] < prices[1]
            assert abs(self.desk.position(name)) < (self.words.max_inventory_orders + 1) * max(book.size, 1)

    @property
    def sent(self):
        """(ms, what, ...) of all that was sent."""
        return [(at_ns // MS, *what) for at_ns, *what, _ in self.diary if what[0] != "answer"]


def run(path, config=STILL, words=FREE):
    maker = Watched(config)
    engine = BacktestingEngine(words, maker)
    return maker, engine.run([path] if hasattr(path, "records") else path)


def random_market(seed, count=240, gaps=1, instrument=INSTRUMENT):
    """Random depth and trades, 40 ms apart, with gaps between."""
    rng = np.random.default_rng(seed)
    parts, now = [], 0
    for number in range(gaps + 1):
        log = times(records(*random_messages(rng, count // (gaps + 1))), 4 * MS)
        for name in ("event_ns", "local_ns"):
            log.messages[name] += now
        now = int(log.messages["event_ns"][-1]) + 100 * MS
        parts += [log, times(records(gap(now)), 1)] if number < gaps else [log]
        now += 100 * MS
    joined = concatenate([part.copy() for part in parts])
    joined.messages["last_id"] = np.arange(1, len(joined) + 1)
    return tape(joined, instrument=instrument)
