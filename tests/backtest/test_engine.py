from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import SECOND, BacktestConfig, FundingRate, LatencyConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.follower import SignalFollower
from msray.backtest.paper import PaperTrader
from msray.backtest.risk import Refusal
from msray.backtest.strategy import Strategy
from msray.errors import UnknownNameError, UsageError
from msray.market import OrderKind, ReportKind, Side
from tests.backtest.made import (
    INSTRUMENT,
    depth,
    gap,
    pieces,
    random_messages,
    records,
    regrid,
    signal,
    snapshot,
    tape,
    times,
)

MS = 1_000_000
EXACT = BacktestConfig(
    fee_rate=0.0,
    compute_ms=0.0,
    latency=LatencyConfig(entry_ms=0.0, response_ms=0.0),
    risk=RiskConfig(max_daily_loss_pct=1.0, max_drawdown_pct=1.0),
)
X = INSTRUMENT.id
OTHER = replace(INSTRUMENT, symbol="Y")


@dataclass
class Scripted(Strategy):
    """Sends what it is told to, when it is told to, and keeps a diary."""

    script: list[tuple]
    diary: list[tuple] = field(default_factory=list)

    def on_start(self, desk):
        for number, (at_ns, *_) in enumerate(self.script):
            desk.wake_at(at_ns, number)

    def on_time(self, token, desk):
        _, instrument, side, kind, tick, size = self.script[token]
        placed = desk.place(instrument, side, size, kind=kind, tick=tick)
        self.diary.append((desk.now_ns, "placed", placed if isinstance(placed, int) else placed.limit))

    def on_answer(self, answer, desk):
        self.diary.append((desk.now_ns, answer.order_id, answer.kind, answer.left, desk.position(answer.instrument)))


def random_script(rng, instruments, count, span_ns):
    found = []
    for _ in range(count):
        side, kind = Side(int(rng.integers(2))), OrderKind(int(rng.integers(4)))
        tick = int(rng.integers(97, 100) + 4 * side)
        at_ns = int(rng.integers(1, span_ns))
        found.append((at_ns, str(rng.choice(instruments)), side, kind, tick, int(rng.integers(1, 7))))
    return sorted(found, key=lambda wish: wish[0])


def random_tape(seed, instrument=INSTRUMENT, count=80):
    log = times(records(*random_messages(np.random.default_rng(seed), count)), MS)
    return tape(log, instrument=instrument)


def story(result):
    return result.fills, result.trades, result.answers, result.final_equity, result.orders


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 79), max_size=6, unique=True))
def test_a_market_fed_in_pieces_gives_what_it_gives_at_once(seed, cuts):
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=3, response_ms=2, jitter_ms=4), compute_ms=1.0)
    script = random_script(np.random.default_rng(seed), [X], 15, 800 * MS)
    whole = random_tape(seed)

    at_once = Scripted(script)
    expected = BacktestingEngine(config, at_once).run([whole])
    by_piece = Scripted(script)
    engine = BacktestingEngine(config, by_piece)
    engine.trade([INSTRUMENT])
    for piece in pieces(whole, sorted(cuts)):
        engine.feed(piece)
        engine.catch_up()
    found = engine.finish()

    assert by_piece.diary == at_once.diary
    assert story(found) == story(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(10, 79))
def test_what_comes_later_changes_nothing_before_it(seed, cut):
    """The truncation test: cut the recording anywhere, and all that was known before is the same."""
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=3, response_ms=2))
    script = random_script(np.random.default_rng(seed), [X], 15, 800 * MS)
    whole = random_tape(seed)

    diaries = []
    for market in (whole, pieces(whole, [cut])[0]):
        strategy = Scripted(script)
        BacktestingEngine(config, strategy).run([market])
        last_ns = int(whole.records.messages["event_ns"][cut - 1])
        diaries.append([line for line in strategy.diary if line[0] < last_ns])

    assert diaries[0] == diaries[1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_instruments_do_not_disturb_each_other_whatever_their_order(seed):
    """Two markets at once: each gives the fills that it gives alone, and the order of the tapes does not matter."""
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=3, response_ms=2))
    rng = np.random.default_rng(seed)
    tapes = [random_tape(seed), random_tape(seed + 1, OTHER)]
    script = random_script(rng, [X, OTHER.id], 20, 800 * MS)

    together = BacktestingEngine(config, Scripted(script)).run(tapes)
    reversed_ = BacktestingEngine(config, Scripted(script)).run(tapes[::-1])

    assert story(together) == story(reversed_)
    for market in tapes:
        name = market.instrument.id
        alone = BacktestingEngine(config, Scripted([wish for wish in script if wish[1] == name])).run([market])
        mine = [replace(fill, order_id=0) for fill in together.fills if fill.instrument == name]
        assert mine == [replace(fill, order_id=0) for fill in alone.fills]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 50), st.integers(0, 50))
def test_no_order_trades_before_it_could_arrive_and_nobody_knows_before_he_could(seed, entry_ms, response_ms):
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=entry_ms, response_ms=response_ms, jitter_ms=2))
    script = random_script(np.random.default_rng(seed), [X], 15, 800 * MS)
    strategy = Scripted(script)

    result = BacktestingEngine(config, strategy).run([random_tape(seed)])

    sent = {number: at_ns for at_ns, kind, number in (line for line in strategy.diary if len(line) == 3) if kind}
    for fill in result.fills:
        assert fill.exchange_ns >= sent[fill.order_id] + entry_ms * MS
        assert fill.local_ns >= fill.exchange_ns + response_ms * MS


@dataclass
class Hedger(Scripted):
    """Answers every fill by an order for the same size in the other instrument."""

    hedges: list[tuple] = field(default_factory=list)

    def on_answer(self, answer, desk):
        super().on_answer(answer, desk)
        if answer.fill is not None and answer.instrument == X:
            side = answer.fill.side.other
            desk.place(OTHER.id, side, answer.fill.size, kind=OrderKind.LIMIT, tick=98 + 4 * side)
            self.hedges.append((desk.now_ns, OTHER.id, side, OrderKind.LIMIT, 98 + 4 * side, answer.fill.size))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 20))
def test_an_order_that_another_instruments_fill_gave_rise_to_arrives_when_it_should(seed, entry_ms):
    """The hedges fill as they do when they are sent at the same times to their instrument alone."""
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=entry_ms, response_ms=1))
    tapes = [random_tape(seed), random_tape(seed + 1, OTHER)]
    rng = np.random.default_rng(seed)
    hedger = Hedger(random_script(rng, [X], 15, 800 * MS) + random_script(rng, [OTHER.id], 5, 800 * MS))

    together = BacktestingEngine(config, hedger).run(tapes)
    own = [wish for wish in hedger.script if wish[1] == OTHER.id]
    alone = Scripted(sorted(own + hedger.hedges, key=lambda wish: wish[0]))
    expected = BacktestingEngine(config, alone).run([tapes[1]])

    found = [replace(fill, order_id=0) for fill in together.fills if fill.instrument == OTHER.id]
    assert found == [replace(fill, order_id=0) for fill in expected.fills]


def replace_config(config, **changes):
    return config.model_copy(update=changes)


def _market(*later, signals=()):
    messages = (snapshot(0, {99: 100}, {101: 100}), depth(MS, (0, 98, 1)), *later)
    return tape(records(*messages), signals)


def test_a_known_path_without_latency_or_fees_gives_the_result_by_hand():
    """Bought 10 at 10.1 on the signal; the bid reaches 10.2 (+1 %): sold there. 10 units of 0.1 each gain 0.1."""
    path = _market(
        depth(2 * MS, (0, 98, 2)),
        depth(3 * MS, (1, 101, 0), (1, 103, 100)),
        depth(4 * MS, (0, 102, 100)),
        depth(5 * MS, (0, 98, 3)),
        signals=[(2, signal(2 * MS))],
    )
    config = replace_config(EXACT, profit_target_pct=0.009, stop_loss_pct=0.02, position_size_pct=0.0101)

    result = BacktestingEngine(config, SignalFollower(config)).run([path])

    (trade,) = result.trades
    assert (trade.side, trade.size, trade.entry_price, trade.exit_price) == (1, 10.0, 10.1, 10.2)
    assert (trade.entry_ns, trade.exit_ns, trade.reason) == (2 * MS, 4 * MS, "profit")
    assert trade.net == pytest.approx(1.0)
    assert result.final_equity == pytest.approx(10_001.0)


@pytest.mark.parametrize(
    ("direction", "later", "reason"),
    [
        (1, [depth(3 * MS, (0, 99, 0), (0, 97, 9))], "stop"),
        (-1, [depth(3 * MS, (1, 101, 0), (1, 104, 900))], "stop"),
        (-1, [depth(3 * MS, (0, 99, 0), (1, 101, 0), (1, 98, 900))], "profit"),
        (1, [], "timeout"),
    ],
)
def test_a_follower_leaves_at_the_price_at_which_it_can_be_closed(direction, later, reason):
    path = _market(
        depth(2 * MS, (0, 98, 2)),
        *later,
        depth(4 * MS, (0, 90, 900)),
        depth(10 * SECOND, (0, 90, 901)),
        signals=[(2, signal(2 * MS, direction))],
    )
    config = replace_config(
        EXACT, profit_target_pct=0.009, stop_loss_pct=0.025, position_size_pct=0.01, max_holding_seconds=5.0
    )

    result = BacktestingEngine(config, SignalFollower(config)).run([path])

    (trade,) = result.trades
    assert (trade.side, trade.reason) == (direction, reason)
    if reason == "timeout":
        assert trade.exit_ns - trade.entry_ns == 5 * SECOND


def test_an_exit_that_meets_a_gap_is_tried_again_until_the_book_is_known():
    path = _market(
        depth(2 * MS, (0, 98, 2)),
        gap(SECOND),
        snapshot(8 * SECOND, {99: 100}, {101: 100}),
        depth(9 * SECOND, (0, 98, 3)),
        depth(20 * SECOND, (0, 98, 4)),
        signals=[(2, signal(2 * MS))],
    )
    config = replace_config(EXACT, max_holding_seconds=3.0, position_size_pct=0.01, stop_loss_pct=0.1)

    result = BacktestingEngine(config, SignalFollower(config)).run([path])

    assert result.answers["refused_unknown_book"] == 5
    assert [trade.reason for trade in result.trades] == ["timeout"]
    assert 8 * SECOND <= result.trades[0].exit_ns < 9.1 * SECOND


def test_a_loss_beyond_the_limit_ends_trading_and_leaves_positions():
    path = _market(
        depth(2 * MS, (0, 98, 2)),
        depth(SECOND, (0, 99, 0), (0, 98, 0), (0, 90, 100), (1, 101, 0), (1, 91, 100)),
        depth(3 * SECOND, (0, 89, 1)),
        depth(4 * SECOND, (0, 89, 2)),
        depth(9 * SECOND, (0, 89, 3)),
        signals=[(2, signal(2 * MS)), (5, signal(4 * SECOND))],
    )
    config = replace_config(EXACT, stop_loss_pct=0.2, position_size_pct=0.05, risk=RiskConfig(max_daily_loss_pct=0.001))

    result = BacktestingEngine(config, SignalFollower(config)).run([path])

    assert result.halted is not None
    assert result.halted.limit == "max_daily_loss_pct"
    assert [trade.reason for trade in result.trades] == ["halt"]
    assert result.refusals == {"halted": 1}


def test_funding_is_paid_at_its_time_on_what_is_held_then():
    paid = FundingRate(instrument=X, at_ns=SECOND, rate=0.01)
    path = _market(depth(2 * SECOND, (0, 98, 2)))
    script = [(2 * MS, X, Side.BUY, OrderKind.MARKET, 0, 10)]

    result = BacktestingEngine(replace_config(EXACT, funding=(paid,)), Scripted(script)).run([path])

    assert result.accounts[X].funding / 10**45 == pytest.approx(0.01 * 10 * 10.0)


def test_a_clock_that_was_behind_is_refused_with_what_it_needs():
    log = times(records(*random_messages(np.random.default_rng(1), 20)), MS)
    log.messages["local_ns"] += SECOND - 7 * MS
    log.messages["event_ns"] += SECOND
    late = tape(log)

    with pytest.raises(UsageError, match=r"clock_correction_ms must be at least 7\.000, .* test:X"):
        BacktestingEngine(EXACT, Strategy()).run([late])
    BacktestingEngine(replace_config(EXACT, clock_correction_ms=7.0), Strategy()).run([late])


def test_a_refused_order_says_which_limit_it_would_break():
    strategy = Scripted([(2 * MS, X, Side.BUY, OrderKind.MARKET, 0, 1_000_000)])

    result = BacktestingEngine(EXACT, strategy).run([_market(depth(5 * MS, (0, 98, 2)))])

    assert strategy.diary == [(2 * MS, "placed", "max_order_pct")]
    assert (result.refusals, result.orders) == ({"max_order_pct": 1}, 0)


def test_open_orders_count_as_traded_when_limits_are_judged():
    limits = RiskConfig(max_position_pct=0.02)
    script = [(2 * MS, X, Side.BUY, OrderKind.LIMIT, 90, 15), (2 * MS, X, Side.BUY, OrderKind.LIMIT, 90, 15)]
    strategy = Scripted(script)

    BacktestingEngine(replace_config(EXACT, risk=limits), strategy).run([_market(depth(5 * MS, (0, 98, 2)))])

    assert [line[2] for line in strategy.diary if line[1] == "placed"] == [1, "max_position_pct"]


def test_an_answer_on_its_way_at_the_end_is_still_booked():
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=0, response_ms=1000))
    script = [(2 * MS, X, Side.BUY, OrderKind.MARKET, 0, 10)]

    result = BacktestingEngine(config, Scripted(script)).run([_market(depth(5 * MS, (0, 98, 2)))])

    assert [fill.size for fill in result.fills] == [10]
    assert result.answers == {ReportKind.FILLED.name.lower(): 1}


@pytest.mark.parametrize("at_ms", [2, 6, 40])
def test_a_price_means_what_it_meant_when_it_was_sent_whatever_becomes_of_the_grid(at_ms):
    """The grid changes at 5 ms, which we learn of at 10 ms: a buy at 9.9 is at 9.9, in ticks of either grid."""
    later = [depth(7 * MS, (0, 970, 1)), depth(8 * MS, (0, 960, 1)), depth(60 * MS, (1, 980, 50))]
    path = _market(regrid(5 * MS, 10, 2), *later)
    path.records.messages["local_ns"] += 3 * MS
    tick = 990 if at_ms > 11 else 99
    script = [(at_ms * MS, X, Side.BUY, OrderKind.LIMIT, tick, 10)]

    result = BacktestingEngine(EXACT, Scripted(script)).run([path])

    assert [(fill.price, fill.size) for fill in result.fills] == [(INSTRUMENT.exact_price(99), 10)]
    assert result.final_equity == pytest.approx(10_000 + 10 * (9.85 - 9.9))


def test_a_fill_has_the_price_of_its_grid_though_another_comes_before_its_answer():
    script = [(2 * MS, X, Side.BUY, OrderKind.MARKET, 0, 10)]
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=0, response_ms=10))
    path = _market(regrid(5 * MS, 10, 2), depth(7 * MS, (0, 970, 1)), depth(60 * MS, (1, 980, 50)))

    result = BacktestingEngine(config, Scripted(script)).run([path])

    assert [(fill.price, fill.size) for fill in result.fills] == [(INSTRUMENT.exact_price(101), 10)]


def test_what_is_held_at_the_end_is_valued_at_the_last_mid():
    script = [(2 * MS, X, Side.BUY, OrderKind.MARKET, 0, 10)]
    path = _market(depth(5 * MS, (0, 99, 0), (0, 97, 1)))

    result = BacktestingEngine(EXACT, Scripted(script)).run([path])

    assert result.final_equity == pytest.approx(10_000 + 10 * (9.95 - 10.1))


def test_halting_is_by_hand_too():
    engine = BacktestingEngine(EXACT, Strategy())
    engine.desk.risk.halt(Refusal("by_hand", "somebody looked"))

    result = engine.run([_market()])

    assert result.halted == Refusal("by_hand", "somebody looked")


def test_a_recording_without_anything_gives_an_empty_result():
    result = BacktestingEngine(EXACT, SignalFollower(EXACT)).run([tape(records())])

    assert (result.orders, result.trades, result.net_return) == (0, (), 0.0)
    assert result.to_pandas().empty


def test_a_replacement_is_no_further_open_order():
    @dataclass
    class Replacing(Scripted):
        refused: list[object] = field(default_factory=list)

        def on_answer(self, answer, desk):
            super().on_answer(answer, desk)
            if answer.left == 3:
                self.refused.append(desk.replace(answer.order_id, 90, 2))

    strategy = Replacing([(2 * MS, X, Side.BUY, OrderKind.LIMIT, 90, 3)])
    limits = EXACT.risk.model_copy(update={"max_open_orders": 1})

    BacktestingEngine(replace_config(EXACT, risk=limits), strategy).run([_market(depth(5 * MS, (0, 98, 2)))])

    assert strategy.refused == [None]
    assert [line[3] for line in strategy.diary if len(line) == 5] == [3, 2]


def test_messages_of_one_instant_come_before_an_order_wherever_the_recording_is_cut():
    whole = _market(depth(4 * MS, (1, 101, 0), (1, 102, 9)), depth(4 * MS, (1, 102, 0), (1, 103, 9)), depth(9 * MS))
    script = [(4 * MS, X, Side.BUY, OrderKind.MARKET, 0, 5)]

    prices = []
    for market in (pieces(whole, []), pieces(whole, [3])):
        engine = BacktestingEngine(EXACT, Scripted(script))
        engine.trade([INSTRUMENT])
        for piece in market:
            engine.feed(piece)
        prices.append([fill.price for fill in engine.finish().fills])

    assert prices[0] == prices[1] == [INSTRUMENT.exact_price(103)]


def test_what_has_passed_is_not_kept():
    engine = BacktestingEngine(EXACT, Strategy())
    engine.trade([INSTRUMENT])
    for piece in pieces(random_tape(1, count=200), range(10, 200, 2)):
        engine.feed(piece)
        engine.catch_up()

    market = engine.desk.markets[X]
    assert len(market.venue._batches) <= 2
    assert len(market.quotes._pieces) <= 2


def test_a_venue_forgets_what_has_arrived():
    script = [(MS * i, X, Side.BUY, OrderKind.POST_ONLY, 90, 1) for i in range(2, 600)]
    config = replace_config(
        EXACT, latency=LatencyConfig(entry_ms=20), risk=EXACT.risk.model_copy(update={"max_orders_per_s": 10_000})
    )
    engine = BacktestingEngine(config, Scripted(script))
    path = _market(*(depth(MS * i, (0, 98, i)) for i in range(3, 700)))

    engine.run([path])

    assert len(engine.desk.markets[X].venue._desk) < 20_000


def test_funding_of_what_is_not_traded_is_refused_with_the_nearest_name():
    paid = FundingRate(instrument="test:XX", at_ns=SECOND, rate=0.01)

    with pytest.raises(UnknownNameError, match=r"unknown instrument of backtest.funding 'test:XX'") as caught:
        BacktestingEngine(replace_config(EXACT, funding=(paid,)), Strategy()).run([_market(depth(2 * SECOND))])

    assert caught.value.hint == "did you mean 'test:X'?"


def test_on_paper_payments_of_what_others_trade_are_left_out():
    payments = [FundingRate(instrument=name, at_ns=SECOND, rate=0.01) for name in ("test:NOBODY", X)]
    config = replace_config(EXACT, funding=tuple(payments))

    PaperTrader([INSTRUMENT], config, Strategy()).turn()

    assert config.for_some([X]).funding == (payments[1],)


def test_an_entry_on_its_way_when_trading_ends_is_left_when_it_has_come():
    path = _market(
        depth(2 * MS, (0, 98, 2)),
        depth(2 * SECOND, (0, 98, 3)),
        depth(9 * SECOND, (0, 98, 4)),
        signals=[(2, signal(2 * MS))],
    )
    config = replace_config(EXACT, latency=LatencyConfig(entry_ms=1000, response_ms=1), position_size_pct=0.01)

    class Halting(SignalFollower):
        def on_signal(self, signal, desk):
            super().on_signal(signal, desk)
            desk.risk.halt(Refusal("by_hand", "now"))
            self.on_halt(desk)

    result = BacktestingEngine(config, Halting(config)).run([path])

    assert [trade.reason for trade in result.trades] == ["halt"]


def test_an_enlargement_on_its_way_counts_for_the_limits():
    @dataclass
    class Enlarging(Scripted):
        said: list[object] = field(default_factory=list)

        def on_answer(self, answer, desk):
            if not self.said:
                self.said.append(desk.replace(answer.order_id, 90, 900))
                self.said.append(desk.place(X, Side.BUY, 900, kind=OrderKind.LIMIT, tick=90))

    strategy = Enlarging([(2 * MS, X, Side.BUY, OrderKind.LIMIT, 90, 3)])
    limits = EXACT.risk.model_copy(update={"max_position_pct": 1.0, "max_exposure_pct": 10.0})

    BacktestingEngine(replace_config(EXACT, risk=limits), strategy).run([_market(depth(5 * MS, (0, 98, 2)))])

    assert strategy.said[0] is None
    assert strategy.said[1].limit == "max_position_pct"
