"""``Lane``: lets a kernel run a compiled strategy for as long as nothing happens that only Python can decide.

The state of a run is that of the engine's objects. The lane takes it over, lets the kernel go on (``kernels_lane.py``)
and puts it back as the same events in Python would have left it; so the two can take turns at any event. It is only a
faster way through: whatever it leaves to Python - a limit that may be reached, a refusal, a gap, a signal, funding, a
latency that changes - is decided by the same code as for every other strategy.
"""

from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numba
import numpy as np
from numba import types

from msray.backtest import kernels_lane as k
from msray.backtest import kernels_lane_orders as o
from msray.backtest.account import as_float
from msray.backtest.agenda import NEVER_NS, Agenda, Kind
from msray.backtest.compiled import ASK, SIGNATURE, TOLD, CompiledStrategy
from msray.backtest.desk import Market, Order, TradingDesk
from msray.backtest.exchange import Reports
from msray.backtest.latency import ConstantLatency, Latency
from msray.backtest.strategy import Strategy
from msray.backtest.valuation import Valuation
from msray.compiled import typed_kernel
from msray.market import LEVEL, MESSAGE, PRICE_DECIMALS, REPORT, Fill, OrderKind, ReportKind, Side

_SIDES = tuple(Side)
_LOGGED = 4096
_FEW, _MOST_REST = 8, 1024
"""Where the kernel did less, Python goes on alone for ever longer."""


class Lane:
    """The kernel's way through a backtest of one instrument.

    Parameters
    ----------
    strategy, latency
        Whose orders go through, and how long they take.
    desk, agenda, valuation
        The engine's: where the state is taken from and put back.

    Attributes
    ----------
    market
        The one that is traded.
    """

    def __init__(
        self,
        strategy: CompiledStrategy,
        latency: ConstantLatency,
        desk: TradingDesk,
        agenda: Agenda,
        valuation: Valuation,
    ) -> None:
        self._strategy, self._desk, self._agenda, self._valuation = strategy, desk, agenda, valuation
        risk = desk.risk.config
        orders = risk.max_open_orders + 64
        sent_at = o.ORDERS_AT + orders * o.ORDER_WORDS
        self._lane = lane = np.zeros(sent_at + risk.max_orders_per_s, np.int64)
        lane[o.ENTRY], lane[o.RESPONSE] = latency.entry_ns(0), latency.response_ns(0)
        lane[o.ORDER_CAPACITY], lane[o.MAX_OPEN] = orders, risk.max_open_orders
        lane[o.SENT_AT], lane[o.SENT_CAPACITY] = sent_at, risk.max_orders_per_s
        self._money = money = np.zeros(o.MONEY)
        money[o.TAKER], money[o.MAKER] = desk.portfolio.rates
        money[o.INITIAL] = as_float(desk.portfolio.initial)
        money[o.MAX_ORDER : o.HIGHEST] = (
            risk.max_order_pct,
            risk.max_position_pct,
            risk.max_exposure_pct,
            risk.max_daily_loss_pct,
            risk.max_drawdown_pct,
        )
        self._log = np.zeros(_LOGGED, k.LOG)
        (self.market,) = desk.markets.values()
        self._rest = self._resting = 0

    def go_to(self, until_ns: int, hear: Callable[[Market, Reports], None]) -> None:
        """Run up to a local time, included, or to what is left to Python; then that must go on.

        Parameters
        ----------
        until_ns
            Local time.
        hear
            Is told what the venue has said of orders and we have yet to learn of.
        """
        if self._resting > 0:
            self._resting -= 1
            return
        last_ns = self._last_ns(until_ns)
        if last_ns <= self._desk.now_ns or not self._is_simple():
            return
        self._valuation.forget()
        self._take_over()
        stop = self._run(last_ns)
        hear(self.market, self._put_back())  # what is sent below may take the venue on to another grid
        self._rest = 0 if self._lane[o.EVENTS] >= _FEW else min(2 * self._rest + 1, _MOST_REST)
        self._resting = self._rest
        if stop == k.UNDONE:
            self._strategy.carry_on(self._desk, int(self._lane[o.FIRST_ASK]), int(self._lane[o.ASKS]))

    def _last_ns(self, until_ns: int) -> int:
        """How far the kernel may go: not to what only Python knows of, nor beyond a piece of the recording."""
        market, agenda = self.market, self._agenda
        if market.venue.is_idle:
            market.venue.advance(self._desk.now_ns)
        return min(until_ns, agenda.next_beside_times - 1, market.venue.piece_ns, market.quotes.piece_ns)

    def _is_simple(self) -> bool:
        """Whether the kernel understands how things stand."""
        desk = self._desk
        if desk.risk.halted is not None or not self.market.quotes.has_quote or self._agenda.count(Kind.ANSWER):
            return False
        if len(desk.orders) != len(self._strategy.tokens):  # some are not of its function's asking
            return False
        return self._agenda.count(Kind.TIME) <= o.TIMER_CAPACITY and len(desk.orders) <= self._lane[o.ORDER_CAPACITY]

    def _take_over(self) -> None:
        desk, lane, market = self._desk, self._lane, self.market
        view, risk = market.quotes.view, desk.risk
        lane[o.POSITION], lane[o.NUMBER], lane[o.NOW] = desk.position(market.instrument.id), desk.sent, desk.now_ns
        lane[o.LAST_ARRIVAL], lane[o.ANSWERED] = market.venue.last_arrival_ns, market.answered_ns
        lane[o.AT], lane[o.GAP_NS], lane[o.NEXT_ROW] = view.at, view.gap_ns, NEVER_NS
        if self._strategy.wants_rows:
            lane[o.NEXT_ROW] = view.known_ns.searchsorted(market.row_ns, side="right")
        lane[o.SAMPLE_NS], lane[o.DAY] = self._valuation.next_ns, risk.day
        lane[o.FACTOR] = view.unit // market.venue.instrument.exact_price(1)
        lane[[o.TAKEN, o.LOGGED, o.EVENTS, o.FIRST_ASK, o.ASKS]] = 0
        lane[o.ANSWERS : o.HEADER] = 0
        times = self._agenda.take_times()
        lane[o.TIMERS] = len(times)
        for number, entry in enumerate(times):
            at = o.TIMERS_AT + number * o.TIMER_WORDS
            lane[at : at + o.TIMER_WORDS] = entry.at_ns, cast(int, entry.what)
        tokens = self._strategy.tokens
        lane[o.ORDERS] = len(tokens)
        lane[o.ASKED : o.ASKED + 2] = market.asked
        for number, (token, order_id) in enumerate(tokens.items()):
            at, order = o.ORDERS_AT + number * o.ORDER_WORDS, desk.orders[order_id]
            lane[at : at + o.ORDER_WORDS] = token, order_id, order.side, order.kind, order.left, order.asked
        sent = list(risk.sent_ns)[-lane[o.SENT_CAPACITY] :]
        lane[o.SENT] = len(sent)
        lane[lane[o.SENT_AT] : lane[o.SENT_AT] + len(sent)] = sent
        self._take_money_over(view.unit)

    def _take_money_over(self, unit: int) -> None:
        money, desk = self._money, self._desk
        account = desk.portfolio.accounts[self.market.instrument.id]
        money[o.UNIT] = unit / 10**PRICE_DECIMALS
        money[o.UNIT_VALUE] = 0.1**account.instrument.size_decimals
        money[o.CONTRACT] = as_float(account.value(1, 0)) if account.contract else 0.0
        money[o.FLOW] = as_float(account.flow)
        mark = self.market.quotes.mid_price / 10**PRICE_DECIMALS
        money[o.TURNOVER] = abs(money[o.FLOW]) * (mark if account.contract else 1.0)
        money[o.HIGHEST], money[o.DAY_EQUITY] = desk.risk.highest, desk.risk.day_equity

    def _run(self, until_ns: int) -> int:
        market, strategy = self.market, self._strategy
        state, view = market.venue.state, market.quotes.view
        self._lane[o.BATCH_AT] = state.at
        stop = _compiled_run()(
            strategy.decide,
            self._lane,
            self._money,
            state.desk,
            state.ladder,
            (state.messages, state.levels, state.exchange_ns),
            (view.known_ns, view.bests, view.values),
            (strategy.told, strategy.values, strategy.words, strategy.reals, strategy.asks),
            state.reports,
            self._log,
            until_ns,
        )
        return int(stop)

    def _put_back(self) -> Reports:
        desk, lane, market = self._desk, self._lane, self.market
        self._book()
        desk.go_to(int(lane[o.NOW]))
        desk.sent, market.answered_ns = int(lane[o.NUMBER]), int(lane[o.ANSWERED])
        if self._strategy.wants_rows and lane[o.NEXT_ROW] > 0:
            market.row_ns = int(market.quotes.view.known_ns[lane[o.NEXT_ROW] - 1])
        self._valuation.next_ns = int(lane[o.SAMPLE_NS])
        for kind, count in zip(ReportKind, lane[o.ANSWERS : o.HEADER].tolist(), strict=False):
            if count:
                desk.answers[kind] += count
        timers = lane[o.TIMERS_AT :][: int(lane[o.TIMERS]) * o.TIMER_WORDS].reshape(-1, o.TIMER_WORDS)
        for at_ns, token in timers.tolist():
            self._agenda.write(at_ns, Kind.TIME, token)
        self._put_orders_back()
        sent, capacity, first = int(lane[o.SENT]), int(lane[o.SENT_CAPACITY]), int(lane[o.SENT_AT])
        ring = lane[first : first + min(sent, capacity)]
        desk.risk.sent_ns = deque(np.roll(ring, -(sent % capacity) if sent > capacity else 0).tolist())
        return market.venue.resume(int(lane[o.BATCH_AT]), int(lane[o.LAST_ARRIVAL]), int(lane[o.TAKEN]))

    def _put_orders_back(self) -> None:
        desk, lane, market = self._desk, self._lane, self.market
        orders = lane[o.ORDERS_AT :][: int(lane[o.ORDERS]) * o.ORDER_WORDS].reshape(-1, o.ORDER_WORDS)
        market.asked[:] = lane[o.ASKED : o.ASKED + 2].tolist()
        desk.orders.clear()
        for _, order_id, side, kind, left, asked in orders.tolist():
            desk.orders[order_id] = Order(market, Side(side), OrderKind(kind), left, asked, "")
        self._strategy.open_orders(dict(orders[:, [o.TOKEN, o.ID]].tolist()))

    def _book(self) -> None:
        """Book what was logged, exactly."""
        portfolio, fills, name = self._desk.portfolio, self._desk.fills, self.market.instrument.id
        unit, tick = self.market.quotes.view.unit, self.market.venue.instrument.exact_price(1)
        rows, values, last_ticks = self._log[: self._lane[o.LOGGED]], list[float](), -1
        for at_ns, mid_ticks, order_id, exchange_ns, price_ticks, size, side, is_maker in rows.tolist():
            if size == 0 and mid_ticks == last_ticks:
                values.append(values[-1])
                continue
            portfolio.mark(name, mid_ticks * unit // 2)
            if size:
                fill = Fill(
                    instrument=name,
                    order_id=order_id,
                    side=_SIDES[side],
                    price=price_ticks * tick,
                    size=size,
                    is_maker=is_maker == 1,
                    exchange_ns=exchange_ns,
                    local_ns=at_ns,
                )
                fills.append(fill)
                portfolio.apply(fill)
            values.append(portfolio.equity)
            last_ticks = mid_ticks
        self._valuation.note(rows["at_ns"], values)


def make_lane(
    strategy: Strategy, latency: Latency, desk: TradingDesk, agenda: Agenda, valuation: Valuation
) -> Lane | None:
    """The lane of a strategy; None where the kernel could not know what it does, or how long its orders take."""
    if not isinstance(strategy, CompiledStrategy) or type(latency) is not ConstantLatency:
        return None
    told = "on_row", "on_time", "on_answer"
    if any(getattr(type(strategy), name) is not getattr(CompiledStrategy, name) for name in told):
        return None
    return Lane(strategy, latency, desk, agenda, valuation)


@cache
def _compiled_run() -> Callable[..., int]:
    """The kernel for what it is given here, compiled once; a decision is called by its address."""
    words, reals, group = types.int64[::1], types.float64[::1], cast(Any, types.Tuple)

    def table(dtype: np.dtype[Any], *, is_read_only: bool = False) -> Any:
        return types.Array(numba.from_dtype(dtype), 1, "C", readonly=is_read_only)

    market = group((table(MESSAGE, is_read_only=True), table(LEVEL, is_read_only=True), words))
    rows = group((words, types.Array(types.int64, 2, "C", readonly=True), types.float64[:, ::1]))
    mind = group((table(TOLD), reals, words, reals, table(ASK)))
    decide = types.FunctionType(SIGNATURE)
    given = decide, words, reals, words, words, market, rows, mind, table(REPORT), table(k.LOG), types.int64
    return typed_kernel(types.int64(*given))(k.run)
