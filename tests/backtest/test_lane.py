"""A compiled strategy that the kernel runs does, and is told, what it does and is told in Python alone."""

import functools
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from chains import chains
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_orders import Assumed, CompiledScript, Market, Scripted, backtest, scripted

from msray.backtest import lane
from msray.backtest.compiled import Act, CompiledStrategy, Why, decision
from msray.backtest.config import SECOND, BacktestConfig, FundingRate, LatencyConfig, QueueConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.entrances import grids_of
from msray.backtest.latency import ConstantLatency
from msray.errors import UsageError
from msray.features import NAMES
from msray.market import OrderKind
from tests.backtest.made import INSTRUMENT, depth, pieces, records, regrid, snapshot, tape
from tests.backtest.test_stage import market
from tests.backtest.watched import random_market

MS = 1_000_000
INVERSE = replace(INSTRUMENT, venue="binance_coinm", symbol="XUSD_PERP")


def later(decide):
    """Compiled by the first test that calls it: not by each process that collects tests."""
    return functools.cache(lambda: decision(decide))


@later
def by_chance(told, values, words, reals, asks):
    """Anything at any time; ``words[1]`` holds a sum of all that it was told."""
    total = words[1]
    for told_now in (told.now_ns, told.why, told.token, told.kind, told.left, told.side, told.size, told.tick):
        total = total * 1_000_003 + told_now
    for so_far in (told.is_maker, told.position, told.open_orders, told.is_synced, told.known_ns, told.direction):
        total = total * 1_000_003 + so_far
    for best in (told.bid_tick, told.bid_size, told.ask_tick, told.ask_size):
        total = total * 1_000_003 + best
    words[1] = total
    reals[0] += told.score + values.sum()
    words[2 + told.why] += 1
    if told.why == Why.REFUSED or words[18] > 400:
        return 0
    count = 0
    for _ in range(3):
        words[0] = words[0] * 6364136223846793005 + 1442695040888963407
        drawn = (words[0] >> 33) & 0x3FFFFFFF
        what, drawn = drawn % 10, drawn // 10
        ask = asks[count]
        ask.token, drawn = drawn % 12, drawn // 12
        ask.side, drawn = drawn % 2, drawn // 2
        ask.kind, drawn = drawn % 4, drawn // 4
        ask.size, drawn = 1 + drawn % 7, drawn // 7
        near = told.bid_tick if ask.side == 0 else told.ask_tick
        ask.tick = max(near + drawn % 5 - 2, 1)
        ask.at_ns = told.now_ns + (drawn % 40 - 1) * 20 * 1_000_000
        if what < 3:
            if told.known_ns >= 0:
                ask.what = Act.PLACE
                words[18] += 1
                ask.token += 12 * words[19]
                words[19] += 1
                count += 1
        elif what == 3:
            ask.what = Act.CANCEL
            ask.token += 12 * max(words[19] - 1 - ask.size, 0)
            count += 1
        elif what == 4:
            ask.what = Act.REPLACE
            ask.token += 12 * max(words[19] - 1 - ask.size, 0)
            count += 1
        elif what < 7:
            ask.what = Act.WAKE
            words[18] += 1
            count += 1
    return count


class SameLatency:
    """Constant too, but nobody says so: all is left to Python."""

    def __init__(self, entry_ns, response_ns):
        self._entry_ns, self.least_response_ns = entry_ns, response_ns

    def entry_ns(self, sent_ns):
        return self._entry_ns

    def response_ns(self, at_ns):
        return self.least_response_ns


def story(engine, strategy, result):
    risk, accounts = (
        engine.desk.risk,
        {name: (one.size, one.gross, one.cost, one.fees, one.funding) for name, one in result.accounts.items()},
    )
    return {
        "fills": result.fills,
        "trades": result.trades,
        "equity": result.equity,
        "accounts": accounts,
        "answers": result.answers,
        "refusals": result.refusals,
        "halted": result.halted,
        "orders": result.orders,
        "words": strategy.words.tolist(),
        "reals": strategy.reals.tolist(),
        "open": sorted(strategy.tokens.items()),
        "asked": [market.asked for market in engine.desk.markets.values()],
        "observed": (risk.highest, risk.day, risk.day_equity),
    }


def run(path, words, seed, wants_rows, latency, cuts=()):
    strategy = CompiledStrategy(by_chance(), words=np.array([seed, *[0] * 40]), reals=1, wants_rows=wants_rows)
    engine = BacktestingEngine(words, strategy, latency=latency)
    engine.trade([path.instrument])
    edges, grids = sorted(cuts), grids_of(path)
    for begin, part in zip([0, *edges], pieces(path, edges), strict=True):
        instrument = next(one for at, one in reversed(grids) if at <= begin)
        engine.feed(replace(part, instrument=instrument))
        if cuts:
            engine.catch_up()
    return story(engine, strategy, engine.finish()), engine


LIMITS = st.builds(
    RiskConfig,
    max_position_pct=st.sampled_from([0.0005, 0.02, 100.0, 100.0]),
    max_exposure_pct=st.sampled_from([0.001, 100.0, 100.0]),
    max_open_orders=st.sampled_from([1, 3, 1000, 1000]),
    max_orders_per_s=st.sampled_from([1, 4, 1000, 1000]),
    max_daily_loss_pct=st.sampled_from([1e-5, 1e-3, 1.0]),
    max_drawdown_pct=st.sampled_from([1e-5, 1e-3, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(0, 0), (0, 30), (20, 0), (37, 53), (250, 1000), (1000, 1000)]),
    LIMITS,
    st.booleans(),
    st.sampled_from([INSTRUMENT, INVERSE]),
    st.lists(st.integers(1, 149), max_size=3, unique=True),
    st.sampled_from(["gaps", "grids"]),
    st.sampled_from([20_000.0, 2e7]),
)
def test_the_kernel_and_python_do_the_same(seed, delays, limits, wants_rows, instrument, cuts, kind, capital):
    entry_ns, response_ns = (one * MS for one in delays)
    words = BacktestConfig(
        initial_capital=capital,
        fee_rate=0.0005,
        maker_fee_rate=-0.0001,
        compute_ms=1.0,
        risk=limits,
        queue=QueueConfig(model="power"),
        contract_size=10.0,
        funding=(FundingRate(instrument=instrument.id, at_ns=4 * SECOND, rate=0.001),),
    )
    path = (
        random_market(seed, 150, instrument=instrument)
        if kind == "gaps"
        else market(np.random.default_rng(seed), instrument)
    )

    alone, _ = run(path, words, seed, wants_rows, SameLatency(entry_ns, response_ns))
    with patch.object(lane, "_FEW", 0):  # however little it can do, the kernel is asked each time
        found, engine = run(path, words, seed, wants_rows, ConstantLatency(entry_ns, response_ns))
        by_piece, _ = run(path, words, seed, wants_rows, ConstantLatency(entry_ns, response_ns), cuts)

    assert engine._lane is not None
    for name, expected in alone.items():
        assert found[name] == expected, name
        assert by_piece[name] == expected, name


@later
def nothing(told, values, words, reals, asks):
    return 0


@later
def one_thing(told, values, words, reals, asks):
    """Asks at 2 ms for what ``words`` say, and returns their first."""
    if told.why == Why.START:
        asks[0].what, asks[0].at_ns = Act.WAKE, 2_000_000
        return 1
    if told.why == Why.TIME:
        ask = asks[0]
        ask.what, ask.token, ask.side, ask.kind, ask.tick, ask.size = (
            words[1],
            7,
            words[2],
            words[3],
            words[4],
            words[5],
        )
        asks[1].what, asks[1].token, asks[1].side, asks[1].kind, asks[1].tick, asks[1].size = Act.PLACE, 7, 0, 0, 90, 1
        return words[0]
    return 0


FREE = BacktestConfig(
    fee_rate=0.0,
    compute_ms=0.0,
    latency=LatencyConfig(entry_ms=0.0, response_ms=0.0),
    risk=RiskConfig(max_daily_loss_pct=1.0, max_drawdown_pct=1.0),
)
BOOK = snapshot(0, {99: 100}, {101: 100}), depth(MS, (0, 98, 1))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((65, 0, 0, 0, 90, 1), "decide must return 0 to 64, got 65"),
        ((-1, 0, 0, 0, 90, 1), "decide must return 0 to 64, got -1"),
        ((1, 9, 0, 0, 90, 1), "what a decision asks for must be one of Act, 0 to 3, got 9"),
        ((1, 0, 2, 0, 90, 1), "side of an order must be 0 or 1, got 2"),
        ((1, 0, 0, 4, 90, 1), "kind of an order must be 0 to 3, got 4"),
        ((1, 0, 0, 0, 90, 0), "size of an order must be 1 or more units, got 0"),
        ((1, 0, 0, 0, 0, 1), "tick of an order must be 1 to 2147483646, got 0"),
        ((2, 0, 0, 0, 90, 1), "token of an order must not be that of an open one, got 7"),
    ],
)
@pytest.mark.parametrize("latency", [SameLatency(0, 0), ConstantLatency(0, 0)])
def test_what_cannot_be_sent_is_refused_in_words(words, error, latency):
    strategy = CompiledStrategy(one_thing(), words=np.array(words))

    with pytest.raises(UsageError, match=error):
        BacktestingEngine(FREE, strategy, latency=latency).run([tape(records(*BOOK, depth(9 * MS, (0, 98, 2))))])


def test_what_is_no_compiled_strategy_is_refused():
    with pytest.raises(UsageError, match=r"decide must be made by msray\.backtest\.decision"):
        CompiledStrategy(lambda *told: 0)
    with pytest.raises(UsageError, match="words must not be negative, got -1"):
        CompiledStrategy(nothing(), words=-1)
    with pytest.raises(UsageError, match="words must be a row of int64, got 1 dimensions of float64"):
        CompiledStrategy(nothing(), words=np.zeros(2))
    both = [tape(records(*BOOK)), tape(records(*BOOK), instrument=INVERSE)]
    with pytest.raises(UsageError, match="a compiled strategy trades 1 instrument, got 2"):
        BacktestingEngine(FREE, CompiledStrategy(nothing())).run(both)


def test_a_strategy_that_overrides_what_it_is_told_is_told_it_all():
    class Listening(CompiledStrategy):
        heard = 0

        def on_row(self, instrument, desk):
            self.heard += 1
            super().on_row(instrument, desk)

    strategy = Listening(nothing(), wants_rows=True)

    rows = [depth(at * MS, (0, 98, at)) for at in range(2, 40)]
    BacktestingEngine(FREE, strategy, latency=ConstantLatency(0, 0)).run([tape(records(*BOOK, *rows))])

    assert strategy.heard == 39


def test_an_error_of_a_decision_is_raised():
    @decision
    def fails(told, values, words, reals, asks):
        if told.why == Why.ROW and told.now_ns > 2_000_000:
            raise ValueError("no")
        return 0

    rows = [depth(at * MS, (0, 98, at)) for at in range(3, 9)]
    with pytest.raises(ValueError, match="no"):
        BacktestingEngine(FREE, CompiledStrategy(fails, wants_rows=True)).run([tape(records(*BOOK, *rows))])


@later
def each_row(told, values, words, reals, asks):
    if told.why == Why.ROW:
        words[0] += 1
        reals[0] += values[0]
    return 0


def test_every_row_is_told_once_with_its_values():
    path = tape(records(*BOOK, *(depth(at * MS, (0, 98, at)) for at in (2, 3, 3, 7))))
    path = replace(path, values=np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]), columns=(0,))

    for latency in (SameLatency(0, 0), ConstantLatency(0, 0)):
        strategy = CompiledStrategy(each_row(), words=1, reals=1, columns=(NAMES[0],), wants_rows=True)
        BacktestingEngine(FREE, strategy, latency=latency).run([path])

        assert (strategy.words[0], strategy.reals[0]) == (4, 1.0 + 2.0 + 4.0 + 5.0)


@later
def buys_again_late(told, values, words, reals, asks):
    """Buys at 5 ms; at 15 ms it asks for what the kernel leaves to Python, and buys again."""
    if told.why == Why.START:
        for number in range(2):
            asks[number].what, asks[number].token = Act.WAKE, number
            asks[number].at_ns = (5 + 10 * number) * 1_000_000
        return 2
    if told.why != Why.TIME:
        return 0
    if told.token == 1:
        asks[0].what, asks[0].token, asks[0].tick, asks[0].size = Act.REPLACE, 9, 90, 1
    order = asks[told.token]
    order.what, order.token, order.side, order.kind, order.size = Act.PLACE, told.token, 0, OrderKind.MARKET, 1
    return 1 + told.token


def test_a_fill_has_the_price_of_the_grid_it_was_made_on():
    log = records(*BOOK, regrid(10 * MS, 10, 2))
    log.messages["local_ns"][-1] = 40 * MS
    stories = []
    for latency in (SameLatency(0, 20 * MS), ConstantLatency(0, 20 * MS)):
        strategy = CompiledStrategy(buys_again_late())
        engine = BacktestingEngine(FREE, strategy, latency=latency)
        stories.append(story(engine, strategy, engine.run([tape(log)])))

    alone, found = stories
    assert [fill.price for fill in alone["fills"]] == [INSTRUMENT.exact_price(101)] * 2
    assert found == alone


@pytest.fixture(scope="module")
def recorded(data_dir):
    return Market(next(chains(data_dir, ["usdm BTC 2024"])))


def test_on_a_recording_the_kernel_and_python_do_the_same(recorded):
    free = RiskConfig(max_daily_loss_pct=1.0, max_drawdown_pct=1.0, max_orders_per_s=1000, max_open_orders=1000)
    words = recorded.config.model_copy(update={"initial_capital": 1e6, "risk": free})

    path = recorded.tape()
    alone, _ = run(path, words, 5, True, SameLatency(5 * MS, 7 * MS))
    found, _ = run(path, words, 5, True, ConstantLatency(5 * MS, 7 * MS))

    assert len(found["fills"]) > 10
    assert found == alone


def test_on_a_recording_a_compiled_script_does_what_one_in_python_does(recorded):
    orders, assumed = scripted(recorded, 3, each_s=2.0, largest=0.2), Assumed(queue="power")

    found, expected = (
        backtest(recorded, recorded.tape(), strategy, assumed)
        for strategy in (CompiledScript(orders), Scripted(recorded.chain.instrument.id, orders))
    )

    assert len(found.fills) > 100
    for part in ("fills", "trades", "equity", "answers", "orders", "accounts"):
        assert getattr(found, part) == getattr(expected, part), part
