"""``BacktestingEngine``: one order of time for two clocks, from recorded markets and a strategy to fills and accounts.

A market's exchange side (its book, our orders in it) runs on exchange time, our side (rows, signals, answers, timers)
on local time; orders and answers take as long as the latency model says. The whole is a fold over tapes: fed in pieces
as they come in or all at once, it gives the same.
"""

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from msray.backtest.agenda import NEVER, NEVER_NS, Agenda, Entry, Kind, Moment
from msray.backtest.config import SECOND, BacktestConfig, FundingRate, check_funding
from msray.backtest.desk import Market, TradingDesk
from msray.backtest.exchange import Reports
from msray.backtest.lane import Lane, make_lane
from msray.backtest.latency import Latency, latency_of
from msray.backtest.queue import check_queue, check_tapes
from msray.backtest.result import BacktestResult
from msray.backtest.strategy import Answer, Strategy
from msray.backtest.tape import Tape, TwoClocks, check_clocks
from msray.backtest.valuation import Valuation
from msray.features import column
from msray.market import GAP, Fill, Instrument, ReportKind, Side, Signal

_SIDES, _REPORT_KINDS = tuple(Side), tuple(ReportKind)


class BacktestingEngine:
    """Runs a strategy on recorded markets.

    Parameters
    ----------
    config
        What is assumed.
    strategy
        Whose orders are simulated.
    latency
        How long orders and answers travel; by default as ``config`` says.
    history
        So many of the latest signals and values of the account are kept; by default all.

    Notes
    -----
    A :class:`~msray.backtest.tape.TapeRecorder` takes tapes down during a replay. What is known at one local instant
    comes in the order of :class:`~msray.backtest.agenda.Kind`, instruments in the order of their ids.
    """

    def __init__(
        self, config: BacktestConfig, strategy: Strategy, *, latency: Latency | None = None, history: int | None = None
    ) -> None:
        self.config = config
        self.strategy = strategy
        self._latency = latency or latency_of(config.latency, np.random.default_rng(config.seed))
        self._agenda = Agenda()
        self.desk = TradingDesk(config, self._latency, self._agenda)
        self._columns = [column(name) for name in strategy.columns]
        self._clocks: dict[str, TwoClocks] = {}
        self._signals: deque[Signal] = deque(maxlen=history)
        self._valuation = Valuation(self.desk, history)
        self._lane: Lane | None = None
        self._is_started = False
        for payment in config.funding:
            self._agenda.write(payment.at_ns, Kind.FUNDING, payment)

    def run(self, tapes: Iterable[Tape]) -> BacktestResult:
        """Run over whole tapes, one an instrument.

        Raises
        ------
        UsageError
            If messages were received before they were sent; it says how the recorder's clock has to be corrected. If
            the queue is to be exact and a recording does not tell order by order. Also as :meth:`trade` does.
        """
        tapes = sorted(tapes, key=lambda tape: tape.instrument.id)
        check_tapes(self.config, tapes)
        self.trade([tape.instrument for tape in tapes])
        for tape in tapes:
            self.feed(tape)
        check_clocks(self._clocks)
        return self.finish()

    def trade(self, instruments: Sequence[Instrument]) -> None:
        """Say what will be traded, once, before anything is fed.

        Raises
        ------
        UnknownNameError
            If a payment of funding is of another instrument.
        UsageError
            See :func:`~msray.backtest.queue.check_queue`.
        """
        check_queue(self.config, instruments)
        check_funding(self.config, [instrument.id for instrument in instruments])
        for instrument in sorted(instruments, key=lambda one: one.id):
            self.desk.add(instrument)
            self._clocks[instrument.id] = TwoClocks(self.config)

    def feed(self, tape: Tape) -> None:
        """Hand over the next piece of an instrument's market; :meth:`go_to` and :meth:`finish` run it."""
        for part in tape.by_grid():
            self._feed(part)
        self.desk.look(tape.instrument.id)

    def _feed(self, tape: Tape) -> None:
        name = tape.instrument.id
        market = self.desk.markets[name]
        exchange_ns, known_ns = self._clocks[name].read(tape.records)
        market.venue.feed(tape.records, exchange_ns)
        market.quotes.lose(known_ns[tape.records.messages["kind"] == GAP])
        if self.strategy.wants_prints:
            market.prints.feed(tape.instrument, tape.records, known_ns)
        picked = tape.values[:, [tape.columns.index(number) for number in self._columns]]
        market.quotes.feed(tape.instrument, known_ns[tape.row_message], tape.bests, picked)
        for signal, message in zip(tape.signals, tape.signal_message.tolist(), strict=True):
            self._agenda.write(int(known_ns[message]), Kind.SIGNAL, signal)

    @property
    def settled_ns(self) -> int:
        """Time up to which nothing more can come: as far as :meth:`go_to` may go while pieces are still coming in.

        An instrument that is quiet holds the others up no longer than the longest delay a message can have.
        """
        clocks = self._clocks.values()
        newest_ns = max((one.received_ns for one in clocks), default=0) - round(self.config.max_feed_delay_s * SECOND)
        return min((max(one.exchange_ns, newest_ns) for one in clocks), default=0) - 1

    def catch_up(self) -> None:
        """Run as far as nothing more can come, and keep nothing of the markets that has passed by then."""
        until_ns = self.settled_ns
        self.go_to(until_ns)
        for market in self.desk.markets.values():
            if market.venue.is_idle:
                market.venue.advance(until_ns)
        self.desk.go_to(until_ns)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing more will happen, whatever is fed, as long as it holds no signal."""
        is_watching = self.strategy.wants_rows or self._valuation.next_ns < NEVER_NS
        return self.desk.is_at_rest and self._agenda.expects_nothing and not is_watching

    def finish(self) -> BacktestResult:
        """Run to the end of all that was fed; what is held then is valued at its last mid."""
        end_ns = max((clocks.local_ns for clocks in self._clocks.values()), default=0)
        self.go_to(end_ns)
        self.desk.go_to(end_ns)
        while self._agenda.next_ns < NEVER_NS:  # what happened, but would have been learned of later
            entry = self._agenda.pop()
            if isinstance(entry.what, Answer):
                self.desk.book(entry.what)
        self._halt_if(self._valuation.take())
        desk = self.desk
        return BacktestResult(
            config=self.config,
            instruments=desk.instruments,
            signals=tuple(self._signals),
            fills=tuple(desk.fills),
            trades=tuple(desk.portfolio.trades),
            equity=tuple(self._valuation.points),
            accounts=dict(desk.portfolio.accounts),
            answers={kind.name.lower(): count for kind, count in desk.answers.items()},
            refusals=dict(desk.risk.refusals),
            halted=desk.risk.halted,
            orders=desk.sent,
        )

    def go_to(self, until_ns: int) -> None:
        """Run to a local time, included; all that happened at the venues by then must have been fed."""
        if not self._is_started:
            self._is_started = True
            self.strategy.on_start(self.desk)
            self._lane = make_lane(self.strategy, self._latency, self.desk, self._agenda, self._valuation)
        while True:
            if self._lane is not None:
                self._lane.go_to(until_ns, self._hear)
            known = min(self._agenda.next, self._next_row)
            self._valuation.look_ahead(min(known[0] - 1, until_ns))
            at_ns, kind = min(known, (self._valuation.due_ns, Kind.VALUE))
            if self._plays_on(min(at_ns, until_ns)):
                continue
            self._valuation.go_to(min(at_ns - 1, until_ns))
            if at_ns > until_ns:
                return
            if kind is Kind.VALUE:
                self.desk.go_to(at_ns)
                self._halt_if(self._valuation.take_due())
            elif kind is Kind.ROW:
                self._take_row(at_ns)
            else:
                self._take(self._agenda.pop())

    @property
    def _next_row(self) -> Moment:
        """When the next row is known that the strategy was not told of, if it wants to be."""
        if not self.strategy.wants_rows:
            return NEVER
        rows = [market.quotes.row_after(market.row_ns) for market in self.desk.markets.values()]
        return min(rows, default=NEVER_NS), Kind.ROW

    def _take_row(self, at_ns: int) -> None:
        """New rows have become known."""
        self.desk.go_to(at_ns)
        for name, market in self.desk.markets.items():
            if market.quotes.row_after(market.row_ns) == at_ns:
                market.row_ns = at_ns
                self.strategy.on_row(name, self.desk)
                return

    def _plays_on(self, until_ns: int) -> bool:
        """Let the venues go on to an exchange time, or to the next thing that we must hear of; says which it was.

        Where orders are at several venues, none may run ahead of what another's fills could make us send it: all go to
        the first moment at which anything can happen to an order.
        """
        busy = [market for market in self.desk.markets.values() if not market.venue.is_idle]
        at_ns = until_ns
        if len(busy) > 1:
            at_ns = min(market.venue.quiet_until(until_ns) for market in busy)
        heard = False
        for market in busy:
            while len(reports := market.venue.advance(at_ns)):
                self._hear(market, reports)
                heard = True
                if len(busy) == 1:
                    return True
        return heard or at_ns < until_ns

    def _hear(self, market: Market, reports: Reports) -> None:
        """Something happened to orders: we shall learn of it."""
        instrument = market.venue.instrument
        name, unit = instrument.id, instrument.exact_price(1)
        for at_ns, order_id, size, left, tick, number, side, is_maker, _ in reports.tolist():
            # Answers come over one connection: none overtakes another.
            market.answered_ns = max(market.answered_ns, at_ns + self._latency.response_ns(at_ns))
            kind, fill = _REPORT_KINDS[number], None
            if kind is ReportKind.FILLED:
                fill = Fill(
                    instrument=name,
                    order_id=order_id,
                    side=_SIDES[side],
                    price=tick * unit,
                    size=size,
                    is_maker=bool(is_maker),
                    exchange_ns=at_ns,
                    local_ns=market.answered_ns,
                )
            answer = Answer(instrument=name, order_id=order_id, kind=kind, left=left, fill=fill)
            self._agenda.write(market.answered_ns, Kind.ANSWER, answer)

    def _take(self, entry: Entry) -> None:
        """One thing has become known."""
        desk, what = self.desk, entry.what
        desk.go_to(entry.at_ns)
        if isinstance(what, Answer):
            desk.book(what)
            if what.fill is not None:
                self._halt_if(self._valuation.take())
            self.strategy.on_answer(what, desk)
        elif isinstance(what, Signal):
            self._signals.append(what)
            self.strategy.on_signal(what, desk)
        elif isinstance(what, FundingRate):
            self._valuation.forget()
            desk.portfolio.pay_funding(what.instrument, what.rate)
        elif entry.kind is Kind.TOUCH:
            token = desk.touched(what)
            if token is not None:
                self.strategy.on_touch(token, desk)
        elif isinstance(what, int):
            self.strategy.on_time(what, desk)

    def _halt_if(self, is_halted: bool) -> None:
        if is_halted:
            self.strategy.on_halt(self.desk)
